// neg(x) = -x. Floats: the sign bit flips. Integers wrap: -MIN = MIN.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op neg{
    .name = "neg",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kSigned>,
    .eval = unary<kSigned>(on_dims([](auto x) { return num::negate(x); })),
    .error = unrounded<1>([](auto x) { return std::array{num::like(x, -1)}; }),
};

}  // namespace tauto::ops
