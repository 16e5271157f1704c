// Where an element lies in memory, as one index: affine where that can be seen.
#pragma once

#include <vector>

#include "loops/affine.h"

namespace tauto {

loops::Expr flat_index(const loops::Buffer& b, const std::vector<loops::Expr>& index,
                       const loops::Ranges& ranges);

}  // namespace tauto
