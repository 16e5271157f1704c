// Programs with a fault, for tests: tauto._tauto.Faulty.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

void define_faults(nanobind::module_& m, RunInputs (*inputs_of)(const LoadedModel&, nanobind::handle));

}  // namespace tauto::python
