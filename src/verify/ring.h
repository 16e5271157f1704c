// Integers modulo 2^n are a ring: their sums are the same in any order, and a kernel may take whichever it
// likes. Terms keep the order in which they were made; here sums of integers are put into one order.
#pragma once

#include <unordered_map>
#include <vector>

#include "ops/term.h"

namespace tauto::proof {

// What is added up to an integer, whatever the grouping; of anything else itself.
std::vector<Term> summands(Term x);

class InRingOrder {
 public:
  // Equal for two terms that differ only by the order and grouping of integer additions.
  Term operator()(Term x);

 private:
  Term of_done(Term x);
  std::unordered_map<uint32_t, Term> done_;
};

}  // namespace tauto::proof
