// Carrying a plan out: the order of the loops, and what one tile computes.
#include "schedule/schedule.h"

#include <algorithm>
#include <set>

#include "schedule/abreast.h"
#include "schedule/neighbours.h"
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
  if ((rows_ && contraction_ && !lanes_) || (columns_ && !(contraction_ && lanes_)))
    throw NotScheduled{"rows and columns of a contraction are for tiles with lanes"};
  if (contraction_)
    for (const Axis& a : contraction_->as<loops::Reduce>()->axes)
      ranges_[a.variable] = loops::below(a.extent);
  parallel_ = axis(p_.parallel);
  value_ = n_.store.value;
  if (contraction_ && (!p_.whole.empty() || p_.keep > 0))
    throw NotScheduled{"steps are for kernels without a contraction"};
  for (const std::string& name : p_.whole) {
    if (!axis(name) || axis(name) == parallel_ || axis(name) == rows_)
      throw NotScheduled{"no axis to be walked whole: " + name};
  }
  // The parallel axis, other axes, columns, lanes, rows (without a contraction rows, lanes); then whole axes,
  // of these the lanes last.
  const auto is_whole = [&](const Axis& a) {
    return std::find(p_.whole.begin(), p_.whole.end(), a.variable) != p_.whole.end();
  };
  std::vector<const Axis*> order;
  for (const Axis& a : n_.axes) {
    if (is_whole(a)) whole_.push_back(&a);
    if (!is_whole(a) && &a != lanes_ && &a != rows_ && &a != columns_) order.push_back(&a);
  }
  for (const Axis* a : {columns_, contraction_ ? lanes_ : rows_, contraction_ ? rows_ : lanes_})
    if (a && !is_whole(*a)) order.push_back(a);
  if (!whole_.empty() || p_.keep > 0) steps_.emplace(n_, p_.whole, p_.keep);
  for (const Axis* a : whole_)
    if (a != lanes_) order.push_back(a);
  if (lanes_ && is_whole(*lanes_)) order.push_back(lanes_);
  if (const Axis* near = axis(axis_of_neighbours(n_, p_.lanes)); near && near != parallel_ && !steps_) {
    order.erase(std::find(order.begin(), order.end(), near));
    order.push_back(near);
  }
  if (const auto at = std::find(order.begin(), order.end(), parallel_); at != order.end())
    std::rotate(order.begin(), at, at + 1);
  if (p_.block > 1) {
    if (!contraction_ || !lanes_ || !rows_ || !lanes_->extent.is_literal() || inside(*lanes_))
      throw NotScheduled{"blocks are for lanes of a known extent beside rows, without conditions on them"};
    order.erase(std::find(order.begin(), order.end(), lanes_));
    order.push_back(lanes_);
  }
  Stmt body = p_.block > 1 ? blocks(order) : nest(order, 0, Tile());
  for (auto b = scratch_.rbegin(); b != scratch_.rend(); ++b) body = loops::allocate(*b, body);
  Scheduled s;
  s.kernel = n_.kernel;
  s.kernel.body = body;
  for (const auto& [index, b] : packed_buffers_) s.kernel.buffers[index] = b;
  s.packings = packings_;
  s.words = n_.words;
  for (const auto& [number, parts] : n_.parts)
    if (!packed_buffers_.count(number)) throw NotScheduled{"a constant of a dot product is not packed"};
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

// Whole blocks of the lanes' tiles, then what is left of them; everything else is inside.
Stmt Scheduler::blocks(const std::vector<const Axis*>& order) {
  const Axis& a = *lanes_;
  const auto some = [&](const Expr& start, int64_t extent) {
    Tile t;
    t.block = start, t.block_extent = extent;
    return nest(order, 0, t);
  };
  const int64_t size = int64_t{t_.lanes} * p_.vectors * p_.block;
  const int64_t whole = a.extent.literal() / size * size, rest = a.extent.literal() - whole;
  return walk(
      a, lanes_ == parallel_ ? LoopKind::Parallel : LoopKind::Serial, {{0, whole, {0, Dim(whole - size)}}},
      a.extent, size, [&](const Expr& start) { return some(start, size); },
      [&](const Expr&) { return some(Expr(whole), rest); });
}

Stmt Scheduler::nest(const std::vector<const Axis*>& order, size_t i, const Tile& t) {
  if (steps_ && i == order.size() - whole_.size() && !in_steps_) {
    if (t.lane.defined()) return tile(t);
    in_steps_ = true;
    const Stmt s = steps_from(0, {}, "", {}, [&](const Expr& value) {
      value_ = value;
      return nest(order, i, t);
    });
    in_steps_ = false;
    return s;
  }
  if (i == order.size()) return lanes_ ? tile(t) : single();
  const Axis& a = *order[i];
  const LoopKind kind = &a == parallel_ ? LoopKind::Parallel : LoopKind::Serial;
  if (&a == lanes_) {
    const Axis some{a.variable, t.block.defined() ? Dim(t.block_extent) : a.extent};
    const auto at = [&](const Expr& e) { return t.block.defined() && e.defined() ? t.block + e : e; };
    return lane_tiles(some, t.block.defined() ? LoopKind::Serial : kind,
                      [&](const Expr& start, int vectors, const Expr& end) {
                        Tile u = t;
                        u.lane = at(start), u.vectors = vectors, u.end = at(end);
                        return nest(order, i + 1, u);
                      });
  }
  if (&a == rows_)
    return tiles(a, p_.row_count, kind, [&](const Expr& start, int64_t count) {
      if (!contraction_) return rows_abreast(nest(order, i + 1, t), start, count);
      Tile u = t;
      u.row = start, u.rows = count;
      return nest(order, i + 1, u);
    });
  if (&a == columns_)
    return tiles(a, p_.column_count, kind, [&](const Expr& start, int64_t count) {
      Tile u = t;
      u.column = start, u.columns = count;
      return nest(order, i + 1, u);
    });
  if (std::vector<int64_t> at = cuts(a); !at.empty()) return segments(order, i, t, kind, std::move(at));
  return loops::loop(kind, a.variable, Expr(int64_t{0}), loops::size(a.extent), nest(order, i + 1, t));
}

Stmt Scheduler::rows_abreast(const Stmt& s, const Expr& start, int64_t count) {
  std::set<BufferPtr> used;
  each_node(
      s,
      [&](const Expr& e) {
        if (const auto* l = e.as<loops::Load>()) used.insert(l->buffer);
      },
      [](const Stmt&) {});
  std::vector<std::vector<BufferPtr>> own;
  const size_t before = scratch_.size();
  for (size_t i = 0; i < before; ++i) {
    if (!used.count(scratch_[i])) continue;
    std::vector<BufferPtr>& copies = abreast_[scratch_[i]];
    if (copies.empty()) copies.push_back(scratch_[i]);
    for (auto have = static_cast<int64_t>(copies.size()); have < count; ++have) {
      copies.push_back(copy_of(*copies[0], [this](const std::string& stem) { return fresh(stem); }));
      scratch_.push_back(copies.back());
    }
    own.push_back(copies);
  }
  return abreast(s, rows_->variable, start, count, own,
                 [this](const std::string& stem) { return fresh(stem); });
}

Stmt Scheduler::single() {
  SpellOut spell(
      ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_);
  const Expr value = spell.all(value_);
  std::vector<Stmt> s = spell.statements;
  s.push_back(loops::store(n_.store.buffer, n_.store.index, value));
  return spell.allocated(loops::block(s));
}

Stmt Scheduler::vectors_of(const Expr& start, int vectors, const Expr& end,
                           const std::function<Stmt(const Expr&)>& f) {
  const Expr w = int64_t{t_.lanes};
  const std::string v = fresh("v"), l = fresh(lanes_ ? lanes_->variable : "l");
  const Expr from = start + loops::variable(v) * w;
  std::vector<Stmt> parts;
  const auto some = [&](int64_t first, int64_t last, bool masked) {
    if (first >= last) return;
    const Expr to = from + w;
    const Stmt s = loops::loop(LoopKind::Lanes, l, from, masked ? apply(Function::Min, {to, end}) : to,
                               f(loops::variable(l)));
    parts.push_back(loops::loop(LoopKind::Unrolled, v, Expr(first), Expr(last), s));
  };
  const bool masked = end.defined();
  some(0, vectors - masked, false);
  some(vectors - masked, vectors, masked);
  return loops::block(parts);
}

Stmt Scheduler::tile(const Tile& t) {
  const auto each_in = [&](LoopKind rows, const Body& f) -> Stmt {
    const std::string r = fresh("r"), q = fresh("q");
    ranges_[r] = loops::below(t.rows);
    const Stmt vectors = vectors_of(t.lane, t.vectors, t.end, [&](const Expr& lane) {
      Stmt s = f(loops::variable(r) * Expr(t.columns) + loops::variable(q), lane, loops::variable(r));
      s = substitute(s, lanes_->variable, lane);
      if (rows_ && contraction_) s = substitute(s, rows_->variable, t.row + loops::variable(r));
      if (columns_) s = substitute(s, columns_->variable, t.column + loops::variable(q));
      return s;
    });
    return loops::loop(rows, r, Expr(int64_t{0}), Expr(t.rows),
                       loops::loop(LoopKind::Unrolled, q, Expr(int64_t{0}), Expr(t.columns), vectors));
  };
  const Each each = [&](const Body& f) { return each_in(LoopKind::Unrolled, f); };
  if (steps_ && !in_steps_)  // the lanes are of another axis: each has its own steps
    return each([&](const Expr&, const Expr& lane, const Expr&) {
      return steps_from(0, {}, lanes_->variable, lane - t.lane,
                        [&](const Expr& value) { return down(value); });
    });
  const Axis& lanes = *lanes_;
  const Expr* column =
      !contraction_ && !steps_ && p_.vectors > 1 && !rows_ ? column_reduction(n_, p_.lanes) : nullptr;
  if (column) return columns(*column, t, each);
  if (!contraction_) {
    // What does not depend on the lanes is computed before them, the rest inside, vector by vector.
    SpellOut before(
        ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_);
    const Expr value = before.without(value_, lanes.variable);
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
  return contracted(*contraction_, t, each, [&](const Body& f) { return each_in(LoopKind::Serial, f); });
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
