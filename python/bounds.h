// Bounds and certificates of a model: Model.node_bounds, Model.output_bounds, Certifier.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

void bind_bounds(nanobind::module_& m, RunInputs (*inputs_of)(const LoadedModel&, nanobind::handle));

}  // namespace tauto::python
