// Contractions of native numbers by tiles.
#pragma once

#include <array>
#include <optional>

#include "ops/contraction.h"

namespace tauto {

// Where a term is outside one operand, a zero takes its place, which shows if the other factor is no finite
// number. Says which operands have such terms; the outputs that they belong to are to be computed anew, all
// others are right. Nothing if the contraction cannot be done by tiles (too many indices that may fall
// outside).
template <class C>
std::optional<std::array<bool, 2>> contract_tiled(const BoundAccess& access, const C* a, const C* b, C* out,
                                                  const EvalContext& context);

}  // namespace tauto
