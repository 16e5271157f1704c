// What a reduction begins with.
#pragma once

#include "loops/loops.h"

namespace tauto::loops {

// The literal that a function of two values leaves the other one as it is with: of products, of what they are added to.
Expr identity_of(Function f, ElementType type);

}  // namespace tauto::loops
