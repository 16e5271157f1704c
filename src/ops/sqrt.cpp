// sqrt(x), correctly rounded; NaN for x < 0, sqrt(-0) = -0.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sqrt{
    .name = "sqrt",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::sqrt(x); }),
};

}  // namespace tauto::ops
