// max(x, y): NaN if either is NaN, x if x > y, else y; so of two zeros the second (docs/semantics.md, "max").
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op max{
    .name = "max",
    .arity = 2,
    .traits = kElementwise | kMonotone,
    .type = elementwise_type<kNumbers>,
    .eval = binary<kNumbers>(on_dims([](auto x, auto y) { return num::max(x, y); })),
    .error = [](ErrorRule& r) { extremum_error(r, 1); },
};

}  // namespace tauto::ops
