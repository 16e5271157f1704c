// logical_and(x, y) of bools.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op logical_and{
    .name = "logical_and",
    .arity = 2,
    .traits = kElementwise | kCommutative,
    .type = elementwise_type<kBools>,
    .eval = binary<kBools>(on_dims([](auto x, auto y) { return num::logical_and(x, y); })),
};

}  // namespace tauto::ops
