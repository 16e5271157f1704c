// atanh(x); ±inf at ±1, NaN beyond. Expression tree: ops/math/hyperbolic.h.
#include "ops/elementwise.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op atanh{
    .name = "atanh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::atanh(x); }),
};

}  // namespace tauto::ops
