// One kernel, alone, at each level at which it exists, on memory that the caller has: for what compares levels
// (verify/compare_kernel.h) or asks which of them goes wrong (verify/locate_stage.h).
#pragma once

#include "compile/executable.h"

namespace tauto::proof {

// What the vector program and machine code are called with: `buffers` in the kernel's order, packed where the
// kernel packs, the sizes, the bounds of the parallel loop, workspace (which grows as needed).
std::vector<uint64_t> arguments_of(const Generated& g, const std::vector<void*>& buffers, const Env& sizes,
                                   std::vector<uint8_t>& workspace);

// Calls the machine code.
void call_code(const Executable& e, const CompiledGroup& g, const std::vector<uint64_t>& arguments);

// The elements of a constant in the order of tiles: as the kernel wants it.
Tensor flat_packed(ElementType type, int64_t elements, const void* data, const Packing& p);

int64_t number(const Dim& d, const Env& sizes);  // CHECKs that it has a value

}  // namespace tauto::proof
