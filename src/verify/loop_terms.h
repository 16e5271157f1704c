// Loops on terms instead of numbers: tensor expressions and scheduled loops alike, their sizes given.
#pragma once

#include "graph/dim.h"
#include "loops/loops.h"
#include "verify/vector_terms.h"

namespace tauto::proof {

// Buffers as of the kernel, by their flat element (Layout). Throws Undecided where an index or a condition
// follows from elements; Error for an index outside its buffer and for what was never written.
void evaluate_terms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes);

}  // namespace tauto::proof
