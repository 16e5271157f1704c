// atan(x) in [-π/2, π/2]. Expression tree: ops/math/angle.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op atan{
    .name = "atan",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::atan(x); }),
    .error = rounded_as<math::accuracy::atan>(
        [](auto x) { return std::array{num::divide(num::like(x, 1), num::like(x, 1) + x * x)}; }),
};

}  // namespace tauto::ops
