// A kernel on numbers, level by level: tensor expression == scheduled loops == vector program, on extents
// made smaller (verify/shrink.h), at the machine's number of lanes and at two others; and machine code ==
// expression at full size, for a thousand elements of the result: corners, both sides of the borders of
// tiles, the rest drawn.
#pragma once

#include <string>

#include "compile/executable.h"

namespace tauto::proof {

struct Comparison {
  int64_t shrunk = 0;   // elements compared on smaller extents, over all widths
  int64_t sampled = 0;  // elements of the result compared at full size
  std::string differs;  // the first difference, or ""
  std::string left;     // what was not compared, and why
};

// At these sizes, at which the kernel could run.
Comparison compare_kernel(const Executable& e, const CompiledGroup& g, const Env& sizes);

// Its machine code alone, at full size: the first difference, or "". With the model's own constants, those of
// the expression given for each argument, those of the code as the group has them. Other elements are drawn
// by the seed, in ways that take turns: usual ones, magnitudes of all sizes, ties and zeros of both signs,
// beside the numbers that the kernel holds, few that are not finite; every second time all are finite.
std::string compare_code(const Executable& e, const CompiledGroup& g, const Env& sizes,
                         const std::vector<Tensor>& constants, uint64_t seed);

}  // namespace tauto::proof
