// sqrt(x), correctly rounded; NaN for x < 0, sqrt(-0) = -0.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sqrt{
    .name = "sqrt",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::sqrt(x); }),
    .error = rounded_once<1>([](auto x) { return std::array{num::divide(num::like(x, 0.5), num::sqrt(x))}; }),
};

}  // namespace tauto::ops
