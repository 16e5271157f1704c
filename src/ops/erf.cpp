// erf(x) = 2/√π ∫₀ˣ e^(-t²) dt. Expression tree: ops/math/erf.h.
#include "ops/elementwise.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op erf{
    .name = "erf",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::erf(x); }),
};

}  // namespace tauto::ops
