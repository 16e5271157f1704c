// arg_max(x){axis, keep_dims, select_last} = the index of the greatest element along an axis
// (ops/extremum.h).
#include "ops/extremum.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op arg_max{
    .name = "arg_max",
    .arity = 1,
    .type = arg_extremum_type,
    .eval = [](EvalContext& c) { arg_extremum_eval(c, true); },
};

}  // namespace tauto::ops
