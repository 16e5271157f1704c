// bit_and(x, y): bitwise, on two's complement.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op bit_and{
    .name = "bit_and",
    .arity = 2,
    .traits = kElementwise | kCommutative,
    .type = elementwise_type<kIntegers>,
    .eval = binary<kIntegers>([](auto x, auto y) { return num::bit_and(x, y); }),
};

}  // namespace tauto::ops
