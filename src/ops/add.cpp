// add(x, y) = x + y. Floats: IEEE, one rounding. Integers wrap.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op add{
    .name = "add",
    .arity = 2,
    .traits = kElementwise | kMonotone | kCommutative,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return x + y; })),
    .error = rounded_once<2>([](auto x, auto) {
      return std::array{num::like(x, 1), num::like(x, 1)};
    }),
};

}  // namespace tauto::ops
