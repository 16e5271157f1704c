// log1p(x) = log(1 + x) without cancellation near 0; NaN for x < -1. Expression tree: ops/math/log.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op log1p{
    .name = "log1p",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::log1p(x); }),
    .error = rounded_as<math::accuracy::log1p>(
        [](auto x) { return std::array{num::divide(num::like(x, 1), num::like(x, 1) + x)}; }),
};

}  // namespace tauto::ops
