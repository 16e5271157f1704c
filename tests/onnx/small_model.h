// Small models written by hand, as the structs a file is read into.
#pragma once

#include "onnx/import.h"

namespace tauto::onnx::testing {

using Names = std::vector<std::string_view>;

// A tensor's name and type; dims that are no numbers are symbols. No dims: a scalar.
inline ValueInfoProto value(std::string_view name, Names dims, int32_t type = kFloat) {
  ValueInfoProto v;
  v.name = name;
  TypeProto::Tensor t;
  t.elem_type = type;
  t.shape.make();
  for (std::string_view d : dims) {
    DimensionProto dim;
    if (d[0] >= '0' && d[0] <= '9')
      dim.dim_value = std::stoll(std::string(d));
    else
      dim.dim_param = d;
    t.shape->dim.push_back(dim);
  }
  v.type.make().tensor_type = t;
  return v;
}

// A name alone: an output, or an input of a body whose type its caller knows.
inline ValueInfoProto named(std::string_view name) {
  ValueInfoProto v;
  v.name = name;
  return v;
}

inline AttributeProto attribute(std::string_view name, int64_t v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kInt;
  a.i = v;
  return a;
}
inline AttributeProto attribute(std::string_view name, std::vector<int64_t> v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kInts;
  a.ints = std::move(v);
  return a;
}
inline AttributeProto attribute(std::string_view name, std::vector<float> v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kFloats;
  a.floats = std::move(v);
  return a;
}
inline AttributeProto attribute(std::string_view name, std::vector<std::string_view> v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kStrings;
  a.strings = std::move(v);
  return a;
}
inline AttributeProto text_attribute(std::string_view name, std::string_view v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kString;
  a.s = v;
  return a;
}
inline AttributeProto float_attribute(std::string_view name, float v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kFloat;
  a.f = v;
  return a;
}
inline AttributeProto attribute(std::string_view name, GraphProto g) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kGraph;
  a.g = std::move(g);
  return a;
}
// The attribute of a function's body that takes its value from the call.
inline AttributeProto reference(std::string_view name, std::string_view outer, int32_t type) {
  AttributeProto a;
  a.name = name;
  a.ref_attr_name = outer;
  a.type = type;
  return a;
}

inline NodeProto node(std::string_view op, Names in, Names out, std::vector<AttributeProto> attributes = {}) {
  NodeProto n;
  n.op_type = op;
  n.input = std::move(in);
  n.output = std::move(out);
  n.name = "it";
  n.attribute = std::move(attributes);
  return n;
}

inline GraphProto graph(std::vector<ValueInfoProto> in, std::vector<NodeProto> nodes, Names out) {
  GraphProto g;
  g.input = std::move(in);
  g.node = std::move(nodes);
  for (std::string_view o : out) g.output.push_back(named(o));
  return g;
}

// Numbers that live as long as the program: an initializer refers to its bytes.
template <class T>
TensorProto initializer(std::string_view name, std::vector<int64_t> dims, const std::vector<T>& values,
                        int32_t type = kFloat) {
  static std::vector<std::unique_ptr<std::string>> kept;
  kept.push_back(
      std::make_unique<std::string>(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  TensorProto t;
  t.name = name;
  t.dims = std::move(dims);
  t.data_type = type;
  t.raw_data = *kept.back();
  return t;
}

inline Model model_of(GraphProto g, int64_t opset = 17) {
  Model m;
  m.proto.ir_version = 8;
  m.proto.opset_import.push_back({"", opset});
  m.proto.graph = std::move(g);
  m.storage = std::make_shared<Storage>(Bytes{}, "small.onnx", "");
  return m;
}

inline std::string error_of(const Model& m) {
  try {
    import_model(m);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace tauto::onnx::testing
