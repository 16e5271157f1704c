// cosh(x) = (e^x + e^-x) / 2. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op cosh{
    .name = "cosh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::cosh(x); }),
};

}  // namespace tauto::ops
