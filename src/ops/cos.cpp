// cos(x), x in radians of any size; NaN for infinities. Expression tree: ops/math/trig.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op cos{
    .name = "cos",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::cos(x); }),
    .error =
        rounded_as<math::accuracy::cos, true>([](auto x) { return std::array{num::negate(num::sin(x))}; }),
};

}  // namespace tauto::ops
