// sign(x) = 1, -1 or +0 (also for -0); NaN stays NaN.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sign{
    .name = "sign",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kNumbers>,
    .eval = unary<kNumbers>(on_dims([](auto x) { return num::sign(x); })),
};

}  // namespace tauto::ops
