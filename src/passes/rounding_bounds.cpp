// Counting roundings, building bounds.
#include "passes/rounding_bounds.h"

#include <algorithm>
#include <limits>

#include "loops/reduction_order.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto {

double gamma_of(int64_t roundings) {
  const double nu = static_cast<double>(roundings) * kUnit;
  return nu < 0.5 ? nu / (1 - nu) : std::numeric_limits<double>::infinity();
}

// A chain in its block, then one addition for each block after the first (the first is to +0).
int64_t contraction_roundings(std::span<const int64_t> extents) {
  const BlockCut cut = block_cut(extents);
  int64_t outermost = 1, terms = 1;
  for (int64_t e : extents) {
    terms *= e;
    if (outermost == 1) outermost = e;
  }
  const int64_t blocks = (outermost + cut.steps - 1) / cut.steps;
  return std::min(terms, cut.steps * cut.inner) + std::max<int64_t>(blocks, 1) - 1;
}

// Of each run: a chain in its piece, one addition for each piece, four to join the partial sums.
int64_t sum_roundings(std::span<const int64_t> shape, std::span<const int64_t> axes) {
  int64_t n = 0;
  for (const Run& r : runs_of(Shape(shape.begin(), shape.end()), axes)) {
    const int64_t chain = std::min(r.n, (std::min(r.n, kPieceTerms) + kPartialSums - 1) / kPartialSums);
    n += std::min(r.n, chain + (r.n + kPieceTerms - 1) / kPieceTerms + 4);
  }
  return n;
}

const Op& BoundBuilder::ops_cast() { return ops::cast; }

Id BoundBuilder::magnitude(Id id) { return b.add(ops::abs, {widened(id)}); }
Id BoundBuilder::plus(Id x, Id y) { return b.add(ops::add, {x, y}); }
Id BoundBuilder::times(Id x, double factor) { return b.add(ops::mul, {x, number(factor)}); }

Id BoundBuilder::watched(Id sum) {
  const Id r = plus(sum, number(kTiny));
  Ints axes;
  for (int64_t d = 0; d < b.type(r).rank(); ++d) axes.push_back(d);
  const Id most = b.add(ops::reduce_max, {r}, {{"axes", axes}, {"keepdims", int64_t{0}}});
  largest_ = largest_ < 0 ? most : b.add(ops::max, {largest_, most});
  return r;
}

Id BoundBuilder::finish(Id sum) {
  const Id up = times(sum, kOwn);
  if (largest_ < 0) return up;
  return b.add(ops::where, {b.add(ops::less, {largest_, number(kLargest)}), up,
                            number(std::numeric_limits<double>::infinity())});
}

}  // namespace tauto
