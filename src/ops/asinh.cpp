// asinh(x), the inverse of sinh. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op asinh{
    .name = "asinh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::asinh(x); }),
};

}  // namespace tauto::ops
