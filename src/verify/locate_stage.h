// The stage that made a kernel go wrong: bisection over the levels of the very code that ran, on the inputs
// that it was given, each level's result held against what is legal. No bits are compared and nothing is
// compiled anew.
//
//   lowering    the tensor expression of its nodes already gives an illegal value
//   schedule    the expression is fine, its scheduled loops are not
//   codegen     the loops are, the vector program is not
//   packing     the program is on constants packed now, not on those that the kernel holds
//   registers   the program is, its machine code is not: registers, or the encoder
//   threads     the code is, over the whole of its parallel loop, but not over the pieces that are run
//   memory      the kernel alone is fine on these inputs: what it was called with, or what lay there
#pragma once

#include "verify/run_checks.h"

namespace tauto::equivalence {

struct StageFound {
  std::string stage;  // "": none could be named
  std::string what;   // the kernel and the worst element at that level; or why none could be named
  std::string kernel;
};

// The kernel whose node `bad` is, with the values that `checks` stopped at.
StageFound locate_stage(const Executable& e, const ValueCheck& bad, const RunChecks& checks, Order order);

}  // namespace tauto::equivalence
