// The register tile of a contraction: chains of fma per block of terms (docs/semantics.md "Contraction"),
// what the lanes and rows load, conditions where they are decided, constants packed in the order of the
// tiles.
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

namespace {

constexpr int64_t kMostUnrolled = 256;  // operations after the sums of a tile

}  // namespace

int Scheduler::reads(const BufferPtr& b) const {
  int found = 0;
  each_node(n_.store.value, [&](const Expr& e) {
    const auto* l = e.as<loops::Load>();
    found += l && l->buffer == b;
    return true;
  });
  return found;
}

Expr Scheduler::packed_along(const Expr& operand, const loops::Reduce& r, const Axis& axis, const Expr& start,
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
    if (const auto parts = n_.parts.find(index); parts != n_.parts.end()) p.parts = parts->second;
    if (p.stride == 0 || terms != a->terms.size() || (inner < 2 && p.stride == 1 && p.parts.count == 1))
      return {};
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

// Of each element, once the contraction is known.
int64_t Scheduler::operations_after(const Expr& contraction) const {
  int64_t n = 0;
  each_node(n_.store.value, [&](const Expr& e) {
    n += e.as<loops::Convert>() || (e.as<loops::Apply>() && !(e.type() == i64));
    return e.get() != contraction.get() && !e.as<loops::Load>();
  });
  return n;
}

bool Scheduler::lies_along_rows(const Tile& t) const {
  if (!rows_ || t.rows != t_.lanes) return false;
  const auto at = affine_of(n_.store.index[0], ranges_);
  return at && at->coefficient(rows_->variable) == Dim(1) && at->coefficient(lanes_->variable) != Dim(1);
}

// The results of a tile, lane by lane of it, over the rows, which lie side by side in memory.
Stmt Scheduler::turned(const Expr& contraction, const BufferPtr& done, const Tile& t) {
  const std::string q = fresh("q"), c = fresh("c"), l = fresh("l");
  const Expr row = loops::variable(l), column = loops::variable(q), lane = loops::variable(c);
  Expr sum = loops::load(done, {row * Expr(t.columns) + column, lane});
  if (sum.type() != contraction.type()) sum = convert(sum, contraction.type());
  Stmt s = loops::store(n_.store.buffer, n_.store.index, replace(n_.store.value, contraction, sum));
  s = substitute(s, lanes_->variable, t.lane + lane);
  s = substitute(s, rows_->variable, t.row + row);
  if (columns_) s = substitute(s, columns_->variable, t.column + column);
  s = loops::loop(LoopKind::Lanes, l, Expr(int64_t{0}), Expr(t.rows), s);
  const Expr width = Expr(int64_t{t_.lanes} * t.vectors);
  const Expr to = t.end.defined() ? apply(Function::Min, {width, t.end - t.lane}) : width;
  s = loops::loop(LoopKind::Serial, c, Expr(int64_t{0}), to, s);
  return loops::loop(LoopKind::Serial, q, Expr(int64_t{0}), Expr(t.columns), s);
}

Stmt Scheduler::contracted(const Expr& contraction, const Tile& t, const Each& each, const Each& in_loop) {
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
  const Stmt clear =
      each([&](const Expr& row, const Expr& lane, const Expr&) { return put(part, row, lane, zero); });
  // The innermost statement. A condition on the lanes masks what is loaded, or the sum; any other is a
  // branch.
  std::vector<Expr> on_lanes, on_rest;
  conjuncts(r.guard, lanes.variable, on_lanes, on_rest);
  std::erase_if(on_lanes, [&](const Expr& c) {  // true for all lanes of this tile?
    const std::string w = fresh("w");
    ranges_[w] = loops::below(Dim(width));
    return decide(substitute(c, lanes.variable, start + loops::variable(w)), ranges_) == true;
  });
  const auto operand = [&](size_t i) {
    Expr e = packed_along(r.operands[i], r, lanes, start, int64_t{t_.lanes} * p_.vectors);
    if (rows_) e = packed_along(e, r, *rows_, t.row, p_.row_count);
    return in == type ? e : convert(e, in);
  };
  const Expr operand_a = operand(0), operand_b = operand(1);
  const auto chain = [&](const Expr& row, const Expr& lane, const Expr&) {
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
    Expr sum = apply(r.function, {a, b, old});
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
    innermost = each([&](const Expr& r_index, const Expr& lane, const Expr& row) {
      Stmt s = chain(r_index, lane, row);
      for (const Expr& c : on_rows)
        if (const Expr left = undecided(c, t, row); left.defined()) s = loops::guard(left, s);
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
  // What follows the sum; where that is long it is one vector's code, walked over the rows of the tile.
  const bool is_long = operations_after(contraction) * count * vectors > kMostUnrolled;
  const auto finish_with = [&](const Each& every, const Expr& sum) {
    const Expr result = in == type ? sum : convert(sum, type);
    const Expr value = replace(n_.store.value, contraction, result);
    return every([&](const Expr& row, const Expr& lane, const Expr&) {
      const Expr v = substitute(substitute(value, kRow, row), kLane, lane - start);
      return loops::store(n_.store.buffer, n_.store.index, v);
    });
  };
  const auto sum_of = [&](const BufferPtr& b) {
    return loops::load(b, {loops::variable(kRow), loops::variable(kLane)});
  };
  const auto finish = [&](const Expr& sum) -> Stmt {  // of a tile in registers
    const bool turns = lies_along_rows(t);
    if (!is_long && !turns) return finish_with(each, sum);
    const BufferPtr done = tile_buffer("done", Scope::Scratch);
    const Stmt keep = each([&](const Expr& row, const Expr& lane, const Expr&) {
      return put(done, row, lane, substitute(substitute(sum, kRow, row), kLane, lane - start));
    });
    return loops::allocate(done, loops::block({keep, turns ? turned(contraction, done, t)
                                                           : finish_with(in_loop, sum_of(done))}));
  };
  const auto plus_zero = [&](const Expr& e) { return in.is_integer() ? e : loops::number(in, 0) + e; };
  if (axes.empty()) {
    for (const Expr& c : branches) innermost = loops::guard(c, innermost);
    return loops::allocate(part, loops::block({clear, innermost, finish(plus_zero(sum_of(part)))}));
  }
  const int64_t steps = in.is_integer() ? 0 : block_steps(axes, r.function);
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
    innermost = loops::loop(unroll ? LoopKind::Unrolled : LoopKind::Serial, a.variable, from, to, innermost);
  }
  for (const Expr& c : branches) innermost = loops::guard(c, innermost);
  const Axis& k = axes[0];
  const auto literal = k.extent.as_literal();
  if (literal && *literal <= steps) {  // one block
    const Stmt all =
        loops::loop(LoopKind::Serial, k.variable, Expr(int64_t{0}), loops::size(k.extent), innermost);
    return loops::allocate(part, loops::block({clear, all, finish(plus_zero(sum_of(part)))}));
  }
  if (in.is_integer()) {  // any order
    const LoopKind kind = literal && *literal <= 2 ? LoopKind::Unrolled : LoopKind::Serial;
    const Stmt all = loops::loop(kind, k.variable, Expr(int64_t{0}), loops::size(k.extent), innermost);
    return loops::allocate(part, loops::block({clear, all, finish(sum_of(part))}));
  }
  const BufferPtr sum = tile_buffer("sum", Scope::Scratch);
  const std::string kb = fresh("kb");
  const Expr block = loops::variable(kb);
  const Expr block_end = apply(Function::Min, {block + Expr(steps), loops::size(k.extent)});
  const Stmt add = each([&](const Expr& row, const Expr& lane, const Expr&) {
    return put(sum, row, lane, at(sum, row, lane) + at(part, row, lane));
  });
  const Stmt start_sum =
      each([&](const Expr& row, const Expr& lane, const Expr&) { return put(sum, row, lane, zero); });
  const Stmt blocks = loops::loop(
      LoopKind::Serial, kb, Expr(int64_t{0}), loops::size(k.extent),
      loops::block({clear, loops::loop(LoopKind::Serial, k.variable, block, block_end, innermost), add}),
      steps);
  const Stmt end = finish_with(is_long ? in_loop : each, sum_of(sum));
  return loops::allocate(sum, loops::allocate(part, loops::block({start_sum, blocks, end})));
}

void Scheduler::conjuncts(const Expr& e, const std::string& lanes, std::vector<Expr>& on_lanes,
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

Expr Scheduler::undecided(const Expr& condition, const Tile& t, const Expr& row) const {
  const auto* c = condition.as<loops::Apply>();
  if (!c || (c->function != Function::Less && c->function != Function::LessEqual)) return condition;
  // d > 0 or d >= 0. A tile of several rows of a symbolic axis lies inside it: the extent is at least its
  // size.
  const Dim n = rows_->extent;
  const auto holds = [&](int64_t r) {
    const Expr at = t.row + Expr(r);
    const auto low = affine_of(substitute(c->arguments[0], rows_->variable, at), ranges_);
    const auto high = affine_of(substitute(c->arguments[1], rows_->variable, at), ranges_);
    if (!low || !high) return false;
    const auto range = range_of(*high - *low, ranges_);
    if (!range) return false;
    const int64_t least = c->function == Function::Less ? 1 : 0;
    if (const auto lo = range->lo.as_literal()) return *lo >= least;
    const auto above = (range->lo - n).as_literal();
    return above && t.rows == p_.row_count && *above + t.rows >= least;
  };
  int64_t first = 0, last = t.rows;  // rows that hold: before `first`, and from `last` on
  while (first < t.rows && holds(first)) ++first;
  while (last > first && holds(last - 1)) --last;
  if (first == t.rows) return {};
  if (first > 0) return apply(Function::Or, {less(row, Expr(first)), condition});
  if (last < t.rows) return apply(Function::Or, {less(Expr(last - 1), row), condition});
  return condition;
}

bool Scheduler::clip(const Expr& condition, const std::string& v, Expr& from, Expr& to) {
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

bool Scheduler::is_finite(const Expr& e) {
  if (const auto* l = e.as<loops::Load>()) return l->buffer->finite;
  if (const auto* p = e.as<loops::Probe>()) return is_finite(p->value);
  if (const auto* c = e.as<loops::Convert>()) return c->from.type().is_integer() && e.type().bits >= 32;
  return false;
}

}  // namespace tauto
