// gather(x, indices){axis}: x's dim `axis` replaced by the dims of indices; out[…, i…, …] = x[…,
// indices[i…], …].
//
// A negative index counts from the end once; one outside is an Error.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type gather_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), cat("indices: required integers, got ", c.type(1)));
  const Dims &x = c.dims(0), &indices = c.dims(1);
  const auto axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  Dims dims(x.begin(), x.begin() + axis);
  dims.insert(dims.end(), indices.begin(), indices.end());
  dims.insert(dims.end(), x.begin() + axis + 1, x.end());
  return Type::tensor(c.element(0), std::move(dims));
}

void gather_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const AxisView v(x.shape(), normal_axis(c.attributes.get<int64_t>("axis"), x.rank()));
  auto indices = c.ints(1);
  for (size_t i = 0; i < indices.size(); ++i)
    indices[i] = wrapped_index(c, indices[i], v.extent, static_cast<int64_t>(i));
  Tensor out = c.make();
  if (out.count() > 0)
    visit_storage(x, [&](auto s) {
      using S = decltype(s);
      const S* p = x.data<S>();
      S* q = out.data<S>();
      for (int64_t o = 0; o < v.outer; ++o)
        for (int64_t i : indices) q = std::copy_n(p + (o * v.extent + i) * v.inner, v.inner, q);
    });
  c.out = std::move(out);
}

loops::Expr gather_lower(Lowering& l, const Index& index) {
  const Dims& dims = l.type(0).dims;
  const auto axis = normal_axis(l.attributes().get<int64_t>("axis"), l.type(0).rank());
  const auto before = index.begin() + axis, after = before + l.type(1).rank();
  Index from(index.begin(), before);
  from.push_back(loaded_index(l, 1, -1, Index(before, after), dims[static_cast<size_t>(axis)]));
  from.insert(from.end(), after, index.end());
  return l.at(0, from);
}

}  // namespace

constinit const Op gather{
    .name = "gather",
    .arity = 2,
    .type = gather_type,
    .eval = gather_eval,
    .lower = gather_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
