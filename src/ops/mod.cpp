// mod(x, y): the remainder with the sign of the divisor (Python's %): r = rem(x, y), plus y when their signs
// differ. Integers: x mod 0 = 0. Floats: the sum r + y is rounded.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op mod{
    .name = "mod",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::modulo(x, y); })),
};

}  // namespace tauto::ops
