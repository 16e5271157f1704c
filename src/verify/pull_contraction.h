// The transposed linear part of a contraction, for several functionals at once.
#pragma once

#include "ops/contraction.h"

namespace tauto {

// in₀[i₀] += b[i₁] · out[o] and in₁[i₁] += a[i₀] · out[o] over all points of the access. `out`, `in` hold
// `lanes` numbers for each element (a multiple of 4, at most 16); an `in` that is null is not wanted.
void pull_contraction(const BoundAccess& access, const double* a, const double* b, const double* out,
                      int lanes, double* in0, double* in1);

}  // namespace tauto
