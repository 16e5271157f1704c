// arg_min(x){axis, keep_dims, select_last} = the index of the least element along an axis (ops/extremum.h).
#include "ops/extremum.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op arg_min{
    .name = "arg_min",
    .arity = 1,
    .type = arg_extremum_type,
    .eval = [](EvalContext& c) { arg_extremum_eval(c, false); },
};

}  // namespace tauto::ops
