// arg_max and arg_min: the same but for the direction.
#pragma once

#include "ops/order.h"

namespace tauto {

// x{axis, keep_dims, select_last}: i64, dim `axis` 1 (keep_dims) or gone.
Type arg_extremum_type(const TypeContext& c);
// The first (select_last: last) index of the greatest (least) value along the axis; NaN is beyond all others.
void arg_extremum_eval(EvalContext& c, bool greatest);

}  // namespace tauto
