// scatter_elements(x, indices, updates){axis, reduction}: x with out[i… , i_axis := indices[i…]] set to (or
// combined with) updates[i…], in row-major order of i: of several updates of one element the last one counts.
#include "ops/ops.h"
#include "ops/scatter.h"

namespace tauto::ops {
namespace {

Type scatter_elements_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), cat("indices: required integers, got ", c.type(1)));
  c.require_same_element(0, 2);
  require_reduction(c);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  for (int i = 1; i <= 2; ++i) c.require_rank(i, c.rank(0));
  for (int64_t d = 0; d < c.rank(0); ++d) {
    c.require_equal(c.dim(1, d), c.dim(2, d), cat("dim ", d, " of indices and updates").c_str());
    const Dim room = c.dim(0, d) - c.dim(1, d);
    if (d != axis && room.is_literal() && room.literal() < 0)
      c.refuse(cat("dim ", d, ": ", c.dim(1, d), " indices for ", c.dim(0, d), " elements"));
  }
  return c.type(0);
}

void scatter_elements_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto axis = static_cast<size_t>(normal_axis(c.attributes.get<int64_t>("axis"), x.rank()));
  const auto indices = c.ints(1);
  Shape strides = strides_of(x.shape());
  const int64_t step = strides[axis], extent = x.shape()[axis];
  strides[axis] = 0;
  std::vector<int64_t> offsets(indices.size());
  for_each_point<1>(c.tensor(1).shape(), {strides}, [&](int64_t i, const std::array<int64_t, 1>& at) {
    const auto k = static_cast<size_t>(i);
    offsets[k] = at[0] + wrapped_index(c, indices[k], extent, i) * step;
  });
  c.out = scatter(c, x, c.tensor(2), offsets, 1);
}

}  // namespace

constinit const Op scatter_elements{
    .name = "scatter_elements",
    .arity = 3,
    .type = scatter_elements_type,
    .eval = scatter_elements_eval,
};

}  // namespace tauto::ops
