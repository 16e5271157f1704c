// tanh(x) in [-1, 1]. Expression tree: ops/math/tanh.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op tanh{
    .name = "tanh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::tanh(x); }),
    .error = rounded_as<math::accuracy::tanh, true>([](auto x) {
      const auto y = num::tanh(x);  // 1 − y² cancels in the tails: (1 − y)(1 + y) keeps both signs right
      return std::array{(num::like(x, 1) - y) * (num::like(x, 1) + y)};
    }),
};

}  // namespace tauto::ops
