// Random valid kernels: every kind of node, layouts, sizes with symbols, loops split with and without tails.
#pragma once

#include <cstdint>
#include <vector>

#include "loops/loops.h"

namespace tauto::testing {

struct RandomKernel {
  loops::Kernel kernel;
  std::vector<int64_t> symbols;  // values at which all of it has a meaning
};
RandomKernel random_kernel(uint64_t seed);

}  // namespace tauto::testing
