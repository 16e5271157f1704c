// The order of the instructions in a basic block that computes several results: what does not depend on each
// other side by side.
//
// A function of elements is a chain of twenty to forty instructions, each waiting for the one before. The
// generator writes the vectors of a tile one after the other; a core looks only so far ahead. Here
// instructions of the chains alternate, those with the longest way to a store first, as long as there are
// registers.
#pragma once

#include "codegen/vector.h"

namespace tauto::vec {

// `registers`: vector registers of the machine. Loads pass stores only to memory that another argument of the
// kernel points to: what the loops have read before they write it is then read as early.
void interleave(Program& p, int registers);

}  // namespace tauto::vec
