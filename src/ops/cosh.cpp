// cosh(x) = (e^x + e^-x) / 2. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op cosh{
    .name = "cosh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::cosh(x); }),
    .error = rounded_as<math::accuracy::cosh>([](auto x) { return std::array{num::sinh(x)}; }),
};

}  // namespace tauto::ops
