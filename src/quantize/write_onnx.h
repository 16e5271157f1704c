// A plan as an ONNX model: the source's file with what the plan says written into it, in the standard's
// operators, so that others can run it.
//
//   int8 and fewer   x → QuantizeLinear → DequantizeLinear → Conv ← DequantizeLinear ← weights (int8), the
//                    bias as int32; activations of fewer than 8 bits are clipped before (Clip)
//   dynamic          DynamicQuantizeLinear → ConvInteger or MatMulInteger → Cast → Mul → Add
//   f16, bf16        Cast → Cast before both operands
//
// Imported, the file has the same bits as the source under the plan. Integers of 4, 2 and 1 bits stand in
// int8 tensors: the values are what is quantized, and every runtime reads them.
#pragma once

#include <string>

#include "onnx/proto.h"
#include "passes/precision.h"

namespace tauto {

// The bytes of the file. `m`: the source's graph. Error, beginning with `where`: the file's opset is too old,
// or a node of the plan is no Conv, ConvTranspose, MatMul or Gemm of the main graph.
std::string write_quantized(const onnx::Model& source, const Module& m, const PrecisionPlan& plan,
                            const std::string& where);

}  // namespace tauto
