// When are two kernels the same? What one computes, without the names of it and of its buffers: kernels with
// equal structures have the same plan, the same instructions and the same machine code.
#pragma once

#include <string>

#include "loops/loops.h"

namespace tauto::loops {

// Bytes, to be compared. Expressions that are equal but share other nodes may have different structures.
std::string structure_of(const Kernel& k);

}  // namespace tauto::loops
