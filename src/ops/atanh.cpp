// atanh(x); ±inf at ±1, NaN beyond. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op atanh{
    .name = "atanh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::atanh(x); }),
    .error = rounded_as<math::accuracy::atanh>([](auto x) {
      return std::array{num::divide(num::like(x, 1), (num::like(x, 1) - x) * (num::like(x, 1) + x))};
    }),
};

}  // namespace tauto::ops
