// The part of the module that quantizes.
#pragma once

#include <nanobind/nanobind.h>

namespace tauto::python {

void bind_quantize(nanobind::module_& m);

}  // namespace tauto::python
