// Model.probe: the values inside a run.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

// `nodes`: None for all, or a list of node numbers of main, (function, number), or names of source nodes.
nanobind::tuple probe(const LoadedModel& m, const RunInputs& inputs, nanobind::handle nodes,
                      nanobind::handle apart, int threads, bool interpret);

}  // namespace tauto::python
