// abs(x) = |x|. Floats: the sign bit is cleared. Integers wrap: |MIN| = MIN.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op abs{
    .name = "abs",
    .arity = 1,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = unary<kNumbers>(on_dims([](auto x) { return num::abs(x); })),
    .error = unrounded<1>([](auto x) {
      return std::array{num::select(num::less(num::like(x, 0), x), num::like(x, 1), num::like(x, -1))};
    }),
};

}  // namespace tauto::ops
