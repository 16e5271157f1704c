// Convolutions as contractions, for the float and the quantized operators alike.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

// Σ over (c, k₁ … k_r) of x · w; x: (N, G·C, spatial…), w: (G·M, C, kernel…), same element type, without
// bias. Reads group, strides, pads, dilations, auto_pad, kernel_shape of the node.
Id convolution(Conversion& c, Id x, Id w);

// The same of ConvTranspose: Σ over (c, k ascending) of x[(y + pad − k·dilation) / stride] · w; w: (G·C, M,
// kernel…), unflipped.
Id transposed_convolution(Conversion& c, Id x, Id w);

// b (M values) added along dim 1 of y.
Id add_bias(Conversion& c, Id y, Id b);

}  // namespace tauto::onnx
