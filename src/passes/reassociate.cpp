// Both rewrites. Sums of f32 only: halves are rounded once, integers need no order.
#include "passes/reassociate.h"

#include <algorithm>

#include "loops/reduction_order.h"
#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/rounding_bounds.h"

namespace tauto {
namespace {

constexpr int64_t kFewResults = 256;  // more fill the lanes and threads by themselves
constexpr int64_t kManyTerms = 1024;
constexpr int64_t kLeastBlocks = 4;

// The product of literal extents; 0: one is not known.
int64_t count_of(std::span<const Dim> dims) {
  int64_t n = 1;
  for (const Dim& d : dims) n *= d.as_literal().value_or(0);
  return n;
}

// x[0 … n/2) + x[n/2 … n) along an axis of even extent n.
Id halved(Builder& b, Id x, int64_t axis, int64_t n) {
  const auto part = [&](int64_t from, int64_t to) {
    return b.add(ops::slice, {x, b.ints({from}), b.ints({to}), b.ints({1})}, {{"axes", Ints{axis}}});
  };
  return b.add(ops::add, {part(0, n / 2), part(n / 2, n)});
}

Id in_blocks(Rewrite& w, Id old) {
  const Node& n = w.node(old);
  const Access& a = n.attributes.get<Access>("access");
  const auto outputs = static_cast<size_t>(a.outputs);
  const int64_t results = count_of(std::span(a.extents).first(outputs));
  const std::span<const Dim> reduced = std::span(a.extents).subspan(outputs);
  if (results == 0 || results > kFewResults || count_of(reduced) < kManyTerms) return w.copy(old);
  Ints extents;
  for (const Dim& d : reduced) extents.push_back(d.literal());
  size_t outermost = 0;
  while (extents[outermost] == 1) ++outermost;
  const BlockCut cut = block_cut(extents);
  int64_t blocks = 1;
  while (blocks * cut.steps < extents[outermost]) blocks *= 2;
  if (blocks < kLeastBlocks) return w.copy(old);
  const int64_t steps = (extents[outermost] + blocks - 1) / blocks;  // in a block: no more than defined
  // Axis numbers behind the new first one; what a block has too much lies outside, and is left out.
  const auto axis = static_cast<int>(outputs + outermost);
  Access tree = a;
  tree.axes.insert(tree.axes.begin(), "block");
  tree.extents.insert(tree.extents.begin(), Dim(blocks));
  tree.extents[static_cast<size_t>(axis) + 1] = Dim(steps);
  ++tree.outputs;
  const bool overhangs = steps * blocks != extents[outermost];
  for (auto& operand : tree.operands)
    for (AxisIndex& i : operand) {
      Dim coefficient = 0;
      for (AxisTerm& t : i.terms) {
        if (t.axis == axis) coefficient = t.coefficient;
        ++t.axis;
      }
      if (coefficient == Dim(0)) continue;
      // Only an index of this axis alone leaves its operand where the axis ends.
      if (overhangs && (i.terms.size() != 1 || !(i.offset == Dim(0)))) return w.copy(old);
      i.terms.insert(i.terms.begin(), {0, coefficient * Dim(steps)});
    }
  Id sum = w.b.add(ops::contract, {w.moved(n.inputs[0]), w.moved(n.inputs[1])}, {{"access", tree}});
  int64_t levels = 0;
  for (int64_t left = blocks; left > 1; left /= 2, ++levels) sum = halved(w.b, sum, 0, left);
  sum = w.b.add(ops::squeeze, {sum}, {{"axes", Ints{0}}});
  Ints own = extents;
  own[outermost] = steps;
  const int64_t before = contraction_roundings(extents), after = contraction_roundings(own) + levels;
  w.record_rounding(
      old, sum, {},
      cat(blocks, " blocks added pairwise: (g", after, " + g", before,
          ") sum |a||b|, gn = n u/(1 - n u), u = 2^-24"),
      [&](Builder& builder, const Rewrite::Values& at) {
        BoundBuilder b(builder);
        const Id s = b.watched(builder.add(
            ops::contract, {b.magnitude(at(n.inputs[0])), b.magnitude(at(n.inputs[1]))}, n.attributes));
        return b.finish(b.times(s, gamma_of(before) + gamma_of(after)));
      });
  return sum;
}

Id in_halves(Rewrite& w, Id old) {
  const Node& n = w.node(old);
  const Type& t = w.from.node(n.inputs[0]).type;
  if (!t.ranked || !t.is_static()) return w.copy(old);
  Ints shape;
  const Ints axes = n.attributes.get_or<Ints>("axes", {});
  for (const Dim& d : t.dims) shape.push_back(d.literal());
  int64_t terms = 1, longest = -1;
  for (int64_t a : axes) {
    terms *= shape[static_cast<size_t>(a)];
    if (longest < 0 || shape[static_cast<size_t>(a)] > shape[static_cast<size_t>(longest)]) longest = a;
  }
  if (longest < 0 || terms < kManyTerms || count_of(n.type.dims) > kFewResults) return w.copy(old);
  int64_t& extent = shape[static_cast<size_t>(longest)];
  const int64_t before = sum_roundings(shape, axes);
  Id x = w.moved(n.inputs[0]);
  int64_t levels = 0;
  for (; extent % 2 == 0; extent /= 2, ++levels) x = halved(w.b, x, longest, extent);
  if (levels == 0) return w.copy(old);
  const Id sum = w.copy(old, {x});
  const int64_t after = sum_roundings(shape, axes) + levels;
  w.record_rounding(
      old, sum, {},
      cat(levels, " levels added pairwise: (g", after, " + g", before,
          ") sum |x|, gn = n u/(1 - n u), u = 2^-24"),
      [&](Builder& builder, const Rewrite::Values& at) {
        BoundBuilder b(builder);
        const Id s = b.watched(builder.add(ops::reduce_sum, {b.magnitude(at(n.inputs[0]))}, n.attributes));
        return b.finish(b.times(s, gamma_of(before) + gamma_of(after)));
      });
  return sum;
}

}  // namespace

Module reassociate(const Module& m) {
  return rewrite(m, "reassociate", [](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (!n.type.is_tensor() || !n.type.ranked || !(n.type.element == f32)) return w.copy(old);
    if (n.op == &ops::contract && !n.attributes.find("arithmetic")) return in_blocks(w, old);
    if (n.op == &ops::reduce_sum) return in_halves(w, old);
    return w.copy(old);
  });
}

}  // namespace tauto
