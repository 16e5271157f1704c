// asinh(x), the inverse of sinh. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op asinh{
    .name = "asinh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::asinh(x); }),
    .error = rounded_as<math::accuracy::asinh>(
        [](auto x) { return std::array{num::divide(num::like(x, 1), num::sqrt(num::like(x, 1) + x * x))}; }),
};

}  // namespace tauto::ops
