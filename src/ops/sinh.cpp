// sinh(x) = (e^x - e^-x) / 2. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sinh{
    .name = "sinh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::sinh(x); }),
    .error = rounded_as<math::accuracy::sinh>([](auto x) { return std::array{num::cosh(x)}; }),
};

}  // namespace tauto::ops
