// asin(x) in [-π/2, π/2]; NaN for |x| > 1. Expression tree: ops/math/angle.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op asin{
    .name = "asin",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::asin(x); }),
    .error = rounded_as<math::accuracy::asin>([](auto x) {
      return std::array{
          num::divide(num::like(x, 1), num::sqrt((num::like(x, 1) - x) * (num::like(x, 1) + x)))};
    }),
};

}  // namespace tauto::ops
