// Model.program, prove and batches: what a compiled model is, and what is known about it.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

// What runs for these inputs, as it is: compiled here or read from the cache.
nanobind::dict program_of(const LoadedModel& m, const RunInputs& inputs);
// `keys`: of the kernels that are to be proved; none: all.
nanobind::list proofs_of(const LoadedModel& m, const RunInputs& inputs,
                         const std::optional<std::vector<std::string>>& keys);
nanobind::list batches(const LoadedModel& m);

}  // namespace tauto::python
