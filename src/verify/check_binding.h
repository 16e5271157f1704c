// Are the kernels called with what they are about? The steps of a bound program are walked, and for every
// byte of its memory it is kept which value lies there. Each argument must be a buffer that holds, whole, the
// value which the kernel's group names, nothing that is still to be read may have been written over, and what
// a kernel writes may not overlap what it reads; its parallel loop has to go from end to end. This asks neither the memory plan nor the lifetimes it was
// made from.
#pragma once

#include "compile/bound.h"

namespace tauto::equivalence {

struct BindingCheck {
  std::string problem;    // empty: none was found
  bool complete = false;  // every step was looked at
  std::string checked;    // one line: how much was
  // Kernels whose argument lies in the memory that they write, in one piece, and how many bytes behind its
  // beginning: where they are asked for they are no problem yet (verify/prove_fault.h).
  struct Overlap {
    const CompiledFunction* function = nullptr;
    size_t group = 0, argument = 0;
    int64_t bytes = 0;
  };
  std::vector<Overlap> overlaps = {};
  std::vector<const CompiledFunction*> walked = {};
};

BindingCheck check_binding(const Executable& e, const std::vector<Value>& inputs, bool tell_overlaps = false);

// The walk itself, on any list of calls: for tests.
BindingCheck check_calls(const Executable& e, const CompiledFunction& c,
                         const std::vector<BoundGroup>& groups, const std::vector<BoundFunction::Call>& calls,
                         const std::vector<BoundFunction::Place>& results, int64_t block_bytes,
                         int64_t below_bytes = 0, const Env& sizes = {});

// Of all machine code of an executable, kernel after kernel.
std::string sha256_of(const CodeMemory& code);

}  // namespace tauto::equivalence
