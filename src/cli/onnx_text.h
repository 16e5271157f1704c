// An ONNX file for people to read: one line for each input, initializer, node and output, sub-graphs indented
// under their nodes. There is no way back from this text.
//
//   input x: f32[N, 3]
//   initializer w: float32[3, 2]
//   y = Gemm(x, w, b) {alpha: 1.0, transB: 1}  # "fc1"
#pragma once

#include "onnx/proto.h"

namespace tauto::cli {

std::string onnx_text(const onnx::Model& model);

}  // namespace tauto::cli
