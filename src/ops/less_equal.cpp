// less_equal(x, y) = x <= y, a bool; false when either is NaN.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op less_equal{
    .name = "less_equal",
    .arity = 2,
    .traits = kElementwise | kComparison,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::less_equal(x, y); })),
};

}  // namespace tauto::ops
