// Translation validation: a kernel's tensor expression and the vector program made of it give the same term
// for every element of the result. That decides all values of the inputs, for the sizes at hand.
//
// Trusted besides: this folder, the lowering of operators to tensor expressions, the encoder.
#pragma once

#include <string>

#include "codegen/generate.h"
#include "graph/dim.h"
#include "schedule/schedule.h"

namespace tauto::proof {

struct Proof {
  enum class Verdict : uint8_t { Proved, Undecided, Refuted } verdict = Verdict::Undecided;
  std::string reason;  // the first difference, or what could not be followed
  int64_t elements = 0, terms = 0;
};
const char* text_of(Proof::Verdict v);

// Different terms may still be equal: a difference is Undecided. Refuted: the program leaves its buffers,
// does not write an element of the result, or reads what was never written. With `pieces` the parallel loop
// is run in two pieces, the later one first: where to cut is then no matter.
Proof prove_kernel(const loops::Kernel& expression, const Scheduled& scheduled, const Generated& generated,
                   const Env& sizes, bool pieces = false);

}  // namespace tauto::proof
