// nonzero(x) = the indices of elements that are not 0 (NaN is not 0), i64[rank, n], in row-major order of x.
#include "ops/compute.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

std::vector<int64_t> positions(const Tensor& x) {
  std::vector<int64_t> at;
  if (x.type().is_string()) {
    for (int64_t i = 0; i < x.count(); ++i)
      if (!x.data<std::string>()[i].empty()) at.push_back(i);
    return at;
  }
  visit_numbers(x, [&](auto n) {
    using C = decltype(n);
    const std::vector<C> v = load_numbers<C>(x);
    for (size_t i = 0; i < v.size(); ++i) {
      bool nonzero = false;
      if constexpr (std::is_arithmetic_v<C>) {
        nonzero = v[i] != 0;
      } else if constexpr (requires { v[i].lo; }) {
        nonzero = !(v[i].lo == 0 && v[i].hi == 0);
        if (nonzero && v[i].lo <= 0 && v[i].hi >= 0) throw Unknown{};
      } else {
        throw Unknown{};
      }
      if (nonzero) at.push_back(static_cast<int64_t>(i));
    }
  });
  return at;
}

void nonzero_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto at = positions(x);
  const Shape strides = strides_of(x.shape());
  std::vector<int64_t> out;
  for (size_t d = 0; d < strides.size(); ++d)
    for (int64_t p : at) out.push_back(p / strides[d] % x.shape()[d]);
  c.out = integers(i64, {x.rank(), static_cast<int64_t>(at.size())}, out, c.rep);
}

}  // namespace

constinit const Op nonzero{
    .name = "nonzero",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          return Type::tensor(i64, {Dim(c.rank(0)), c.fresh()});
        },
    .unranked_type =
        [](const TypeContext& c) {
          return Type::tensor(i64, {c.fresh(), c.fresh()});
        },
    .eval = nonzero_eval,
};

}  // namespace tauto::ops
