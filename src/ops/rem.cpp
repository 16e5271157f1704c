// rem(x, y) = x - y · trunc(x / y), exact: the remainder with the sign of the dividend (C: fmod and %).
// Integers: x rem 0 = 0. Floats: NaN when y is 0 or x infinite.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op rem{
    .name = "rem",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::remainder(x, y); })),
};

}  // namespace tauto::ops
