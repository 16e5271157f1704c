// Affine quantization as ONNX states it, out of our operators.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

// sat(rne(x / scale) + zero_point) in the integer (or 8-bit float) type `to`; x and scale of one float type,
// already broadcastable against x. zero_point may be -1 (none).
Id quantized(Conversion& c, Id x, Id scale, Id zero_point, ElementType to);
// (q − zero_point) as i32, exact.
Id centred(Conversion& c, Id q, Id zero_point);
// A per-channel parameter of n values seen along `axis` of a tensor of `rank` dims; scalars stay scalars.
Id along_axis(Conversion& c, Id parameter, int64_t axis, int64_t rank);

}  // namespace tauto::onnx
