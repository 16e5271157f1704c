// Windows that slide over spatial axes: what Conv, ConvTranspose and the pools share.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

struct Window {
  std::vector<Dim> kernel;
  Ints strides, dilations;
  Dims pads_begin, pads_end;  // may be expressions (auto_pad on symbolic sizes)
  Dims output;                // extents of the output's spatial axes

  size_t rank() const { return kernel.size(); }
};

// Reads strides, dilations, pads and auto_pad of a window over `spatial`. `ceil_mode` rounds output extents
// up (a last window that would start in the padding behind the input is dropped, as ONNX says since opset
// 19).
Window window_of(Conversion& c, std::span<const Dim> spatial, std::vector<Dim> kernel,
                 bool ceil_mode = false);

// The same for a transposed convolution, whose output extents follow from output_shape or output_padding.
Window transposed_window_of(Conversion& c, std::span<const Dim> spatial, std::vector<Dim> kernel);

}  // namespace tauto::onnx
