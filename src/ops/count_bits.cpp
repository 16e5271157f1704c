// count_bits(x): how many bits of x are set, on two's complement; a number of the same type.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op count_bits{
    .name = "count_bits",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kIntegers>,
    .eval = unary<kIntegers>([](auto x) { return num::count_bits(x); }),
};

}  // namespace tauto::ops
