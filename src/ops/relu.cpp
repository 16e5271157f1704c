// relu(x) = max(0, x). NaN stays NaN; -0 stays -0 (docs/semantics.md, "max").
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op relu{
    .name = "relu",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kSigned>,
    .eval = unary<kSigned>([](auto x) { return num::max(num::like(x, 0), x); }),
    .error = relu_error,
};

}  // namespace tauto::ops
