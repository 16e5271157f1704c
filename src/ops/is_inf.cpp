// is_inf(x), a bool. Attributes `negative` and `positive` (default 1): which of the two infinities count.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

void is_inf_eval(EvalContext& c) {
  constexpr auto both = unary<kFloats>([](auto x) { return num::is_infinite(x); });
  constexpr auto up = unary<kFloats>([](auto x) { return num::equal(x, num::like(x, num::kInf)); });
  constexpr auto down = unary<kFloats>([](auto x) { return num::equal(x, num::like(x, -num::kInf)); });
  constexpr auto none = unary<kFloats>([](auto x) { return num::less(x, x); });
  const bool positive = c.attributes.get_or<int64_t>("positive", 1) != 0;
  const bool negative = c.attributes.get_or<int64_t>("negative", 1) != 0;
  (positive ? (negative ? both : up) : (negative ? down : none))(c);
}

}  // namespace

constinit const Op is_inf{
    .name = "is_inf",
    .arity = 1,
    .traits = kElementwise | kComparison,
    .type = elementwise_type<kFloats>,
    .eval = is_inf_eval,
};

}  // namespace tauto::ops
