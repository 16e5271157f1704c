// Carrying a plan out: loops over tiles, reductions spelled out over accumulators in the order that the
// semantics gives (docs/semantics.md "Contraction", "Reductions").
#include "schedule/schedule.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "loops/affine.h"
#include "schedule/spell_out.h"
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

namespace {

class Scheduler {
 public:
  Scheduler(const Nest& n, const Plan& p, const Target& t) : n_(n), p_(p), t_(t) {
    for (const Axis& a : n.axes) ranges_[a.variable] = loops::below(a.extent);
  }

  Scheduled run() {
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

 private:
  const Axis* axis(const std::string& name) const {
    for (const Axis& a : n_.axes)
      if (!name.empty() && a.variable == name) return &a;
    return nullptr;
  }

  std::string fresh(const std::string& stem) { return stem + "_" + std::to_string(++names_); }

  const Expr* find_contraction(const Expr& e) {
    std::set<const loops::ExprNode*> seen;
    const Expr* found = nullptr;
    std::function<void(const Expr&)> walk = [&](const Expr& x) {
      if (!x.defined() || !seen.insert(x.get()).second) return;
      if (const auto* r = x.as<loops::Reduce>()) {
        if (r->order != Order::Blocks) return;
        if (found) throw NotScheduled{"two contractions in one kernel"};
        found = &x;
        return;
      }
      if (const auto* a = x.as<loops::Apply>())
        for (const Expr& y : a->arguments) walk(y);
      if (const auto* c = x.as<loops::Convert>()) walk(c->from);
      if (const auto* b = x.as<loops::Bits>()) walk(b->from);
    };
    walk(e);
    return found;
  }

  // for tile in 0..extent: body(start, count), count <= size; the rest of a literal extent is one smaller
  // tile, of a symbolic one single steps.
  // With `edges` the first and the last whole tile stand by themselves, so that conditions which fail only
  // there are decided everywhere else.
  Stmt tiles(const Axis& a, int64_t size, LoopKind kind, bool edges,
             const std::function<Stmt(const Expr&, int64_t)>& body) {
    const Dim n = a.extent;
    const std::string v = fresh(a.variable);
    const Expr start = loops::variable(v);
    if (edges && kind == LoopKind::Serial) {
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
      const std::string t = fresh(a.variable), w = fresh(a.variable), u = fresh(a.variable);
      const Dim inner_end = max(Dim(size), whole - Dim(size));
      ranges_[v] = {Dim(size), n - Dim(2 * size)};
      return loops::block(
          {loops::loop(LoopKind::Serial, t, Expr(int64_t{0}), loops::size(min(whole, Dim(size))),
                       body(Expr(int64_t{0}), size), size),
           loops::loop(LoopKind::Serial, v, Expr(size), loops::size(inner_end), body(start, size), size),
           loops::loop(LoopKind::Serial, u, loops::size(inner_end), loops::size(whole),
                       body(loops::variable(u), size), size),
           loops::loop(LoopKind::Serial, w, loops::size(whole), loops::size(n),
                       body(loops::variable(w), 1))});
    }
    if (const auto literal = n.as_literal()) {
      const int64_t whole = *literal / size * size, rest = *literal - whole;
      if (kind == LoopKind::Parallel) {
        if (whole == 0)
          return loops::loop(kind, v, Expr(int64_t{0}), Expr(int64_t{1}), body(Expr(int64_t{0}), rest));
        if (rest == 0) return loops::loop(kind, v, Expr(int64_t{0}), Expr(whole), body(start, size), size);
        return loops::loop(
            kind, v, Expr(int64_t{0}), Expr(*literal),
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
    return loops::block(
        {loops::loop(kind, v, Expr(int64_t{0}), loops::size(whole), body(start, size), size),
         loops::loop(LoopKind::Serial, w, loops::size(whole), loops::size(n), body(single, 1))});
  }

  // The same over lanes: body(start, vectors, last) where `last` is the end of the axis if the last vector is
  // masked, else undefined.
  Stmt lane_tiles(const Axis& a, LoopKind kind, const std::function<Stmt(Expr, int, Expr)>& body) {
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

  // A register tile: rows × columns × vectors of lanes, from these indices on.
  struct Tile {
    Expr lane, end, row, column;  // end: of the lanes' axis, if the last vector is masked
    int vectors = 1;
    int64_t rows = 1, columns = 1;
  };

  Stmt nest(const std::vector<const Axis*>& order, size_t i, const Tile& t) {
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

  bool guarded_rows() const {
    const Expr& guard = contraction_->as<loops::Reduce>()->guard;
    return guard.defined() && mentions(guard, rows_->variable);
  }

  // One element at a time; reductions over their own axes.
  Stmt single() {
    SpellOut spell(
        ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_);
    const Expr value = spell.all(n_.store.value);
    std::vector<Stmt> s = spell.statements;
    s.push_back(loops::store(n_.store.buffer, n_.store.index, value));
    return spell.allocated(loops::block(s));
  }

  // f(r, lane) is a statement for row·columns + column r of the tile, over the axes' own variables but the
  // lanes'.
  using Body = std::function<Stmt(const Expr& r, const Expr& lane)>;
  using Each = std::function<Stmt(const Body&)>;

  // All of it unrolled.
  Stmt tile(const Tile& t) {
    const int64_t w = t_.lanes;
    const auto each = [&](const Body& f) -> Stmt {
      const std::string r = fresh("r"), q = fresh("q"), v = fresh("v"), l = fresh(lanes_->variable);
      ranges_[r] = loops::below(t.rows);
      const Expr from = t.lane + loops::variable(v) * Expr(w);
      const auto lane_loop = [&](bool masked) {
        const Expr to = from + Expr(w);
        Stmt s = f(loops::variable(r) * Expr(t.columns) + loops::variable(q), loops::variable(l));
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
      const Stmt body = each([&](const Expr&, const Expr&) {
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

  // In how many places the kernel reads a buffer.
  int reads(const BufferPtr& b) const {
    std::set<const loops::Load*> found;
    rewrite(n_.store.value, [&](const Expr& e) -> Expr {
      if (const auto* l = e.as<loops::Load>(); l && l->buffer == b) found.insert(l);
      return {};
    });
    return static_cast<int>(found.size());
  }

  // The operand with its constant read in packed order, cut along `axis` into the plan's tiles.
  Expr packed_along(const Expr& operand, const loops::Reduce& r, const Axis& axis, const Expr& start,
                    int64_t tile) {
    return rewrite(operand, [&](const Expr& e) -> Expr {
      const auto* l = e.as<loops::Load>();
      if (!l || !axis.extent.is_literal()) return {};
      const auto& buffers = n_.kernel.buffers;
      const auto index =
          static_cast<size_t>(std::find(buffers.begin(), buffers.end(), l->buffer) - buffers.begin());
      if (index >= n_.constant.size() || !n_.constant[index] || reads(l->buffer) != 1) return {};
      const auto a = affine_of(l->index[0], ranges_);
      if (!a || !a->constant.is_literal() || !a->coefficient(axis.variable).is_literal()) return {};
      Packing p;
      p.buffer = index;
      p.count = axis.extent.literal();
      p.stride = a->coefficient(axis.variable).literal();
      p.offset = a->constant.literal();
      p.tile = tile;
      size_t terms = p.stride != 0;
      int64_t inner = 1;
      Expr k = Expr(int64_t{0});
      for (size_t i = r.axes.size(); i-- > 0;) {
        const Dim c = a->coefficient(r.axes[i].variable);
        if (c == Dim(0)) continue;
        if (!c.is_literal() || !r.axes[i].extent.is_literal()) return {};
        ++terms;
        p.extents.insert(p.extents.begin(), r.axes[i].extent.literal());
        p.strides.insert(p.strides.begin(), c.literal());
        k = k + loops::variable(r.axes[i].variable) * Expr(inner);
        inner *= r.axes[i].extent.literal();
      }
      // Output axes that are not cut into tiles come first.
      int64_t outer = (p.count + tile - 1) / tile * tile * inner;
      Expr before = Expr(int64_t{0});
      for (size_t i = n_.axes.size(); i-- > 0;) {
        const Axis& o = n_.axes[i];
        const Dim c = a->coefficient(o.variable);
        if (o.variable == axis.variable || c == Dim(0)) continue;
        if (!c.is_literal() || !o.extent.is_literal()) return {};
        ++terms;
        p.outer_extents.insert(p.outer_extents.begin(), o.extent.literal());
        p.outer_strides.insert(p.outer_strides.begin(), c.literal());
        before = before + loops::variable(o.variable) * Expr(outer);
        outer *= o.extent.literal();
      }
      if (p.stride == 0 || terms != a->terms.size() || (inner < 2 && p.stride == 1)) return {};
      loops::BufferPtr& b = packed_buffers_[index];
      if (!b) {
        loops::Buffer copy = *l->buffer;
        copy.dims = {Dim(outer)};
        copy.layout = loops::row_major(copy.dims);
        b = std::make_shared<const loops::Buffer>(copy);
        packings_.push_back(p);
      }
      return loops::load(
          b, {before + start * Expr(inner) + k * Expr(tile) + (loops::variable(axis.variable) - start)});
    });
  }

  Stmt contracted(const Expr& contraction, const Tile& t, const Each& each) {
    const Axis& lanes = *lanes_;
    const Expr& start = t.lane;
    const int64_t count = t.rows * t.columns, vectors = t.vectors;
    const auto& r = *contraction.as<loops::Reduce>();
    const ElementType type = contraction.type();
    const ElementType in = type.is_integer() && type.bits < 32 ? i32 : type;  // wrapping at the end is enough
    const int64_t width = t_.lanes * vectors;
    const auto tile_buffer = [&](const char* name, Scope scope) {
      return loops::make_buffer(fresh(name), in, {Dim(count), Dim(width)}, scope);
    };
    const BufferPtr part = tile_buffer("part", Scope::Registers);
    const auto at = [&](const BufferPtr& b, const Expr& row, const Expr& lane) {
      return loops::load(b, {row, lane - start});
    };
    const auto put = [&](const BufferPtr& b, const Expr& row, const Expr& lane, Expr v) {
      return loops::store(b, {row, lane - start}, std::move(v));
    };
    const Expr zero = loops::number(in, 0);
    const Stmt clear = each([&](const Expr& row, const Expr& lane) { return put(part, row, lane, zero); });

    // The innermost statement. A condition on the lanes masks what is loaded, or the sum; any other is a
    // branch.
    std::vector<Expr> on_lanes, on_rest;
    conjuncts(r.guard, lanes.variable, on_lanes, on_rest);
    const auto operand = [&](size_t i) {
      Expr e = packed_along(r.operands[i], r, lanes, start, int64_t{t_.lanes} * p_.vectors);
      if (rows_) e = packed_along(e, r, *rows_, t.row, p_.row_count);
      return in == type ? e : convert(e, in);
    };
    const Expr operand_a = operand(0), operand_b = operand(1);
    const auto chain = [&](const Expr& row, const Expr& lane) {
      Expr a = operand_a, b = operand_b;
      Expr condition;
      for (const Expr& c : on_lanes) condition = condition.defined() ? both(condition, c) : c;
      const bool a_varies = mentions(a, lanes.variable), b_varies = mentions(b, lanes.variable);
      bool mask_sum = false;
      if (condition.defined()) {
        // A term left out is fma(0, other, sum) where the other is finite.
        mask_sum = !(in.is_integer() || (a_varies != b_varies && is_finite(a_varies ? b : a)));
        if (a_varies) a = select(condition, a, loops::number(in, 0));
        if (b_varies) b = select(condition, b, loops::number(in, 0));
      }
      const Expr old = at(part, row, lane);
      Expr sum = apply(Function::Fma, {a, b, old});
      if (mask_sum) sum = select(condition, sum, old);
      return put(part, row, lane, sum);
    };
    Stmt innermost = each(chain);
    // Conditions on the rows are branches of each row, but for those that the tile's range decides.
    std::vector<Expr> branches, on_rows;
    for (const Expr& c : on_rest)
      if (columns_ && mentions(c, columns_->variable))
        throw NotScheduled{"columns on which a condition depends"};
    for (const Expr& c : on_rest) (rows_ && mentions(c, rows_->variable) ? on_rows : branches).push_back(c);
    if (!on_rows.empty())
      innermost = each([&](const Expr& r_index, const Expr& lane) {
        Stmt s = chain(r_index, lane);
        for (const Expr& c : on_rows) {
          // The row is all of r_index but the column, which conditions on rows do not mention.
          loops::Ranges known = ranges_;
          const std::string any = "$any_row";
          known[any] = loops::below(t.rows);
          const auto decided = decide(substitute(c, rows_->variable, t.row + loops::variable(any)), known);
          if (!decided || !*decided) s = loops::guard(c, s);
        }
        return s;
      });

    std::vector<Axis> axes;
    for (const Axis& a : r.axes) {
      if (a.extent != Dim(1)) {
        axes.push_back(a);
        continue;
      }
      innermost = substitute(innermost, a.variable, Expr(int64_t{0}));
      for (Expr& c : branches) c = substitute(c, a.variable, Expr(int64_t{0}));
    }
    const auto finish = [&](const Expr& sum) -> Stmt {
      const Expr result = in == type ? sum : convert(sum, type);
      const Expr value = replace(n_.store.value, contraction, result);
      return each([&](const Expr& row, const Expr& lane) {
        const Expr v = substitute(substitute(value, kRow, row), kLane, lane - start);
        return loops::store(n_.store.buffer, n_.store.index, v);
      });
    };
    const auto sum_of = [&](const BufferPtr& b) {
      return loops::load(b, {loops::variable(kRow), loops::variable(kLane)});
    };
    const auto plus_zero = [&](const Expr& e) { return in.is_integer() ? e : loops::number(in, 0) + e; };
    if (axes.empty()) {
      for (const Expr& c : branches) innermost = loops::guard(c, innermost);
      return loops::allocate(part, loops::block({clear, innermost, finish(plus_zero(sum_of(part)))}));
    }

    Dim inner_terms = 1;
    for (size_t i = 1; i < axes.size(); ++i) inner_terms = inner_terms * axes[i].extent;
    if (!inner_terms.is_literal()) throw NotScheduled{"a window whose size is known only at run time"};
    if (!axes[0].extent.is_literal() && inner_terms.literal() > kBlockTerms)
      throw NotScheduled{"blocks of an outermost axis that may have one step"};
    const int64_t steps = block_steps(inner_terms.literal());
    for (size_t i = axes.size(); i-- > 1;) {
      const Axis& a = axes[i];
      const bool unroll = a.extent.is_literal() && a.extent.literal() <= 7 && i + 1 == axes.size() &&
                          a.extent.literal() * count * vectors <= 128;
      Expr from = Expr(int64_t{0}), to = loops::size(a.extent);
      std::vector<Expr> left;
      for (const Expr& c : branches) {
        if (!mentions(c, a.variable))
          left.push_back(c);
        else if (unroll || !clip(c, a.variable, from, to))
          innermost = loops::guard(c, innermost);
      }
      branches = left;
      innermost =
          loops::loop(unroll ? LoopKind::Unrolled : LoopKind::Serial, a.variable, from, to, innermost);
    }
    for (const Expr& c : branches) innermost = loops::guard(c, innermost);
    const Axis& k = axes[0];
    const auto literal = k.extent.as_literal();
    if (literal && *literal <= steps) {
      const Stmt all =
          loops::loop(LoopKind::Serial, k.variable, Expr(int64_t{0}), loops::size(k.extent), innermost);
      return loops::allocate(part, loops::block({clear, all, finish(plus_zero(sum_of(part)))}));
    }
    if (in.is_integer()) {  // any order
      const Stmt all =
          loops::loop(LoopKind::Serial, k.variable, Expr(int64_t{0}), loops::size(k.extent), innermost);
      return loops::allocate(part, loops::block({clear, all, finish(sum_of(part))}));
    }
    const BufferPtr sum = tile_buffer("sum", Scope::Scratch);
    const std::string kb = fresh("kb");
    const Expr block = loops::variable(kb);
    const Expr block_end = apply(Function::Min, {block + Expr(steps), loops::size(k.extent)});
    const Stmt add = each([&](const Expr& row, const Expr& lane) {
      return put(sum, row, lane, at(sum, row, lane) + at(part, row, lane));
    });
    const Stmt start_sum = each([&](const Expr& row, const Expr& lane) { return put(sum, row, lane, zero); });
    const Stmt blocks = loops::loop(
        LoopKind::Serial, kb, Expr(int64_t{0}), loops::size(k.extent),
        loops::block({clear, loops::loop(LoopKind::Serial, k.variable, block, block_end, innermost), add}),
        steps);
    return loops::allocate(sum,
                           loops::allocate(part, loops::block({start_sum, blocks, finish(sum_of(sum))})));
  }

  void conjuncts(const Expr& e, const std::string& lanes, std::vector<Expr>& on_lanes,
                 std::vector<Expr>& on_rest) {
    if (!e.defined()) return;
    if (const auto* a = e.as<loops::Apply>(); a && a->function == Function::And) {
      conjuncts(a->arguments[0], lanes, on_lanes, on_rest);
      conjuncts(a->arguments[1], lanes, on_lanes, on_rest);
      return;
    }
    loops::Ranges ranges = ranges_;
    (mentions(e, lanes) ? on_lanes : on_rest).push_back(e);
  }

  // A condition v < e or 0 <= v + e as a bound of v's loop.
  bool clip(const Expr& condition, const std::string& v, Expr& from, Expr& to) {
    const auto* c = condition.as<loops::Apply>();
    if (!c || (c->function != Function::Less && c->function != Function::LessEqual)) return false;
    const auto low = affine_of(c->arguments[0], ranges_), high = affine_of(c->arguments[1], ranges_);
    if (!low || !high) return false;
    loops::Affine d = *high - *low;  // d > 0, or d >= 0
    if (c->function == Function::LessEqual) d.constant += 1;
    const Dim k = d.coefficient(v);
    d.terms.erase(v);
    if (k == Dim(-1)) {  // v < d
      to = apply(Function::Min, {to, expr_of(d)});
      return true;
    }
    if (k == Dim(1)) {  // v > -d
      from = apply(Function::Max, {from, Expr(1) - expr_of(d)});
      return true;
    }
    return false;
  }

  static bool mentions(const Expr& e, const std::string& variable) { return SpellOut::mentions(e, variable); }

  static bool is_finite(const Expr& e) {
    if (const auto* l = e.as<loops::Load>()) return l->buffer->finite;
    if (const auto* c = e.as<loops::Convert>()) return c->from.type().is_integer() && e.type().bits >= 32;
    return false;
  }

  static Expr replace(const Expr& in, const Expr& what, const Expr& by) {
    return rewrite(in, [&](const Expr& e) { return e.get() == what.get() ? by : Expr(); });
  }

  static constexpr const char* kRow = "$row";
  static constexpr const char* kLane = "$lane";

  const Nest& n_;
  const Plan& p_;
  const Target& t_;
  loops::Ranges ranges_;
  std::vector<BufferPtr> scratch_;
  std::map<size_t, BufferPtr> packed_buffers_;
  std::vector<Packing> packings_;
  const Expr* contraction_ = nullptr;
  const Axis *lanes_ = nullptr, *rows_ = nullptr, *columns_ = nullptr, *parallel_ = nullptr;
  int names_ = 0;
};

}  // namespace

Scheduled schedule(const Nest& n, const Plan& p, const Target& t) { return Scheduler(n, p, t).run(); }

Tensor packed(const Tensor& original, const Packing& p) {
  const auto product = [](const std::vector<int64_t>& v) {
    int64_t n = 1;
    for (int64_t x : v) n *= x;
    return n;
  };
  const auto position = [](int64_t i, const std::vector<int64_t>& extents,
                           const std::vector<int64_t>& strides) {
    int64_t at = 0;
    for (size_t d = extents.size(); d-- > 0; i /= extents[d]) at += i % extents[d] * strides[d];
    return at;
  };
  const int64_t terms = product(p.extents), outer = product(p.outer_extents);
  const int64_t tiles = (p.count + p.tile - 1) / p.tile, bytes = original.element_bytes();
  Tensor result(original.type(), {outer * tiles * p.tile * terms});
  const auto* from = static_cast<const char*>(original.raw());
  auto* to = static_cast<char*>(result.raw());
  for (int64_t o = 0; o < outer; ++o, to += tiles * p.tile * terms * bytes) {
    const int64_t base = p.offset + position(o, p.outer_extents, p.outer_strides);
    for (int64_t k = 0; k < terms; ++k) {
      const int64_t at = base + position(k, p.extents, p.strides);
      for (int64_t i = 0; i < p.count; ++i)
        std::memcpy(to + (i / p.tile * p.tile * terms + k * p.tile + i % p.tile) * bytes,
                    from + (at + i * p.stride) * bytes, static_cast<size_t>(bytes));
    }
  }
  return result;
}

}  // namespace tauto
