// Does a program with a fault (compile/faults.h) still give the same bits for all inputs of its sizes?
//
// Each fault is asked about where it is: a changed vector program against the kernel's tensor expression
// (verify/prove_kernel.h); registers by the check of their allocation, which decides all paths; a packed
// constant as the elements that are other numbers, all else terms; memory and calls by the walk over the bound
// program (verify/check_binding.h), and where a kernel then reads memory that it writes, by running it on
// terms in just that memory. A proof that speaks of another program than the one with the fault (kernels
// scheduled anew on smaller extents) does not count.
//
// Where that decides nothing, the kernel is run on drawn arguments, with the constants of the model: a
// difference says that the kernel is another one, though not that an input of the model leads there.
#pragma once

#include <string>
#include <vector>

#include "compile/executable.h"

namespace tauto::equivalence {

struct FaultProof {
  bool proved = false;
  std::string reason;   // by what; or why it is not known
  std::string differs;  // not proved: where the kernel's result is another one for drawn arguments, or ""
};

FaultProof prove_fault(const Executable& faulty, const std::vector<Value>& inputs);

}  // namespace tauto::equivalence
