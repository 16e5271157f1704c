// equal(x, y) = x == y, a bool; NaN equals nothing, -0 equals +0. Numbers, bools and strings (by bytes).
#include "ops/elementwise.h"
#include "ops/ops.h"
#include "ops/storage.h"

namespace tauto::ops {
namespace {

Type equal_type(const TypeContext& c) {
  c.require_same_element(0, 1);
  if (!c.element(0).is_string() && !in_set(c.element(0), kAllTypes))
    c.refuse(cat("not defined for elements ", c.element(0)));
  return broadcast_type(c);
}

void equal_eval(EvalContext& c) {
  constexpr auto numbers = binary<kAllTypes>(on_dims([](auto x, auto y) { return num::equal(x, y); }));
  if (!c.tensor(0).type().is_string()) return numbers(c);
  if (c.rep == Rep::Term || c.rep == Rep::Dims) throw Unknown{};
  Tensor out = c.make();
  const std::string *x = c.tensor(0).data<std::string>(), *y = c.tensor(1).data<std::string>();
  for_each_broadcast<2>(out.shape(), {&c.tensor(0), &c.tensor(1)},
                        [&](int64_t i, const std::array<int64_t, 2>& at) {
                          const bool same = x[at[0]] == y[at[1]];
                          if (c.rep == Rep::Interval)
                            out.data<IInterval>()[i] = num::truth(same, same);
                          else
                            out.data<bool>()[i] = same;
                        });
  c.out = std::move(out);
}

}  // namespace

constinit const Op equal{
    .name = "equal",
    .arity = 2,
    .traits = kElementwise | kComparison | kCommutative,
    .type = equal_type,
    .eval = equal_eval,
};

}  // namespace tauto::ops
