// Contractions of native numbers by tiles.
#pragma once

#include "ops/contraction.h"

namespace tauto {

// False where that does not fit: a term outside one operand would be multiplied by an
// infinity or NaN of the other, or there are more checked indices than strips keep.
// Then all outputs are to be computed anew.
template <class C>
bool contract_tiled(const BoundAccess& access, const C* a, const C* b, C* out, const EvalContext& context);

}  // namespace tauto
