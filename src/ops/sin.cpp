// sin(x), x in radians of any size; NaN for infinities. Expression tree: ops/math/trig.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sin{
    .name = "sin",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::sin(x); }),
    .error = rounded_as<math::accuracy::sin, true>([](auto x) { return std::array{num::cos(x)}; }),
};

}  // namespace tauto::ops
