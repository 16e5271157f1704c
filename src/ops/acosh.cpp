// acosh(x) >= 0; NaN for x < 1. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op acosh{
    .name = "acosh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::acosh(x); }),
    .error = rounded_as<math::accuracy::acosh>([](auto x) {
      return std::array{
          num::divide(num::like(x, 1), num::sqrt((x - num::like(x, 1)) * (x + num::like(x, 1))))};
    }),
};

}  // namespace tauto::ops
