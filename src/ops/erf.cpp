// erf(x) = 2/√π ∫₀ˣ e^(-t²) dt. Expression tree: ops/math/erf.h.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op erf{
    .name = "erf",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kFloats>,
    .eval = unary<kFloats>([](auto x) { return num::erf(x); }),
    .error = rounded_as<math::accuracy::erf, true>([](auto x) {
      return std::array{num::like(x, 1.1283791670955126) *
                        num::exp(num::negate(num::abs(x) * num::abs(x)))};  // 2/√π
    }),
};

}  // namespace tauto::ops
