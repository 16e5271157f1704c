// round(x): the nearest integer, halves to the even one. Keeps the sign.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op round{
    .name = "round",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::round_even(x); }),
};

}  // namespace tauto::ops
