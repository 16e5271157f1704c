// Are two relu networks the same for *every* f32 input of a box (docs/region.md)? Verdict lines as those of a
// comparison on samples (verify/same.h), of the level numeric (within epsilon) and, if asked, decision.
//
//   PROVED     for every input, whatever legal execution of A is compared with whatever one of B
//   REFUTED    an input on which the machine code of both says otherwise
//   UNDECIDED  what ended the search, and how much is left; or why the networks are not of this class
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

struct RegionOptions {
  double epsilon = 0;
  std::optional<DecisionRule> rule;  // top1 or argmin
  int threads = 0;
  double seconds = 0;
  int64_t most_boxes = 0;
  std::string state;  // of the search for epsilon; that for the decision: with ".decision" behind
  // The goal that is searched for, with -1 when its search begins, then the share of the volume that is proved.
  std::function<void(const std::string& goal, double closed)> progress;
  const std::function<bool()>* cancelled = nullptr;
};

struct RegionResult {
  SameResult result;
  Tensor witness;  // where result.witness >= 0: the input
};

// Error: the box does not fit the networks; a system is an outside one; a rule that is neither.
RegionResult same_in_region(System& a, System& b, const std::string& box, const RegionOptions& options);

}  // namespace tauto::equivalence
