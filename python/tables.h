// What is known of a model and its runs, as lists of dicts.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

nanobind::list groups_of(const LoadedModel& m, const RunInputs& inputs);
nanobind::list profile_of(const LoadedModel& m, RunInputs inputs, int threads, int repeat);
nanobind::list ledger_list(const LoadedModel& m);
nanobind::list replays_of(const LoadedModel& m, RunInputs inputs, const std::vector<std::string>& allow,
                          uint64_t seed);

}  // namespace tauto::python
