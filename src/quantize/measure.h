// A quantized node that is slower than its f32 twin is not used.
//
// Both programs run on the same inputs, in turns, and their kernels are timed; a contraction's time is that of
// the kernel it is in and of the kernels that only prepare its operand, by the names of the source. Where the
// plan's takes longer (the least of several runs each, beyond 5 %), the node becomes f32, with the ratio as
// the reason. Timing decides a plan here, and only here: what is saved is the plan.
#pragma once

#include "compile/loaded_model.h"

namespace tauto {

void drop_slower(PrecisionPlan& plan, const LoadedModel& source, const std::vector<Value>& inputs,
                 int threads, const std::function<bool()>* cancelled = nullptr);

// Seconds of each contraction of a program that has its stages (LoadedModel::executable), by node, the least
// of `runs`.
std::map<std::string, double> seconds_of_nodes(const Executable& e, const std::vector<Contraction>& of,
                                               const std::vector<Value>& inputs, int threads, int runs);

}  // namespace tauto
