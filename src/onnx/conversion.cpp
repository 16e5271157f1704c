// Access to a node's inputs and attributes, with errors that say what was required.
#include "onnx/conversion.h"

#include <algorithm>

#include "graph/unaligned.h"
#include "onnx/converters.h"
#include "onnx/decode_tensor.h"
#include "onnx/importer.h"

namespace tauto::onnx {

namespace convert {
#define TAUTO_DECLARE(domain, name) void name(Conversion& c);
TAUTO_CONVERTERS(TAUTO_DECLARE)
#undef TAUTO_DECLARE
}  // namespace convert

Converter find_converter(std::string_view domain, std::string_view op_type) {
  struct Entry {
    std::string_view domain, name;
    Converter convert;
  };
  static constexpr Entry kTable[] = {
#define TAUTO_ENTRY(domain, name) {domain, #name, &convert::name},
      TAUTO_CONVERTERS(TAUTO_ENTRY)
#undef TAUTO_ENTRY
  };
  for (const Entry& e : kTable)
    if (e.name == op_type && e.domain == domain) return e.convert;
  return nullptr;
}

Id Conversion::in(int i) const {
  if (!has(i)) refuse(cat("input ", i, " is required"));
  return inputs_[static_cast<size_t>(i)];
}

std::vector<Id> Conversion::inputs() const {
  for (int i = 0; i < count(); ++i) in(i);
  return inputs_;
}

ElementType Conversion::element(int i) const {
  if (!type(i).is_tensor()) refuse(cat("input ", i, ": required a tensor, got ", type(i)));
  return type(i).element;
}

const Dims& Conversion::dims(int i) const {
  element(i);
  if (!type(i).ranked) refuse(cat("input ", i, ": the rank must be known before run time"));
  return type(i).dims;
}

Id Conversion::refined(Id x, int64_t rank) {
  if (type_of(x).ranked) return x;
  Dims dims;
  for (int64_t d = 0; d < rank; ++d) dims.push_back(b.fresh());
  return refined(x, std::move(dims));
}

Id Conversion::refined(Id x, Dims dims) {
  const Type& t = type_of(x);
  if (t.ranked) return x;
  return add(ops::refine, {x}, {{"type", Type::tensor(t.element, std::move(dims))}});
}

void Conversion::require_rank(int i, int64_t rank) {
  element(i);
  if (type(i).ranked && type(i).rank() != rank)
    refuse(cat("input ", i, ": required rank ", rank, ", got ", type(i)));
  inputs_[static_cast<size_t>(i)] = refined(in(i), rank);
}

Ints Conversion::required_ints(int i) const {
  const auto v = b.known_ints(in(i));
  if (!v) importer_.needs_values(b, in(i), *this);
  return *v;
}

int64_t Conversion::required_int(int i) const {
  const Ints v = required_ints(i);
  if (v.size() != 1) refuse(cat("input ", i, ": required one value, got ", v.size()));
  return v[0];
}

Tensor Conversion::required_tensor(int i) const {
  const Tensor* t = b.constant_of(in(i));
  if (!t) importer_.needs_values(b, in(i), *this);
  return aligned(*t);
}

const AttributeProto* Conversion::find(std::string_view name) const {
  for (const AttributeProto& a : node.attribute)
    if (a.name == name) return &a;
  return nullptr;
}

const AttributeProto* Conversion::expect(std::string_view name, int32_t type, const char* kind) const {
  const AttributeProto* a = find(name);
  // Files of IR version 1 leave the type out.
  if (a && a->type != type && a->type != AttributeProto::kUndefined)
    refuse(cat("attribute \"", name, "\": required ", kind, ", got attribute type ", a->type));
  return a;
}

int64_t Conversion::attr_int(std::string_view name, int64_t otherwise) const {
  const AttributeProto* a = expect(name, AttributeProto::kInt, "an integer");
  return a ? a->i : otherwise;
}

int64_t Conversion::attr_int(std::string_view name) const {
  if (!has_attribute(name)) refuse(cat("attribute \"", name, "\" is required"));
  return attr_int(name, 0);
}

float Conversion::attr_float(std::string_view name, float otherwise) const {
  const AttributeProto* a = expect(name, AttributeProto::kFloat, "a float");
  return a ? a->f : otherwise;
}

std::string Conversion::attr_string(std::string_view name, std::string otherwise) const {
  const AttributeProto* a = expect(name, AttributeProto::kString, "a string");
  return a ? std::string(a->s) : otherwise;
}

Ints Conversion::attr_ints(std::string_view name, Ints otherwise) const {
  const AttributeProto* a = expect(name, AttributeProto::kInts, "integers");
  return a ? a->ints : otherwise;
}

std::vector<float> Conversion::attr_floats(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kFloats, "floats");
  return a ? a->floats : std::vector<float>{};
}

std::vector<std::string> Conversion::attr_strings(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kStrings, "strings");
  std::vector<std::string> r;
  if (a)
    for (std::string_view s : a->strings) r.emplace_back(s);
  return r;
}

Tensor Conversion::attr_tensor(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kTensor, "a tensor");
  if (!a || !a->t) refuse(cat("attribute \"", name, "\": a tensor is required"));
  return tensor_of(*a->t, importer_.storage());
}

Tensor Conversion::attr_sparse_tensor(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kSparseTensor, "a sparse tensor");
  if (!a || !a->sparse_tensor) refuse(cat("attribute \"", name, "\": a sparse tensor is required"));
  return dense_tensor_of(*a->sparse_tensor, importer_.storage());
}

const GraphProto& Conversion::attr_graph(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kGraph, "a graph");
  if (!a || !a->g) refuse(cat("attribute \"", name, "\": a graph is required"));
  return *a->g;
}

Type Conversion::attr_type(std::string_view name) const {
  const AttributeProto* a = expect(name, AttributeProto::kTypeProto, "a type");
  if (!a || !a->tp) refuse(cat("attribute \"", name, "\": a type is required"));
  return importer_.type_of(*a->tp, b);
}

ElementType Conversion::element_type(int64_t onnx_data_type) const {
  return element_type_of(static_cast<int32_t>(onnx_data_type));
}

void Conversion::out(int i, Id id) {
  if (i < output_count()) outputs_[static_cast<size_t>(i)] = id;
}

const Dequantized* Conversion::dequantized(int i) const {
  if (!has(i) || static_cast<size_t>(i) >= node.input.size()) return nullptr;
  const auto& known = importer_.scope().dequantized;
  const auto at = known.find(node.input[static_cast<size_t>(i)]);
  return at == known.end() ? nullptr : &at->second;
}

void Conversion::set_dequantized(Dequantized d) {
  if (!node.output.empty()) importer_.scope().dequantized[node.output[0]] = d;
}

int64_t Conversion::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    refuse(cat("axis: required ", -rank, " <= axis < ", rank, ", got ", axis));
  return axis < 0 ? axis + rank : axis;
}

Body Conversion::body(const GraphProto& graph, std::vector<Type> parameters, const Adapt& adapt) {
  return importer_.import_bodies({&graph}, parameters, importer_.scope(), adapt)[0];
}

std::vector<Body> Conversion::bodies(const std::vector<const GraphProto*>& graphs) {
  return importer_.import_bodies(graphs, {}, importer_.scope(), {});
}

void Conversion::drop(const Body& body) { importer_.drop_function(body.function); }

std::vector<Id> Conversion::inlined(const GraphProto& graph, const std::vector<Id>& inputs) {
  return importer_.inline_graph(graph, inputs, importer_.scope());
}

std::string Conversion::new_function_name() { return importer_.new_function_name(); }

std::vector<Id> Conversion::convert(std::string_view op_type, std::vector<Id> inputs,
                                    std::vector<AttributeProto> attributes, int outputs, int64_t at_version) {
  return importer_.convert_as(op_type, std::move(inputs), std::move(attributes), outputs, at_version, b);
}

void Conversion::refuse(const std::string& what) const { fail(what); }

int AccessBuilder::output(std::string name, Dim extent) {
  CHECK(access_.outputs == static_cast<int>(access_.axes.size()), "output axes come first");
  ++access_.outputs;
  access_.axes.push_back(std::move(name));
  access_.extents.push_back(std::move(extent));
  return access_.outputs - 1;
}

int AccessBuilder::reduce(std::string name, Dim extent) {
  access_.axes.push_back(std::move(name));
  access_.extents.push_back(std::move(extent));
  return static_cast<int>(access_.axes.size()) - 1;
}

Access AccessBuilder::finish() {
  std::vector<std::string> symbols;
  for (const Dim& d : access_.extents) symbols_of(d, symbols);
  for (const auto& operand : access_.operands)
    for (const AxisIndex& x : operand) {
      symbols_of(x.offset, symbols);
      for (const AxisTerm& t : x.terms) symbols_of(t.coefficient, symbols);
    }
  for (auto& operand : access_.operands)
    for (AxisIndex& x : operand)
      std::sort(x.terms.begin(), x.terms.end(),
                [](const AxisTerm& a, const AxisTerm& b) { return a.axis < b.axis; });
  for (std::string& axis : access_.axes)
    while (std::find(symbols.begin(), symbols.end(), axis) != symbols.end()) axis += "_";
  return std::move(access_);
}

}  // namespace tauto::onnx
