// A graph around one node.
#include "onnx/node_model.h"

#include <algorithm>

namespace tauto::onnx {

AttributeProto attribute(std::string_view name, int64_t v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kInt;
  a.i = v;
  return a;
}
AttributeProto attribute(std::string_view name, Ints v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kInts;
  a.ints = std::move(v);
  return a;
}
AttributeProto attribute(std::string_view name, float v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kFloat;
  a.f = v;
  return a;
}
AttributeProto attribute(std::string_view name, const char* v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kString;
  a.s = v;
  return a;
}

static constexpr std::string_view kIn[] = {"x0", "x1", "x2", "x3", "x4", "x5"};
static constexpr std::string_view kOut[] = {"y0", "y1", "y2", "y3"};

static bool steers(const Tensor& t) { return t.rank() <= 1 && t.type().is_integer(); }

Module NodeModel::import() const {
  Model m;
  m.proto.ir_version = 8;
  m.proto.opset_import.push_back({"", version});
  m.storage = std::make_shared<Storage>(Bytes{}, "node.onnx", "");
  GraphProto& g = m.proto.graph.make();
  NodeProto node;
  node.op_type = op;
  node.name = "it";
  node.attribute = attributes;
  ImportOptions options;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) {
      node.input.push_back("");
      continue;
    }
    ValueInfoProto v;
    v.name = kIn[i];
    TypeProto::Tensor t;
    t.elem_type = data_type_of(inputs[i].type());
    const bool ranked = std::find(unranked.begin(), unranked.end(), i) == unranked.end();
    if (ranked) t.shape.make();
    for (int64_t d : inputs[i].shape()) {
      if (!ranked) break;
      DimensionProto dim;
      if (known != Known::Ranks || steers(inputs[i])) dim.dim_value = d;
      t.shape->dim.push_back(dim);
    }
    v.type.make().tensor_type = t;
    g.input.push_back(v);
    node.input.push_back(kIn[i]);
    if (known == Known::Values && steers(inputs[i])) options.values[std::string(kIn[i])] = inputs[i];
  }
  for (int i = 0; i < outputs; ++i) {
    node.output.push_back(kOut[i]);
    ValueInfoProto v;
    v.name = kOut[i];
    g.output.push_back(v);
  }
  g.node.push_back(std::move(node));
  // Values that decide shapes are asked for one after the other.
  for (size_t round = 0;; ++round) try {
      return import_model(m, options);
    } catch (const NeedsValues& needs) {
      if (round == inputs.size()) throw;
      for (size_t i = 0; i < inputs.size(); ++i)
        for (const std::string& name : needs.inputs)
          if (name == kIn[i]) options.values[name] = inputs[i];
    }
}

std::vector<Tensor> NodeModel::run() const {
  const Module m = import();
  if (const std::string why = verify(m); !why.empty()) throw InternalError(why);
  std::vector<Value> in;
  const Function& f = m.main();
  for (const std::string& name : f.parameters)
    for (size_t i = 0; i < inputs.size(); ++i)
      if (name == kIn[i]) in.emplace_back(inputs[i]);
  std::vector<Tensor> r;
  for (Value& v : interpret(m, std::move(in))) r.push_back(v.tensor);
  return r;
}

std::string NodeModel::error() const {
  try {
    run();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace tauto::onnx
