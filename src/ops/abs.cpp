// abs(x) = |x|. Floats: the sign bit is cleared. Integers wrap: |MIN| = MIN.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op abs{
    .name = "abs",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = unary<kNumbers>(on_dims([](auto x) { return num::abs(x); })),
};

}  // namespace tauto::ops
