// What is in a model, without importing it: unsupported operators and the signature.
#include <set>

#include "onnx/importer.h"

namespace tauto::onnx {
namespace {

std::string_view standard(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

class Survey {
 public:
  explicit Survey(const ModelProto& m) {
    for (const FunctionProto& f : m.functions) local_.insert(cat(standard(f.domain), "\n", f.name));
    if (m.graph) graph(*m.graph, 0);
    for (const FunctionProto& f : m.functions) nodes(f.node, 0);
  }
  std::vector<Unsupported> found;

 private:
  void graph(const GraphProto& g, int depth) {
    if (depth < 64) nodes(g.node, depth);
  }
  void nodes(const std::vector<NodeProto>& list, int depth) {
    for (const NodeProto& n : list) {
      const std::string_view domain = standard(n.domain);
      if (!local_.count(cat(domain, "\n", n.op_type)) && !find_converter(domain, n.op_type)) {
        std::string name(n.name);
        if (name.empty() && !n.output.empty()) name = n.output[0];
        found.push_back({std::move(name), cat(domain, domain.empty() ? "" : ".", n.op_type)});
      }
      for (const AttributeProto& a : n.attribute) {
        if (a.g) graph(*a.g, depth + 1);
        for (const GraphProto& g : a.graphs) graph(g, depth + 1);
      }
    }
  }
  std::set<std::string> local_;
};

}  // namespace

std::vector<Unsupported> unsupported_nodes(const ModelProto& model) { return Survey(model).found; }

Signature signature_of(const Model& model) {
  Signature s;
  if (!model.proto.graph) return s;
  const GraphProto& g = *model.proto.graph;
  Module scratch;
  Builder b(scratch, "signature");
  Importer importer(model, {}, scratch);
  std::set<std::string_view> initialized;
  for (const TensorProto& t : g.initializer) initialized.insert(t.name);
  const auto add = [&](const ValueInfoProto& v, const char* what, auto& list) {
    try {
      list.emplace_back(std::string(v.name), v.type ? importer.type_of(*v.type, b) : Type::unranked(f32));
    } catch (const Error& e) {
      fail(model.storage->name, ": ", what, " \"", v.name, "\": ", e.what());
    }
  };
  for (const ValueInfoProto& v : g.input) add(v, "input", initialized.count(v.name) ? s.defaults : s.inputs);
  for (const ValueInfoProto& v : g.output) add(v, "output", s.outputs);
  return s;
}

}  // namespace tauto::onnx
