// ONNX → module.
//
// Dynamic dimensions stay symbols (an input's dim_param is its symbol's name, one without a name gets a fresh
// one). Initializers, whether or not they are also listed as graph inputs, are constants; `values` overrides
// them, and fixes inputs whose values decide shapes or axes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "onnx/proto.h"

namespace tauto::onnx {

struct ImportOptions {
  std::map<std::string, Tensor> values;
  const std::function<bool()>* cancelled = nullptr;  // asked at each node; true: Cancelled is thrown
};

// The graph can only be built when these inputs are known: run import_model again with their values.
struct NeedsValues : Error {
  std::vector<std::string> inputs;
  NeedsValues(std::string what, std::vector<std::string> inputs)
      : Error(std::move(what)), inputs(std::move(inputs)) {}
};

Module import_model(const Model& model, const ImportOptions& options = {});

// Nodes whose operator has no converter, in sub-graphs and functions too: `node "x" (domain.Op)`.
struct Unsupported {
  std::string node, op;
};
std::vector<Unsupported> unsupported_nodes(const ModelProto& model);

// Signature as the file states it, without importing.
struct Signature {
  std::vector<std::pair<std::string, Type>> inputs, outputs;  // inputs: without initializers
  std::vector<std::pair<std::string, Type>> defaults;         // inputs that have an initializer
};
Signature signature_of(const Model& model);

ElementType element_type_of(int32_t data_type);  // throws Error on types we have not
int32_t data_type_of(ElementType t);
Tensor tensor_of(const TensorProto& t, const std::shared_ptr<Storage>& storage);
Tensor dense_tensor_of(const SparseTensorProto& t, const std::shared_ptr<Storage>& storage);

}  // namespace tauto::onnx
