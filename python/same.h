// tauto.same: the comparison of two systems (src/verify/same.h) on arrays.
#pragma once

#include <nanobind/nanobind.h>

namespace tauto::python {

void bind_same(nanobind::module_& m);

}  // namespace tauto::python
