// log(x), natural; log(0) = -inf, NaN for x < 0. Expression tree: ops/math/log.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op log{
    .name = "log",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::log(x); }),
    .error =
        rounded_as<math::accuracy::log>([](auto x) { return std::array{num::divide(num::like(x, 1), x)}; }),
};

}  // namespace tauto::ops
