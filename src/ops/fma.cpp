// fma(x, y, z) = x · y + z with one rounding. The only operator that fuses; integers wrap. f16 and bf16: the
// f32 fma, rounded once more.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op fma{
    .name = "fma",
    .arity = 3,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = ternary<kNumbers>(on_dims([](auto x, auto y, auto z) { return num::fma(x, y, z); })),
    .error = rounded_once<3>([](auto x, auto y, auto) {
      return std::array{y, x, num::like(x, 1)};
    }),
};

}  // namespace tauto::ops
