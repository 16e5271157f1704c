// shift_right(x, n) = floor(x / 2^n); when n is negative or not below the width: 0, or -1 for x < 0.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op shift_right{
    .name = "shift_right",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kIntegers>,
    .eval = binary<kIntegers>([](auto x, auto y) { return num::shift_right(x, y); }),
};

}  // namespace tauto::ops
