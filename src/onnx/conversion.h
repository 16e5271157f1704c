// What a converter sees: one ONNX node, its inputs as nodes of our graph, its attributes, and the builder.
//
//   void Relu(Conversion& c) { c.out(c.b.add(ops::relu, {c.in(0)})); }
//
// Converters decompose: an ONNX operator that is a composition becomes several graph nodes. They are listed
// in converters.h. A converter that meets something it does not support calls refuse(); the error names file
// and node.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "onnx/proto.h"
#include "ops/ops.h"

namespace tauto::onnx {

class Importer;

// The body of a control-flow node, as a function of the module. Its parameters are the graph's own inputs,
// then the captured outer values (in this order, as ids of the outer function).
struct Body {
  std::string function;
  std::vector<Id> captured;
  std::vector<Type> parameters, results;  // parameters: without the captured ones
};

class Conversion;
// Changes the results of a body before it is closed; the Conversion adds nodes to the body.
using Adapt = std::function<void(Conversion& inside, std::vector<Id>& results)>;

// What DequantizeLinear makes of integers: (q − zero point) · scale. Contractions of such values are sums of
// integers (onnx/quantize.h).
struct Dequantized {
  Id q = -1;                    // i32: the zero point is taken off
  Id scale = -1;                // f32, of one value or a vector along `axis`
  int64_t axis = -1;            // -1: one scale
  int64_t least = 0, most = 0;  // what q may be
};

class Conversion {
 public:
  Builder& b;
  const NodeProto& node;
  const int64_t version;  // of the operator set of the node's domain

  Conversion(Importer& importer, Builder& b, const NodeProto& node, int64_t version, std::vector<Id> inputs)
      : b(b),
        node(node),
        version(version),
        importer_(importer),
        inputs_(std::move(inputs)),
        outputs_(node.output.size(), -1) {}

  // Inputs.
  int count() const { return static_cast<int>(inputs_.size()); }
  bool has(int i) const { return i < count() && inputs_[static_cast<size_t>(i)] >= 0; }
  Id in(int i) const;              // refuses when it is absent
  std::vector<Id> inputs() const;  // all; refuses when one is absent
  // References stay good while nodes are added (Function::nodes is a deque).
  const Type& type(int i) const { return b.type(in(i)); }
  const Type& type_of(Id id) const { return b.type(id); }
  ElementType element(int i) const;  // of a tensor
  const Dims& dims(int i) const;     // of a ranked tensor; refuses on an unranked one
  int64_t rank(int i) const { return static_cast<int64_t>(dims(i).size()); }
  // Input i must have this rank. Where only run time knows its rank it becomes a checked node (ops::refine).
  void require_rank(int i, int64_t rank);
  // x, or where only run time knows the rank of x: x with a check of its rank or of its dims.
  Id refined(Id x, int64_t rank);
  Id refined(Id x, Dims dims);
  // Integer values that must be known now (axes, …). When they depend on graph inputs, the importer is run
  // again with those inputs fixed to their values (NeedsValues); refuses when they depend on computed data.
  Ints required_ints(int i) const;
  int64_t required_int(int i) const;
  Tensor required_tensor(int i) const;

  // Attributes. The default is used when the attribute is absent; a wrong kind is refused.
  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  int64_t attr_int(std::string_view name, int64_t otherwise) const;
  int64_t attr_int(std::string_view name) const;  // refuses when absent
  float attr_float(std::string_view name, float otherwise) const;
  std::string attr_string(std::string_view name, std::string otherwise) const;
  Ints attr_ints(std::string_view name, Ints otherwise = {}) const;
  std::vector<float> attr_floats(std::string_view name) const;
  std::vector<std::string> attr_strings(std::string_view name) const;
  Tensor attr_tensor(std::string_view name) const;         // refuses when absent
  Tensor attr_sparse_tensor(std::string_view name) const;  // densified
  const GraphProto& attr_graph(std::string_view name) const;
  Type attr_type(std::string_view name) const;
  const AttributeProto* find(std::string_view name) const;
  ElementType element_type(int64_t onnx_data_type) const;

  // Outputs.
  int output_count() const { return static_cast<int>(node.output.size()); }
  bool wants(int i) const { return i < output_count() && !node.output[static_cast<size_t>(i)].empty(); }
  void out(int i, Id id);
  void out(Id id) { out(0, id); }
  const std::vector<Id>& outputs() const { return outputs_; }

  // Does input i come from DequantizeLinear? Of values of the same graph.
  const Dequantized* dequantized(int i) const;
  void set_dequantized(Dequantized d);  // of output 0

  // Short forms.
  Id add(const Op& op, std::vector<Id> in, Attributes attributes = {}) {
    return b.add(op, std::move(in), std::move(attributes));
  }
  Id number(double v, ElementType t) { return b.number(v, t); }
  int64_t axis(int64_t axis, int64_t rank) const;  // -rank ≤ axis < rank, else refuses

  // Imports a sub-graph as a function with these parameter types (fewer: the graph's own inputs say).
  Body body(const GraphProto& graph, std::vector<Type> parameters, const Adapt& adapt = {});
  std::vector<Body> bodies(const std::vector<const GraphProto*>& graphs);  // branches: same captured values
  void drop(const Body& body);  // one that turned out to need other types
  // The nodes of a sub-graph as if they stood here.
  std::vector<Id> inlined(const GraphProto& graph, const std::vector<Id>& inputs);
  // For bodies which a converter builds itself: a name, and the same node seen from inside.
  std::string new_function_name();
  Conversion inside(Builder& body) const { return {importer_, body, node, version, {}}; }
  // Applies another ONNX operator of the standard domain: for operators defined through others.
  std::vector<Id> convert(std::string_view op_type, std::vector<Id> inputs,
                          std::vector<AttributeProto> attributes, int outputs = 1, int64_t at_version = 0);

  [[noreturn]] void refuse(const std::string& what) const;

 private:
  const AttributeProto* expect(std::string_view name, int32_t type, const char* kind) const;

  Importer& importer_;
  std::vector<Id> inputs_;
  std::vector<Id> outputs_;
};

using Converter = void (*)(Conversion&);
Converter find_converter(std::string_view domain, std::string_view op_type);

// Builds index maps for contractions and window reductions: names axes so that no symbol of a dim is caught.
class AccessBuilder {
 public:
  int output(std::string name, Dim extent);  // output axes first, in order
  int reduce(std::string name, Dim extent);  // then reduction axes, in order
  void operand(std::vector<AxisIndex> index) { access_.operands.push_back(std::move(index)); }
  static AxisIndex at(int axis, Dim coefficient = 1, Dim offset = 0) {
    return {{{axis, std::move(coefficient)}}, std::move(offset), 1};
  }
  Access finish();

 private:
  Access access_;
};

}  // namespace tauto::onnx
