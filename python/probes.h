// Model.probe: the values inside a run.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

// `nodes`: None for all, or a list of node numbers of main, (function, number), or names of source nodes.
ProbeOptions probes_of(const Module& m, nanobind::handle nodes, nanobind::handle apart);
// (results, a dict for each value), run or interpreted by `e`, which has these probes.
nanobind::tuple probe(const Executable& e, const ProbeOptions& options, const std::vector<Value>& inputs,
                      int threads, bool interpret);

}  // namespace tauto::python
