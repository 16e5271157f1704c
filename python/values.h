// numpy ⇄ Value.
//
// Contiguous arrays are wrapped where they lie, results hand their memory over to numpy; nothing is copied
// but what has another form here: strings, integers and floats below 8 bits (numpy's ml_dtypes leave their
// upper bits open), bools that are not 0 or 1, and results that somebody else can still see (a constant of
// the model, an input passed through).
#pragma once

#include <nanobind/nanobind.h>

#include "graph/type.h"

namespace tauto::python {

// What numpy calls it ("float32", "bfloat16", "str"); the ones numpy lacks are named as in ml_dtypes.
const char* dtype_name(ElementType t);

// `declared` decides how lists and scalars are read; the dtype of an array is never converted. Sequences are
// lists, an optional is a value or None. Throws Error, beginning with `where`.
Value value_of(nanobind::handle object, const Type& declared, const std::string& where);

// Exact and ideal values: arrays. Intervals: pairs (lo, hi) of float64, or int64 for integers and bools.
nanobind::object object_of(Value v, Rep rep);

}  // namespace tauto::python
