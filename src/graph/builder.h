// Builds a function node by node; the only way to make nodes. Each node is type-checked as it is added.
//
// Shape arithmetic is folded on the way: an integer node whose value follows from literals and symbolic dims
// becomes a `constant` or `dims` node, so `Shape → Gather → Concat → Reshape` of a model ends as reshape(x,
// dims [N, 12, 64]). Nodes that are equal to an earlier one are that node (their provenance is united).
#pragma once

#include <unordered_map>

#include "graph/graph.h"

namespace tauto {

class Builder final : public FreshSymbols {
 public:
  Builder(Module& module, std::string function_name);

  Id parameter(std::string name, Type type);  // before any other node
  Id constant(Tensor value);
  Id dims(Dims values);  // i64[n]
  Id add(const Op& op, std::vector<Id> inputs, Attributes attributes = {});
  // `old`, perhaps of another function, over other inputs and with other attributes. Dimensions that its type
  // rule would give new symbols stay what old.type calls them.
  Id copy(const Node& old, std::vector<Id> inputs, Attributes attributes);
  Id item(Id tuple, int64_t index);
  template <class T>
  Id scalar(T v) {
    return constant(Tensor::scalar<T>(v));
  }
  Id ints(std::span<const int64_t> v) { return constant(Tensor::ints(v)); }
  Id ints(std::initializer_list<int64_t> v) { return ints(std::span(v.begin(), v.size())); }
  // A scalar of a float, integer or bool element type, rounded or wrapped to it.
  Id number(double v, ElementType type);

  const std::string& name() const { return function_.name; }
  const std::string& parameter_name(Id id) const { return function_.parameters[static_cast<size_t>(id)]; }
  const Node& node(Id id) const { return function_.node(id); }
  const Type& type(Id id) const { return node(id).type; }
  const Tensor* constant_of(Id id) const { return constant_value(node(id)); }
  // The flattened value of an integer node when it is known, perhaps with symbols.
  std::optional<Dims> known(Id id) const;
  std::optional<Ints> known_ints(Id id) const;

  // Nodes added from now on come from this source node (an ONNX node's name); "" = from nothing.
  void set_source(const std::string& name);
  void add_sources(Id id, const Sources& s);
  const Sources& current_sources() const { return current_; }
  void set_sources(Sources s) { current_ = std::move(s); }

  Dim fresh() override;
  Module& module() { return module_; }
  size_t size() const { return function_.nodes.size(); }

  // Ends the function: drops what no result needs (parameters stay), enters it in the module, returns its
  // type.
  Type finish(std::vector<Id> results, std::vector<std::string> result_names);

 private:
  Id insert(Node n);
  std::optional<Tensor> known_by_types(const Node& n);
  std::optional<Node> fold(const Node& n);

  Module& module_;
  Function function_;
  Sources current_;
  std::unordered_map<size_t, std::vector<Id>> by_hash_;
};

}  // namespace tauto
