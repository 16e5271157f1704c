// logical_xor(x, y) of bools.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op logical_xor{
    .name = "logical_xor",
    .arity = 2,
    .traits = kElementwise | kCommutative,
    .type = elementwise_type<kBools>,
    .eval = binary<kBools>(on_dims([](auto x, auto y) { return num::logical_xor(x, y); })),
};

}  // namespace tauto::ops
