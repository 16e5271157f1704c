// Carrying a plan out: loops over the axes, tiles with their tails, what one tile computes.
#include "schedule/schedule.h"

#include <algorithm>
#include <set>

#include "schedule/scheduler.h"
#include "support/error.h"

namespace tauto {

using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::LoopKind;
using loops::Order;
using loops::Scope;
using loops::Stmt;

Scheduled Scheduler::run() {
  contraction_ = find_contraction(n_.store.value);
  lanes_ = axis(p_.lanes);
  rows_ = axis(p_.rows);
  columns_ = axis(p_.columns);
  if (!p_.lanes.empty() && !lanes_) throw NotScheduled{"no axis " + p_.lanes};
  if (!p_.rows.empty() && (!rows_ || rows_ == lanes_)) throw NotScheduled{"no axis for rows: " + p_.rows};
  if (!p_.columns.empty() && (!columns_ || columns_ == lanes_ || columns_ == rows_))
    throw NotScheduled{"no axis for columns: " + p_.columns};
  if ((rows_ || columns_) && !(contraction_ && lanes_))
    throw NotScheduled{"rows and columns are for contractions over lanes"};
  if (contraction_)
    for (const Axis& a : contraction_->as<loops::Reduce>()->axes)
      ranges_[a.variable] = loops::below(a.extent);
  // The parallel axis, other axes, columns, lanes, rows.
  parallel_ = axis(p_.parallel);
  std::vector<const Axis*> order;
  for (const Axis& a : n_.axes)
    if (&a != lanes_ && &a != rows_ && &a != columns_) order.push_back(&a);
  for (const Axis* a : {columns_, lanes_, rows_})
    if (a) order.push_back(a);
  if (const auto at = std::find(order.begin(), order.end(), parallel_); at != order.end())
    std::rotate(order.begin(), at, at + 1);
  Stmt body = nest(order, 0, Tile());
  for (auto b = scratch_.rbegin(); b != scratch_.rend(); ++b) body = loops::allocate(*b, body);
  Scheduled s;
  s.kernel = n_.kernel;
  s.kernel.body = body;
  for (const auto& [index, b] : packed_buffers_) s.kernel.buffers[index] = b;
  s.packings = packings_;
  return s;
}

const Expr* Scheduler::find_contraction(const Expr& e) {
  const Expr* found = nullptr;
  each_node(e, [&](const Expr& x) {
    const auto* r = x.as<loops::Reduce>();
    if (r && r->order == Order::Blocks) {
      if (found) throw NotScheduled{"two contractions in one kernel"};
      found = &x;
    }
    return !r;
  });
  return found;
}

Stmt Scheduler::tiles(const Axis& a, int64_t size, LoopKind kind, bool edges,
                      const std::function<Stmt(const Expr&, int64_t)>& body) {
  const Dim n = a.extent;
  const std::string v = fresh(a.variable);
  const Expr start = loops::variable(v);
  if (edges && kind == LoopKind::Serial && n.is_literal()) {
    const Dim whole = floor_div(n, Dim(size)) * Dim(size);
    const auto one = [&](Expr from, const Dim& low, const Dim& high) {  // a loop of low <= tile < high
      const std::string t = fresh(a.variable);
      ranges_[t] = {low, high - Dim(size)};
      if (!from.defined()) from = loops::variable(t);
      return loops::loop(LoopKind::Serial, t, loops::size(low), loops::size(high), body(from, size), size);
    };
    if (const auto literal = n.as_literal()) {
      const int64_t w = whole.literal(), rest = *literal - w;
      std::vector<Stmt> s;
      if (w >= size) s.push_back(body(Expr(int64_t{0}), size));
      if (w >= 3 * size) s.push_back(one({}, Dim(size), Dim(w - size)));
      if (w >= 2 * size) s.push_back(body(Expr(w - size), size));
      if (rest) s.push_back(body(Expr(w), rest));
      return loops::block(s);
    }
  }
  if (const auto literal = n.as_literal()) {
    const int64_t whole = *literal / size * size, rest = *literal - whole;
    if (kind == LoopKind::Parallel) {
      if (whole == 0)
        return loops::loop(kind, v, Expr(int64_t{0}), Expr(int64_t{1}), body(Expr(int64_t{0}), rest));
      if (rest == 0) return loops::loop(kind, v, Expr(int64_t{0}), Expr(whole), body(start, size), size);
      return loops::loop(kind, v, Expr(int64_t{0}), Expr(*literal),
                         loops::block({loops::guard(less(start, Expr(whole)), body(start, size)),
                                       loops::guard(less(Expr(whole - 1), start), body(Expr(whole), rest))}),
                         size);
    }
    std::vector<Stmt> s;
    if (whole == size)
      s.push_back(body(Expr(int64_t{0}), size));
    else if (whole)
      s.push_back(loops::loop(kind, v, Expr(int64_t{0}), Expr(whole), body(start, size), size));
    if (rest) s.push_back(body(Expr(whole), rest));
    return loops::block(s);
  }
  if (size == 1) return loops::loop(kind, v, Expr(int64_t{0}), loops::size(n), body(start, 1));
  const Dim whole = floor_div(n, Dim(size)) * Dim(size);
  const std::string w = fresh(a.variable);
  const Expr single = loops::variable(w);
  if (kind == LoopKind::Parallel)
    return loops::loop(kind, v, Expr(int64_t{0}), loops::size(n),
                       loops::block({loops::guard(less(start, loops::size(whole)), body(start, size)),
                                     loops::guard(less(loops::size(whole - 1), start),
                                                  loops::loop(LoopKind::Serial, w, start, loops::size(n),
                                                              body(single, 1)))}),
                       size);
  // The last tile ends with the axis: it computes some outputs again, to the same bits.
  ranges_[v] = {Dim(edges ? size : 0), n - Dim(size + 1)};
  std::vector<Stmt> s;
  if (edges) s.push_back(body(Expr(int64_t{0}), size));
  s.push_back(
      loops::loop(kind, v, Expr(edges ? size : 0), loops::size(n - Dim(size)), body(start, size), size));
  s.push_back(body(loops::size(n - Dim(size)), size));
  return loops::block(
      {loops::guard(less(Expr(size - 1), loops::size(n)), loops::block(s)),
       loops::guard(less(loops::size(n), Expr(size)),
                    loops::loop(kind, w, Expr(int64_t{0}), loops::size(n), body(single, 1)))});
}

Stmt Scheduler::lane_tiles(const Axis& a, LoopKind kind, const std::function<Stmt(Expr, int, Expr)>& body) {
  const int64_t w = t_.lanes, tile = w * p_.vectors;
  const Dim n = a.extent;
  const Expr end = loops::size(n);
  const std::string v = fresh(a.variable);
  const Expr start = loops::variable(v);
  const auto tail = [&](const Expr& from, const Dim& first) -> Stmt {  // the vectors from `first` on
    if (const auto literal = n.as_literal()) {
      const int64_t rest = *literal - first.literal();
      const int count = static_cast<int>((rest + w - 1) / w);
      return body(from, count, rest % w ? end : Expr());
    }
    const std::string u = fresh(a.variable);
    return loops::loop(LoopKind::Serial, u, from, end, body(loops::variable(u), 1, end), w);
  };
  const Dim whole = floor_div(n, Dim(tile)) * Dim(tile);
  const bool exact = whole == n;
  if (kind == LoopKind::Parallel) {
    if (exact) return loops::loop(kind, v, Expr(int64_t{0}), end, body(start, p_.vectors, {}), tile);
    if (whole == Dim(0))
      return loops::loop(kind, v, Expr(int64_t{0}), Expr(int64_t{1}), tail(Expr(int64_t{0}), 0));
    return loops::loop(
        kind, v, Expr(int64_t{0}), end,
        loops::block({loops::guard(less(start, loops::size(whole)), body(start, p_.vectors, {})),
                      loops::guard(less(loops::size(whole - 1), start), tail(loops::size(whole), whole))}),
        tile);
  }
  std::vector<Stmt> s;
  if (whole == Dim(tile))
    s.push_back(body(Expr(int64_t{0}), p_.vectors, {}));
  else if (whole != Dim(0))
    s.push_back(
        loops::loop(kind, v, Expr(int64_t{0}), loops::size(whole), body(start, p_.vectors, {}), tile));
  if (!exact) s.push_back(tail(loops::size(whole), whole));
  return loops::block(s);
}

Stmt Scheduler::nest(const std::vector<const Axis*>& order, size_t i, const Tile& t) {
  if (i == order.size()) return lanes_ ? tile(t) : single();
  const Axis& a = *order[i];
  const LoopKind kind = &a == parallel_ ? LoopKind::Parallel : LoopKind::Serial;
  if (&a == lanes_)
    return lane_tiles(a, kind, [&](const Expr& start, int vectors, const Expr& end) {
      Tile u = t;
      u.lane = start, u.vectors = vectors, u.end = end;
      return nest(order, i + 1, u);
    });
  if (&a == rows_)
    return tiles(a, p_.row_count, kind, guarded_rows(), [&](const Expr& start, int64_t count) {
      Tile u = t;
      u.row = start, u.rows = count;
      return nest(order, i + 1, u);
    });
  if (&a == columns_)
    return tiles(a, p_.column_count, kind, false, [&](const Expr& start, int64_t count) {
      Tile u = t;
      u.column = start, u.columns = count;
      return nest(order, i + 1, u);
    });
  return loops::loop(kind, a.variable, Expr(int64_t{0}), loops::size(a.extent), nest(order, i + 1, t));
}

Stmt Scheduler::single() {
  SpellOut spell(
      ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_);
  const Expr value = spell.all(n_.store.value);
  std::vector<Stmt> s = spell.statements;
  s.push_back(loops::store(n_.store.buffer, n_.store.index, value));
  return spell.allocated(loops::block(s));
}

Stmt Scheduler::tile(const Tile& t) {
  const int64_t w = t_.lanes;
  const auto each = [&](const Body& f) -> Stmt {
    const std::string r = fresh("r"), q = fresh("q"), v = fresh("v"), l = fresh(lanes_->variable);
    ranges_[r] = loops::below(t.rows);
    const Expr from = t.lane + loops::variable(v) * Expr(w);
    const auto lane_loop = [&](bool masked) {
      const Expr to = from + Expr(w);
      Stmt s = f(loops::variable(r) * Expr(t.columns) + loops::variable(q), loops::variable(l),
                 loops::variable(r));
      s = substitute(s, lanes_->variable, loops::variable(l));
      s = loops::loop(LoopKind::Lanes, l, from, masked ? apply(Function::Min, {to, t.end}) : to, s);
      if (rows_) s = substitute(s, rows_->variable, t.row + loops::variable(r));
      if (columns_) s = substitute(s, columns_->variable, t.column + loops::variable(q));
      return s;
    };
    std::vector<Stmt> parts;
    const auto vectors = [&](int64_t first, int64_t last, bool masked) {
      if (first < last)
        parts.push_back(loops::loop(LoopKind::Unrolled, v, Expr(first), Expr(last), lane_loop(masked)));
    };
    const bool masked = t.end.defined();
    vectors(0, t.vectors - masked, false);
    vectors(t.vectors - masked, t.vectors, masked);
    return loops::loop(
        LoopKind::Unrolled, r, Expr(int64_t{0}), Expr(t.rows),
        loops::loop(LoopKind::Unrolled, q, Expr(int64_t{0}), Expr(t.columns), loops::block(parts)));
  };
  const Axis& lanes = *lanes_;
  if (!contraction_) {
    // What does not depend on the lanes is computed before them, the rest inside, vector by vector.
    SpellOut before(
        ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_);
    const Expr value = before.without(n_.store.value, lanes.variable);
    const Stmt body = each([&](const Expr&, const Expr&, const Expr&) {
      SpellOut inside(
          ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_, lanes.variable);
      const Expr v = inside.all(value);
      std::vector<Stmt> s = inside.statements;
      s.push_back(loops::store(n_.store.buffer, n_.store.index, v));
      return inside.allocated(loops::block(s));
    });
    std::vector<Stmt> s = before.statements;
    s.push_back(body);
    return before.allocated(loops::block(s));
  }
  return contracted(*contraction_, t, each);
}

// A select on indices (the parts of a concat, padding) guards the loads of its sides. A reduction is spelled
// out before the expression it stands in, outside of that guard: its loads would leave their buffers. So one
// that only such a select asks for is refused.
namespace {

bool reads(const Expr& e) {
  return any_node(e, [](const Expr& x) { return x.as<loops::Load>() || x.as<loops::Reduce>(); });
}

// The reductions in e: all of them, or those that no select on indices guards.
std::set<const loops::ExprNode*> reductions_in(const Expr& e, bool guarded_too) {
  std::set<const loops::ExprNode*> found;
  each_node(e, [&](const Expr& x) {
    if (x.as<loops::Reduce>()) found.insert(x.get());
    const auto* a = x.as<loops::Apply>();
    return guarded_too || !a || a->function != loops::Function::Choose || reads(a->arguments[0]);
  });
  return found;
}

void refuse_guarded_reductions(const Expr& e) {
  if (reductions_in(e, true) != reductions_in(e, false))
    throw NotScheduled{"a reduction in one part of a concatenation or padding"};
}

}  // namespace

Scheduled schedule(const Nest& n, const Plan& p, const Target& t) {
  refuse_guarded_reductions(n.store.value);
  return Scheduler(n, p, t).run();
}

}  // namespace tauto
