// sigmoid(x) = 1 / (1 + e^-x). Expression tree: ops/math/tanh.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sigmoid{
    .name = "sigmoid",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::sigmoid(x); }),
    .error = rounded_as<math::accuracy::sigmoid, true>(
        [](auto x) { return std::array{num::sigmoid(x) * num::sigmoid(num::negate(x))}; }),
};

}  // namespace tauto::ops
