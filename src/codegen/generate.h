// Scheduled loops → the vector program.
//
// Unrolled loops are written out, a `lanes` loop becomes vector instructions (masked where its extent is not
// provably W), serial and parallel loops become loops. Index arithmetic becomes pointers that are stepped
// with the loops; equal values are computed once (local value numbering), values that no loop variable
// touches before the loop. Nothing here contracts, reorders or drops an operation on data: each function of
// the loops is one instruction, or a fixed sequence with the same result for all inputs.
#pragma once

#include "codegen/vector.h"
#include "loops/loops.h"

namespace tauto {

// What the compiled kernel is to be called with, in this order: the addresses of Kernel::buffers, the values
// of `sizes`, the bounds of the parallel loop (0 and 1 where there is none), the address of `workspace` bytes
// of memory of its own (64-aligned, per thread).
struct Generated {
  vec::Program program;
  std::vector<Dim> sizes;
  Dim parallel_from = 0, parallel_to = 1;
  int64_t parallel_step = 1;  // bounds of pieces: from + a multiple of it
  Dim workspace = 0;          // bytes
};

// Thrown where the loops ask for what no instruction does (integer division of elements …).
struct NotGenerated {
  std::string reason;
};

// `registers`: vector registers of the machine; how many loaded values are worth keeping follows from it.
Generated generate(const loops::Kernel& kernel, int lanes, int registers = 32);

// The widest lanes that fit `vector_bytes` for everything the kernel computes with: vector_bytes / 8 where it
// handles 64-bit elements, else vector_bytes / 4.
int lanes_for(const loops::Kernel& kernel, int vector_bytes);

}  // namespace tauto
