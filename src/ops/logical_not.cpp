// logical_not(x) of bools.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op logical_not{
    .name = "logical_not",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kBools>,
    .eval = unary<kBools>(on_dims([](auto x) { return num::logical_not(x); })),
};

}  // namespace tauto::ops
