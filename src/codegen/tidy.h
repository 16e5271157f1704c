// Cleaning of a vector program before registers are allocated. It computes the same bits at the same
// addresses.
//
//  - A load or constant moves down to its first use in the same basic block, so that the values of a tile
//    need registers one after the other and not all at once; loads do not pass stores.
//  - A copy is what it copies; so is select(m, load … ? m, 0).
//  - Scalars are folded, see fold_scalars.h.
//  - Independent chains of a basic block alternate, see interleave.h.
// What nobody reads any more is left to the encoder to skip.
#pragma once

#include "codegen/vector.h"

namespace tauto::vec {

// `registers`: vector registers of the machine.
Program tidy(const Program& program, int registers = 32);

}  // namespace tauto::vec
