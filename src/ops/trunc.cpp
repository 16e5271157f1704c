// trunc(x): x without its fraction, rounded towards zero. Keeps the sign.
#include "ops/elementwise.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op trunc{
    .name = "trunc",
    .arity = 1,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::truncate(x); }),
};

}  // namespace tauto::ops
