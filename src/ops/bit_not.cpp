// bit_not(x): every bit flipped.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op bit_not{
    .name = "bit_not",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kIntegers>,
    .eval = unary<kIntegers>([](auto x) { return num::bit_not(x); }),
};

}  // namespace tauto::ops
