// div(x, y) = x / y. Floats: IEEE, one rounding. Integers truncate towards zero; x / 0 = 0, MIN / -1 = MIN.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op div{
    .name = "div",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::divide(x, y); })),
    .error = rounded_once<2>([](auto x, auto y) {
      return std::array{num::divide(num::like(x, 1), y), num::negate(num::divide(x, y * y))};
    }),
};

}  // namespace tauto::ops
