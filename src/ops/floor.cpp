// floor(x): the largest integer <= x. Keeps the sign of zero.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op floor{
    .name = "floor",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::floor(x); }),
};

}  // namespace tauto::ops
