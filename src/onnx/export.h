// Module → ONNX, for graphs made of exportable operators.
//
// The file means the same graph, node for node: each graph node becomes one ONNX node (or a few, where ONNX
// says it with more), so a round trip through import gives a program with the same results, to the bit. An
// operator that ONNX cannot say with the same bits (fma, a window sum) is refused by name.
#pragma once

#include <string>

#include "graph/graph.h"

namespace tauto::onnx {

// The protobuf bytes of a model of opset 22. Throws Error naming the node and the operator that cannot be
// exported.
std::string export_model(const Module& m);

}  // namespace tauto::onnx
