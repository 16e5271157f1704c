// tauto.same: the comparison of two systems (src/verify/same.h) on arrays.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/loaded_model.h"

namespace tauto::python {

void bind_same(nanobind::module_& m);

// Arrays by name: those of the inputs, and "labels". `where` begins the errors.
NamedValues arrays_of(const nanobind::dict& data, const NamedTypes& inputs, const char* where);

}  // namespace tauto::python
