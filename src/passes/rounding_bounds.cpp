// Building bounds.
#include "passes/rounding_bounds.h"

#include <limits>

#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto {

int64_t sum_roundings(std::span<const int64_t> shape, std::span<const int64_t> axes) {
  int64_t n = 0;
  for (const Run& r : runs_of(Shape(shape.begin(), shape.end()), axes)) n += run_roundings(r.n);
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
  const Id up = times(sum, kSlack);
  if (largest_ < 0) return up;
  return b.add(ops::where, {b.add(ops::less, {largest_, number(kLargest)}), up,
                            number(std::numeric_limits<double>::infinity())});
}

}  // namespace tauto
