// expm1(x) = e^x - 1 without cancellation near 0. Expression tree: ops/math/exp.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op expm1{
    .name = "expm1",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::expm1(x); }),
    .error = rounded_as<math::accuracy::expm1>([](auto x) { return std::array{num::exp(x)}; }),
};

}  // namespace tauto::ops
