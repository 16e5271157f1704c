// pow(x, y) = x^y, both of one type. Floats: IEEE 754, with x · x wherever y is 2 (ops/math/pow.h). Integers:
// modulo 2^n; negative powers are 1 / x^-y truncated, where 1 / 0 = 0.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/functions.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op pow{
    .name = "pow",
    .arity = 2,
    .traits = kElementwise,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>([](auto x, auto y) { return num::pow(x, y); }),
    .error = rounded_as<math::accuracy::pow, false, 2>([](auto x, auto y) {
      return std::array{y * num::pow(x, y - num::like(x, 1)), num::pow(x, y) * num::log(x)};
    }),
};

}  // namespace tauto::ops
