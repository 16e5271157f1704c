// Executions of a model that its own meaning allows, other than the one that defines it: sums in random
// orders and groupings, products fused or rounded by themselves, elementary functions rounded from f64. Each
// is a real execution, not a bound: two that decide differently show that the model itself is undecided
// there.
#pragma once

#include "interpret/interpret.h"

namespace tauto::equivalence {

// Execution 0 is the definition, others follow from the seed.
std::vector<Value> legal_execution(const Module& m, std::vector<Value> inputs, uint64_t seed,
                                   const std::function<bool()>* cancelled = nullptr,
                                   std::function<void(const Function&, Id, const Value&)> watch = {});

}  // namespace tauto::equivalence
