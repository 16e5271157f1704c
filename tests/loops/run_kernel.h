// Runs kernels of the loops IR on tensors that are their arguments' memory.
#pragma once

#include <random>
#include <vector>

#include "graph/tensor.h"
#include "loops/evaluate.h"

namespace tauto::testing {

// One flat tensor per argument, as long as its allocation, filled with random elements
// (tests/ops/evaluate.h).
std::vector<Tensor> random_memory(const loops::Kernel& k, const std::vector<int64_t>& symbols,
                                  std::mt19937_64& random);

// Evaluates on copies; returns all arguments' memory afterwards. NaNs are canonical.
std::vector<Tensor> run_kernel(const loops::Kernel& k, const std::vector<Tensor>& memory,
                               const std::vector<int64_t>& symbols = {});

// The last argument's memory, the others being `inputs`.
Tensor run_kernel_to_last(const loops::Kernel& k, std::vector<Tensor> inputs,
                          const std::vector<int64_t>& symbols = {});

}  // namespace tauto::testing
