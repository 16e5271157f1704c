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

// Where the output channels of a contraction's second operand stand, which may have a scale each.
struct ChannelsOf {
  int64_t channels = -1;  // the dim of the operand; -1: only one scale for all
  int64_t along = -1;     // the dim of the result
  int64_t summed = -1;    // the only dim that is summed over; -1: all but the channels
};

// The node as a contraction of integers, where inputs 0 and 1 come from DequantizeLinear and ranges prove
// that its sums fit into 32 bits; input 2, if there is one, is a bias along the channels. -1: it keeps its
// f32 meaning.
//
//   y = f32(Σ (qx − zx)(qw − zw) + b) · f32(f64(sx)·f64(sw))     b of scale sx·sw; any other: + b as f32
//
// `contract` makes the contraction of two operands.
using Contract = Id (*)(Conversion& c, Id x, Id w);
Id contraction_of_dequantized(Conversion& c, Contract contract, const ChannelsOf& channels);

}  // namespace tauto::onnx
