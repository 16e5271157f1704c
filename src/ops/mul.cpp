// mul(x, y) = x · y. Floats: IEEE, one rounding. Integers wrap.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op mul{
    .name = "mul",
    .arity = 2,
    .traits = kElementwise | kCommutative,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return x * y; })),
    .error = rounded_once<2>([](auto x, auto y) {
      return std::array{y, x};
    }),
};

}  // namespace tauto::ops
