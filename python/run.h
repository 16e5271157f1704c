// Runs of a model on objects of Python: arrays in, arrays out.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"
#include "python/values.h"

namespace tauto::python {

// A run of sizes that were run before, on arrays that need no conversion; into `out` if that is a list of
// arrays that can be written as they are and overlap nothing. An invalid object: not such a run.
nanobind::object evaluate_ready(const LoadedModel& m, nanobind::handle given, int threads,
                                nanobind::handle out = nanobind::none());

nanobind::list evaluate(const LoadedModel& model, RunInputs inputs, Rep rep, bool interpret, int threads);

// The inputs that a dict or a sequence of arrays gives; Error or a TypeError where it gives something else.
RunInputs inputs_of(const LoadedModel& m, nanobind::handle given);

// Copies results into the caller's arrays, all of which are looked at before the first is written.
nanobind::list into(const LoadedModel& m, nanobind::list results, nanobind::list out);

// model(x, y, …): one result as it is, several as a list.
nanobind::object call(const LoadedModel& m, const nanobind::args& arguments);

}  // namespace tauto::python
