// ceil(x): the smallest integer >= x; -0 for -1 < x <= -0.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op ceil{
    .name = "ceil",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::ceil(x); }),
};

}  // namespace tauto::ops
