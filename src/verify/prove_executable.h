// Proofs of the kernels of a compiled model: each kernel's machine program, its registers allocated, computes
// the terms of the kernel's tensor expression.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compile/executable.h"
#include "compile/profile.h"
#include "verify/compare_kernel.h"
#include "verify/prove_kernel.h"

namespace tauto::proof {

struct KernelProof {
  std::string function, name;
  // Of everything that a proof depends on. Kernels of one key are the same but for names.
  std::string key;
  bool asked = false;  // `wanted` was true for the key, and the sizes let it run; else there is no proof
  Proof proof;
  Comparison compared;  // on numbers, beside the proof
  double seconds = 0;   // of the processor
};

// At the sizes that they had in a run; kernels that it did not reach, at small ones.
std::vector<KernelProof> prove_kernels(const Executable& e, const Profile& run,
                                       const std::function<bool(const std::string& key)>& wanted);

// One of them, at these sizes, at which it could run.
Proof prove_group(const Executable& e, const CompiledFunction& f, const CompiledGroup& g, const Env& sizes);

}  // namespace tauto::proof
