// An ONNX model of opset 13 that means the same: scales for each channel (DequantizeLinear's axis) came with
// it, and many public files are older.
//
// From opset 9 on most operators only learned types and options between; those whose attributes became inputs
// (Squeeze, Unsqueeze, ReduceSum, Split: 13, Clip: 11, Slice: 10) are rewritten; Softmax, which took everything behind
// its axis together before 13, where its input is known to have nothing behind. Anything else is refused by
// name. onnx.version_converter does more of them.
#pragma once

#include <map>
#include <string>

#include "onnx/proto.h"

namespace tauto {

inline constexpr int64_t kRaisedOpset = 13;

// Why it cannot be done, with the node; "": `model` has opset 13 or more. `model` may be half changed when it
// cannot.
// `ranks`: of nodes' results where they are known, by the node's name (its first output's where it has none).
std::string raise_opset(onnx::ModelProto& model, onnx::Storage& storage,
                        const std::map<std::string, int64_t>& ranks = {});

}  // namespace tauto
