// acos(x) in [0, π]; NaN for |x| > 1. Expression tree: ops/math/angle.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op acos{
    .name = "acos",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::acos(x); }),
    .error = rounded_as<math::accuracy::acos>([](auto x) {
      return std::array{num::negate(
          num::divide(num::like(x, 1), num::sqrt((num::like(x, 1) - x) * (num::like(x, 1) + x))))};
    }),
};

}  // namespace tauto::ops
