// logical_or(x, y) of bools.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op logical_or{
    .name = "logical_or",
    .arity = 2,
    .traits = kElementwise | kCommutative,
    .type = elementwise_type<kBools>,
    .eval = binary<kBools>(on_dims([](auto x, auto y) { return num::logical_or(x, y); })),
};

}  // namespace tauto::ops
