// cum_sum(x){axis, exclusive, reverse}: out[0] = x[0], out[i] = out[i-1] + x[i], each sum rounded (f16 and
// bf16: summed in f32, rounded once). exclusive: out[0] = +0, out[i] = out[i-1] + x[i-1] with +0 + x = x.
// reverse: the same from the last element backwards. Integers wrap.
#include "ops/compute.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type cum_sum_type(const TypeContext& c) {
  if (!in_set(c.element(0), kNumbers)) c.refuse(cat("not defined for elements ", c.element(0)));
  c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  return c.type(0);
}

void cum_sum_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  if (x.count() == 0) {
    c.out = x;
    return;
  }
  const AxisView v(x.shape(), normal_axis(c.attributes.get<int64_t>("axis"), x.rank()));
  const bool exclusive = c.attributes.flag("exclusive"), reverse = c.attributes.flag("reverse");
  visit_numbers(x, [&](auto n) {
    using C = decltype(n);
    const std::vector<C> in = load_numbers<C>(x);
    std::vector<C> out(in.size());
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t k = 0; k < v.extent; ++k) {
        const auto row = [&](int64_t i) {
          return static_cast<size_t>((o * v.extent + (reverse ? v.extent - 1 - i : i)) * v.inner);
        };
        const C* term = in.data() + row(exclusive && k > 0 ? k - 1 : k);
        const C* sum = out.data() + row(k > 0 ? k - 1 : 0);
        C* to = out.data() + row(k);
        for (int64_t i = 0; i < v.inner; ++i) {
          if (k == 0)
            to[i] = exclusive ? num::like(term[i], 0) : term[i];
          else
            to[i] = exclusive && k == 1 ? term[i] : static_cast<C>(sum[i] + term[i]);
        }
      }
    c.out = store_numbers(out, x.type(), x.shape(), x.rep());
  });
}

}  // namespace

constinit const Op cum_sum{
    .name = "cum_sum",
    .arity = 1,
    .type = cum_sum_type,
    .eval = cum_sum_eval,
};

}  // namespace tauto::ops
