// exp(x) = e^x; exp(-inf) = +0. Expression tree: ops/math/exp.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op exp{
    .name = "exp",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::exp(x); }),
    .error = rounded_as<math::accuracy::exp>([](auto x) { return std::array{num::exp(x)}; }),
};

}  // namespace tauto::ops
