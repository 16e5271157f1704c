// tan(x), x in radians of any size; NaN for infinities. Expression tree: ops/math/trig.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op tan{
    .name = "tan",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::tan(x); }),
    .error = rounded_as<math::accuracy::tan>(
        [](auto x) { return std::array{num::like(x, 1) + num::tan(x) * num::tan(x)}; }),
};

}  // namespace tauto::ops
