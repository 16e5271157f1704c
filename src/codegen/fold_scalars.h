// Scalar arithmetic of a vector program, folded: constants are computed, x + 0 and x · 1 are x, equal values
// are computed once, sums of a register and a constant become offsets of addresses.
//
// Only registers with one definition take part. `check` sees to it that a definition is passed before each
// use in the same trips of all loops around it, so one definition means one value wherever it is read.
#pragma once

#include "codegen/vector.h"

namespace tauto::vec {

void fold_scalars(Program& program);

}  // namespace tauto::vec
