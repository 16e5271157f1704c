// gather_elements(x, indices){axis}: out[i…] = x[i… with i_axis replaced by indices[i…]], of indices' shape.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type gather_elements_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), cat("indices: required integers, got ", c.type(1)));
  c.require_rank(1, c.rank(0));
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  for (int64_t d = 0; d < c.rank(0); ++d) {
    const Dim room = c.dim(0, d) - c.dim(1, d);
    if (d != axis && room.is_literal() && room.literal() < 0)
      c.refuse(cat("dim ", d, ": ", c.dim(1, d), " indices for ", c.dim(0, d), " elements"));
  }
  return Type::tensor(c.element(0), c.dims(1));
}

void gather_elements_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto axis = static_cast<size_t>(normal_axis(c.attributes.get<int64_t>("axis"), x.rank()));
  const auto indices = c.ints(1);
  Tensor out = c.make();
  Shape strides = strides_of(x.shape());
  const int64_t step = strides[axis], extent = x.shape()[axis];
  strides[axis] = 0;
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    for_each_point<1>(out.shape(), {strides}, [&](int64_t i, const std::array<int64_t, 1>& at) {
      const int64_t k = wrapped_index(c, indices[static_cast<size_t>(i)], extent, i);
      out.data<S>()[i] = x.data<S>()[at[0] + k * step];
    });
  });
  c.out = std::move(out);
}

loops::Expr gather_elements_lower(Lowering& l, const Index& index) {
  const auto axis = static_cast<size_t>(normal_axis(l.attributes().get<int64_t>("axis"), l.type(0).rank()));
  Index from = index;
  from[axis] = loaded_index(l, 1, -1, index, l.type(0).dims[axis]);
  return l.at(0, from);
}

}  // namespace

constinit const Op gather_elements{
    .name = "gather_elements",
    .arity = 2,
    .type = gather_elements_type,
    .eval = gather_elements_eval,
    .lower = gather_elements_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
