// shift_left(x, n) = x · 2^n, what leaves the type is lost; 0 when n is negative or not below the width.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op shift_left{
    .name = "shift_left",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kIntegers>,
    .eval = binary<kIntegers>([](auto x, auto y) { return num::shift_left(x, y); }),
};

}  // namespace tauto::ops
