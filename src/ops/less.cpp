// less(x, y) = x < y, a bool; false when either is NaN.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op less{
    .name = "less",
    .arity = 2,
    .traits = kElementwise | kComparison,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::less(x, y); })),
};

}  // namespace tauto::ops
