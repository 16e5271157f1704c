// ONNX protos as text, see onnx_text.h.
#include "cli/onnx_text.h"

#include "graph/literal.h"
#include "graph/type.h"
#include "onnx/decode_tensor.h"
#include "onnx/import.h"

namespace tauto::cli {
namespace {

constexpr size_t kShownElements = 16;
constexpr int kMaxDepth = 64;

std::string quoted(std::string_view s) {
  std::string r = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') r += '\\';
    if (static_cast<unsigned char>(c) < 32)
      r += cat("\\x", "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]);
    else
      r += c;
  }
  return r + "\"";
}

// As it is if it reads as one word, else quoted.
std::string name_text(std::string_view s) {
  if (s.empty()) return "_";
  for (const char c : s)
    if (static_cast<unsigned char>(c) <= ' ' ||
        std::string_view("(),\"={}").find(c) != std::string_view::npos)
      return quoted(s);
  return std::string(s);
}

class Writer {
 public:
  explicit Writer(const onnx::Model& m) : storage_(m.storage) {
    const onnx::ModelProto& p = m.proto;
    out_ = cat("onnx ", quoted(p.graph ? p.graph->name : ""), "  ir ", p.ir_version, "\n");
    for (const onnx::OperatorSetIdProto& o : p.opset_import)
      put(0, cat("opset ", o.domain.empty() ? "ai.onnx" : o.domain, " ", o.version));
    if (p.graph) graph(*p.graph, 0);
    for (const onnx::FunctionProto& f : p.functions) function(f);
  }
  std::string take() { return std::move(out_); }

 private:
  void put(int depth, const std::string& line) {
    out_ += std::string(static_cast<size_t>(2 * depth), ' ') + line + "\n";
  }

  static std::string type_text(const onnx::TypeProto& t, int depth = 0) {
    if (depth > kMaxDepth) return "...";
    const auto inner = [&](const onnx::Box<onnx::TypeProto>& p) {
      return p ? type_text(*p, depth + 1) : "?";
    };
    if (t.tensor_type || t.sparse_tensor_type) {
      const onnx::TypeProto::Tensor& x = t.tensor_type ? *t.tensor_type : *t.sparse_tensor_type;
      std::string s = cat(t.tensor_type ? "" : "sparse ", onnx::data_type_name(x.elem_type), "[");
      if (!x.shape) return s + "...]";
      for (size_t i = 0; i < x.shape->dim.size(); ++i) {
        const onnx::DimensionProto& d = x.shape->dim[i];
        s += cat(i ? ", " : "", d.dim_value           ? text_of(*d.dim_value)
                                : d.dim_param.empty() ? "?"
                                                      : std::string(d.dim_param));
      }
      return s + "]";
    }
    if (t.sequence_type) return cat("sequence<", inner(t.sequence_type->elem_type), ">");
    if (t.optional_type) return cat("optional<", inner(t.optional_type->elem_type), ">");
    if (t.map_type)
      return cat("map<", onnx::data_type_name(t.map_type->key_type), ", ", inner(t.map_type->value_type),
                 ">");
    return t.opaque_type ? "opaque" : "?";
  }

  static std::string value_text(const onnx::ValueInfoProto& v) {
    return cat(name_text(v.name), v.type ? ": " : "", v.type ? type_text(*v.type) : "");
  }

  std::string tensor_text(const onnx::TensorProto& t) const {
    const std::string type = cat(onnx::data_type_name(t.data_type), std::span<const int64_t>(t.dims));
    try {
      if (onnx::element_count(t.dims) <= kShownElements) {
        const std::string s = literal_text(onnx::tensor_of(t, storage_));
        return cat(type, " ", s.substr(s.find('{')));
      }
    } catch (const Error& e) {
      return cat(type, " <", e.what(), ">");
    }
    return type + (t.data_location == onnx::TensorProto::kExternal ? " external" : "");
  }

  template <class List, class Text>
  static std::string joined(const List& list, Text text) {
    std::string s;
    for (const auto& x : list) s += cat(s.empty() ? "" : ", ", text(x));
    return s;
  }

  std::string attribute_text(const onnx::AttributeProto& a) const {
    using A = onnx::AttributeProto;
    const auto itself = [](const auto& x) { return text_of(x); };
    if (!a.ref_attr_name.empty()) return cat("@", a.ref_attr_name);
    switch (a.type) {
      case A::kFloat:
        return text_of(a.f);
      case A::kInt:
        return text_of(a.i);
      case A::kString:
        return quoted(a.s);
      case A::kTensor:
        return a.t ? tensor_text(*a.t) : "?";
      case A::kFloats:
        return cat("[", joined(a.floats, itself), "]");
      case A::kInts:
        return cat("[", joined(a.ints, itself), "]");
      case A::kStrings:
        return cat("[", joined(a.strings, quoted), "]");
      case A::kTensors:
        return cat("[", joined(a.tensors, [&](const onnx::TensorProto& t) { return tensor_text(t); }), "]");
      case A::kTypeProto:
        return a.tp ? type_text(*a.tp) : "?";
      case A::kGraph:
      case A::kGraphs:
        return "graph";
      default:
        return cat("attribute of type ", a.type);
    }
  }

  void node(const onnx::NodeProto& n, int depth) {
    std::string attributes;
    for (const onnx::AttributeProto& a : n.attribute)
      attributes += cat(attributes.empty() ? " {" : ", ", a.name, ": ", attribute_text(a));
    const bool standard = n.domain.empty() || n.domain == "ai.onnx";
    put(depth,
        cat(joined(n.output, name_text), " = ", standard ? "" : n.domain, standard ? "" : ".", n.op_type,
            n.overload.empty() ? "" : ":", n.overload, "(", joined(n.input, name_text), ")", attributes,
            attributes.empty() ? "" : "}", n.name.empty() ? "" : cat("  # ", quoted(n.name))));
    for (const onnx::AttributeProto& a : n.attribute) {
      const auto body = [&](const onnx::GraphProto& g) {
        put(depth + 1, cat(a.name, ":"));
        if (depth < kMaxDepth)
          graph(g, depth + 2);
        else
          put(depth + 2, "...");
      };
      if (a.g) body(*a.g);
      for (const onnx::GraphProto& g : a.graphs) body(g);
    }
  }

  void graph(const onnx::GraphProto& g, int depth) {
    for (const onnx::ValueInfoProto& v : g.input) put(depth, cat("input ", value_text(v)));
    for (const onnx::TensorProto& t : g.initializer)
      put(depth, cat("initializer ", name_text(t.name), ": ", tensor_text(t)));
    for (const onnx::SparseTensorProto& t : g.sparse_initializer)
      put(depth, cat("initializer ", name_text(t.values ? t.values->name : ""), ": sparse ",
                     std::span<const int64_t>(t.dims)));
    for (const onnx::NodeProto& n : g.node) node(n, depth);
    for (const onnx::ValueInfoProto& v : g.output) put(depth, cat("output ", value_text(v)));
  }

  void function(const onnx::FunctionProto& f) {
    put(0, cat("function ", f.domain, ".", f.name, "(", joined(f.input, name_text), ") -> (",
               joined(f.output, name_text), ")"));
    for (const onnx::NodeProto& n : f.node) node(n, 1);
  }

  const std::shared_ptr<onnx::Storage>& storage_;
  std::string out_;
};

}  // namespace

std::string onnx_text(const onnx::Model& model) { return Writer(model).take(); }

}  // namespace tauto::cli
