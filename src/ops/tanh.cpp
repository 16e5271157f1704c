// tanh(x) in [-1, 1]. Expression tree: ops/math/tanh.h.
#include "ops/elementwise.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op tanh{
    .name = "tanh",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::tanh(x); }),
};

}  // namespace tauto::ops
