// What the exporter of one operator sees.
#pragma once

#include <map>

#include "graph/graph.h"
#include "onnx/proto.h"

namespace tauto::onnx {

class Exporter {
 public:
  Exporter(const Module& m, std::shared_ptr<Storage> storage) : module_(m), storage_(std::move(storage)) {}

  GraphProto graph(const Function& f, const std::vector<std::string>& outer_names, size_t own_parameters);

  // In an operator's exporter: the node, its inputs' names, and ways to add ONNX nodes.
  const Function& function() const { return *function_; }
  const Node& node() const { return *node_; }
  const Type& input_type(size_t i) const { return function_->node(node_->inputs[i]).type; }
  std::string input(size_t i) const { return names_[static_cast<size_t>(node_->inputs[i])]; }
  std::vector<std::string> inputs() const {
    std::vector<std::string> r;
    for (size_t i = 0; i < node_->inputs.size(); ++i) r.push_back(input(i));
    return r;
  }
  std::string name_of(Id id) const { return names_[static_cast<size_t>(id)]; }
  // Adds a node; returns the name of its (first) output.
  std::string add(std::string_view op_type, const std::vector<std::string>& inputs,
                  std::vector<AttributeProto> attributes = {});
  std::vector<std::string> add_many(std::string_view op_type, const std::vector<std::string>& inputs,
                                    std::vector<AttributeProto> attributes, size_t outputs);
  std::string constant(const Tensor& t);
  std::string ints(const Ints& v) { return constant(Tensor::ints(v)); }
  std::string dim(const Dim& d);    // a scalar i64
  std::string dims(const Dims& d);  // i64[n]
  AttributeProto attribute(std::string_view name, int64_t v);
  AttributeProto attribute(std::string_view name, const std::string& v);
  AttributeProto attribute(std::string_view name, Ints v);
  AttributeProto attribute(std::string_view name, GraphProto v);
  GraphProto body(const std::string& function, size_t own_parameters, size_t first_captured);
  void results(std::vector<std::string> names) { results_[current_] = std::move(names); }
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  std::string fresh();
  std::string_view keep(std::string s) { return storage_->keep(std::move(s)); }
  TypeProto type_of(const Type& t);

  const Module& module_;
  std::shared_ptr<Storage> storage_;
  const Function* function_ = nullptr;
  const Node* node_ = nullptr;
  Id current_ = 0;
  GraphProto* out_ = nullptr;
  std::vector<std::string> names_;                  // of the current function's values
  std::map<Id, std::vector<std::string>> results_;  // parts of tuples
  std::map<std::string, std::string> symbols_;      // symbol → name of a scalar i64 value
  int next_ = 0;
};

// Exports the current node; returns the name of its value ("" for a tuple, whose parts were given to
// results()).
std::string export_node(Exporter& e);
std::string export_elementwise(Exporter& e);  // of the elementwise operators

}  // namespace tauto::onnx
