// Raising opsets, see raise_opset.h.
#include "quantize/raise_opset.h"

#include <algorithm>
#include <map>
#include <set>

#include "graph/tensor.h"
#include "onnx/encode_tensor.h"

namespace tauto {
namespace {

using onnx::AttributeProto;
using onnx::NodeProto;
using Name = std::string_view;

constexpr int64_t kOldest = 9;

// What was valid in opset 9 means the same in opset 13.
const std::set<Name>& unchanged() {
  static const std::set<Name> names = {"Abs",
                                       "Acos",
                                       "Acosh",
                                       "Add",
                                       "And",
                                       "ArgMax",
                                       "ArgMin",
                                       "Asin",
                                       "Asinh",
                                       "Atan",
                                       "Atanh",
                                       "AveragePool",
                                       "BatchNormalization",
                                       "Cast",
                                       "Ceil",
                                       "Concat",
                                       "Constant",
                                       "ConstantOfShape",
                                       "Conv",
                                       "ConvTranspose",
                                       "Cos",
                                       "Cosh",
                                       "DepthToSpace",
                                       "Div",
                                       "Elu",
                                       "Equal",
                                       "Erf",
                                       "Exp",
                                       "Expand",
                                       "Flatten",
                                       "Floor",
                                       "GRU",
                                       "Gather",
                                       "Gemm",
                                       "GlobalAveragePool",
                                       "GlobalMaxPool",
                                       "Greater",
                                       "HardSigmoid",
                                       "Identity",
                                       "InstanceNormalization",
                                       "IsNaN",
                                       "LRN",
                                       "LSTM",
                                       "LeakyRelu",
                                       "Less",
                                       "Log",
                                       "MatMul",
                                       "Max",
                                       "MaxPool",
                                       "Mean",
                                       "Min",
                                       "Mul",
                                       "Neg",
                                       "NonZero",
                                       "Not",
                                       "OneHot",
                                       "Or",
                                       "PRelu",
                                       "Pow",
                                       "RNN",
                                       "Reciprocal",
                                       "ReduceL1",
                                       "ReduceL2",
                                       "ReduceLogSum",
                                       "ReduceLogSumExp",
                                       "ReduceMax",
                                       "ReduceMean",
                                       "ReduceMin",
                                       "ReduceProd",
                                       "ReduceSumSquare",
                                       "Relu",
                                       "Reshape",
                                       "Selu",
                                       "Shape",
                                       "Sigmoid",
                                       "Sign",
                                       "Sin",
                                       "Sinh",
                                       "Size",
                                       "Softplus",
                                       "Softsign",
                                       "SpaceToDepth",
                                       "Sqrt",
                                       "Sub",
                                       "Sum",
                                       "Tan",
                                       "Tanh",
                                       "Tile",
                                       "Transpose",
                                       "Where",
                                       "Xor"};
  return names;
}
// Since when an operator is as it is in opset 13, where that is after 9.
int64_t since(Name op) {
  static const std::map<Name, int64_t> versions = {{"Slice", 10},
                                                   {"Pad", 11},
                                                   {"Clip", 11},
                                                   {"TopK", 11},
                                                   {"Resize", 11},
                                                   {"Gelu", 99},
                                                   {"QuantizeLinear", 10},
                                                   {"DequantizeLinear", 10},
                                                   {"CumSum", 11},
                                                   {"Range", 11},
                                                   {"Round", 11},
                                                   {"GatherElements", 11},
                                                   {"GatherND", 11},
                                                   {"ScatterND", 11},
                                                   {"Mod", 10},
                                                   {"Einsum", 12}};
  const auto at = versions.find(op);
  return at == versions.end() ? 99 : at->second;
}

class Raiser {
 public:
  Raiser(onnx::ModelProto& m, onnx::Storage& s, const std::map<std::string, int64_t>& ranks)
      : model_(m), storage_(s), known_(ranks) {
    for (const auto* list : {&m.graph->output, &m.graph->value_info, &m.graph->input})
      for (const onnx::ValueInfoProto& v : *list)
        if (v.type && v.type->tensor_type && v.type->tensor_type->shape)
          ranks_[v.name] = static_cast<int64_t>(v.type->tensor_type->shape->dim.size());
  }

  std::string raise() {
    onnx::OperatorSetIdProto* standard = nullptr;
    for (onnx::OperatorSetIdProto& o : model_.opset_import)
      if (o.domain.empty() || o.domain == "ai.onnx") standard = &o;
    if (!standard) return "required an opset of the standard operators";
    if (standard->version >= kRaisedOpset) return "";
    version_ = standard->version;
    if (version_ < kOldest) return cat("required opset ", kOldest, " or later, got ", version_);
    if (!model_.functions.empty()) return "required a model without functions of its own below opset 13";
    for (NodeProto& n : model_.graph->node)
      if (const std::string why = node(n); !why.empty())
        return cat("node \"", n.name.empty() && !n.output.empty() ? n.output[0] : n.name, "\" (", n.op_type,
                   ") of opset ", version_, ": ", why);
    standard->version = kRaisedOpset;
    model_.ir_version = std::max<int64_t>(model_.ir_version, 7);
    return "";
  }

 private:
  std::string node(NodeProto& n) {
    if (!(n.domain.empty() || n.domain == "ai.onnx")) return "";
    for (const AttributeProto& a : n.attribute)
      if (a.g || !a.graphs.empty()) return "its bodies are not raised to opset 13";
    if (n.op_type == "Squeeze" || n.op_type == "Unsqueeze" || n.op_type == "ReduceSum")
      return to_input(n, "axes");
    if (n.op_type == "Split") return to_input(n, "split");
    if (n.op_type == "Clip" && version_ < 11) return clip(n);
    if (n.op_type == "Slice" && version_ < 10) {
      for (const Name what : {"starts", "ends", "axes"}) to_input(n, what);
      return "";
    }
    if (n.op_type == "Softmax" || n.op_type == "LogSoftmax") return softmax(n);
    if (n.op_type == "Dropout") return n.output.size() == 1 ? dropout(n) : "required one output";
    if (unchanged().count(n.op_type) || since(n.op_type) <= version_) return "";
    return "it is not raised to opset 13";
  }

  Name keep(const std::string& s) { return storage_.keep(s); }
  Name initializer(const NodeProto& n, Name what, const Tensor& t) {
    const Name name = keep(cat(n.output[0], "/", what));
    model_.graph->initializer.push_back(onnx::proto_of(t, name, storage_));
    return name;
  }

  std::string to_input(NodeProto& n, Name name) {
    const auto at = std::find_if(n.attribute.begin(), n.attribute.end(),
                                 [&](const AttributeProto& a) { return a.name == name; });
    if (at == n.attribute.end()) return "";
    const Tensor values = Tensor::ints(at->ints);
    n.attribute.erase(at);
    n.input.push_back(initializer(n, name, values));
    return "";
  }

  std::string clip(NodeProto& n) {
    for (const Name what : {"min", "max"}) {
      const auto at = std::find_if(n.attribute.begin(), n.attribute.end(),
                                   [&](const AttributeProto& a) { return a.name == what; });
      n.input.push_back(at == n.attribute.end() ? Name()
                                                : initializer(n, what, Tensor::scalar<float>(at->f)));
    }
    n.attribute.clear();
    while (n.input.back().empty()) n.input.pop_back();
    return "";
  }

  std::string softmax(NodeProto& n) {
    int64_t axis = 1;
    for (const AttributeProto& a : n.attribute)
      if (a.name == "axis") axis = a.i;
    if (axis != -1) {
      const auto stated = ranks_.find(n.output[0]);
      const auto known = known_.find(std::string(n.name.empty() ? n.output[0] : n.name));
      const int64_t rank = known != known_.end()    ? known->second
                           : stated != ranks_.end() ? stated->second
                                                    : 0;
      if (axis != rank - 1) return cat("required axis -1 or an output that is known to have rank ", axis + 1);
    }
    n.attribute.clear();
    AttributeProto a;
    a.name = "axis", a.type = AttributeProto::kInt, a.i = -1;
    n.attribute.push_back(a);
    return "";
  }

  std::string dropout(NodeProto& n) {
    n.op_type = "Identity";
    n.attribute.clear();
    n.input.resize(1);
    return "";
  }

  onnx::ModelProto& model_;
  onnx::Storage& storage_;
  std::map<Name, int64_t> ranks_;                // of values, as the file states them
  const std::map<std::string, int64_t>& known_;  // of nodes' results
  int64_t version_ = 0;
};

}  // namespace

std::string raise_opset(onnx::ModelProto& model, onnx::Storage& storage,
                        const std::map<std::string, int64_t>& ranks) {
  return Raiser(model, storage, ranks).raise();
}

}  // namespace tauto
