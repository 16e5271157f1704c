// Whether registers were allocated right, decided for all paths through a program: every read finds what the
// last write of its value left.
//
// The check knows nothing of how the allocation was found. It follows what each register and each slot of the
// frame holds, from instruction to instruction and along every jump, until nothing changes any more.
#pragma once

#include <string>

#include "codegen/allocate_registers.h"

namespace tauto::vec {

// Besides going on to the next instruction, or instead of it.
struct Jump {
  int32_t from = -1, to = -1;
  bool always = false;
};

// The first broken rule with the number of its instruction, or "".
std::string check_allocation(const Demands& demands, const RegisterCounts& counts,
                             const Allocation& allocation, const std::vector<Jump>& jumps);

}  // namespace tauto::vec
