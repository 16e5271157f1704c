// Small compositions which converters of data movement share.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

Id to_vector(Conversion& c, Id x);  // [n]
Id to_scalar(Conversion& c, Id x);  // [], of a tensor with one element
Id as_i64(Conversion& c, Id x);
Id slice_of(Conversion& c, Id x, int64_t axis, Id start, Id end);  // i64[1] each
Id slice_of(Conversion& c, Id x, int64_t axis, Dim start, Dim end);
Id reshape_to(Conversion& c, Id x, Dims dims);    // x itself when it has these dims
Id extent_of(Conversion& c, Id x, int64_t axis);  // i64[]
// 0 … n-1 along one axis of a tensor of this rank; its other dims are 1.
Id iota_along(Conversion& c, Id n, int64_t axis, int64_t rank);
// Axes from the attribute or, in later versions, from input i; none: empty.
Ints axes_input(Conversion& c, int i, const char* attribute);
Ints normal_axes(Conversion& c, Ints axes, int64_t rank);  // >= 0, sorted, distinct

}  // namespace tauto::onnx
