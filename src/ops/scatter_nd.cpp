// scatter_nd(x, indices, updates){reduction}: x with the block at each index tuple (the last dim of indices)
// set to (or combined with) the block of updates at the same place, in row-major order of the tuples.
#include "ops/ops.h"
#include "ops/scatter.h"

namespace tauto::ops {
namespace {

Type scatter_nd_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), cat("indices: required integers, got ", c.type(1)));
  c.require_same_element(0, 2);
  require_reduction(c);
  const Dims &x = c.dims(0), &indices = c.dims(1);
  c.require(!indices.empty(), "indices: required at least one dim");
  if (const auto k = indices.back().as_literal()) {
    c.require(*k <= c.rank(0), cat("indices: tuples of ", *k, " for ", c.rank(0), " dims"));
    Dims want(indices.begin(), indices.end() - 1);
    want.insert(want.end(), x.begin() + *k, x.end());
    c.require_rank(2, static_cast<int64_t>(want.size()));
    for (size_t d = 0; d < want.size(); ++d)
      c.require_equal(want[d], c.dims(2)[d], cat("dim ", d, " of updates").c_str());
  }
  return c.type(0);
}

}  // namespace

constinit const Op scatter_nd{
    .name = "scatter_nd",
    .arity = 3,
    .type = scatter_nd_type,
    .eval =
        [](EvalContext& c) {
          const IndexTuples t = index_tuples(c, c.tensor(0), 1, 0);
          c.out = scatter(c, c.tensor(0), c.tensor(2), t.offsets, t.block);
        },
};

}  // namespace tauto::ops
