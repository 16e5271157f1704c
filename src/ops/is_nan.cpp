// is_nan(x), a bool.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op is_nan{
    .name = "is_nan",
    .arity = 1,
    .traits = kElementwise | kComparison,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::is_nan(x); }),
};

}  // namespace tauto::ops
