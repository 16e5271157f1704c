// The walk over a model: names to nodes, scopes, model-local functions, sub-graphs.
#pragma once

#include <map>
#include <set>

#include "onnx/conversion.h"
#include "onnx/import.h"

namespace tauto::onnx {

// Names visible in one graph or function body.
struct Scope {
  Scope* outer = nullptr;  // of the enclosing graph, null in functions
  Builder* builder = nullptr;
  std::map<std::string_view, Id> names;  // kAbsent: a function's input which the caller left out
  // By name, not by node: equal constants are one node, whoever made them.
  std::map<std::string_view, Dequantized> dequantized;
  const std::map<std::string_view, int64_t>* opsets = nullptr;
  const std::map<std::string_view, const AttributeProto*>* arguments =
      nullptr;         // attributes of the enclosing call
  std::string prefix;  // of node names, in function bodies
};

inline constexpr Id kAbsent = -2;

class Importer {
 public:
  Importer(const Model& model, const ImportOptions& options, Module& module);

  void import_main();
  // Bodies for the branches of one node: they capture the same values.
  std::vector<Body> import_bodies(const std::vector<const GraphProto*>& graphs,
                                  const std::vector<Type>& parameters, Scope& outer, const Adapt& adapt);
  // A sub-graph whose place is known: its nodes are added where the outer ones are.
  std::vector<Id> inline_graph(const GraphProto& graph, const std::vector<Id>& inputs, Scope& outer);
  void convert_node(const NodeProto& node, Scope& scope);
  std::vector<Id> convert_as(std::string_view op_type, std::vector<Id> inputs,
                             std::vector<AttributeProto> attributes, int outputs, int64_t version,
                             Builder& b);
  void drop_function(const std::string& name);  // and those which only it calls: its own bodies
  std::string new_function_name() { return cat("body", next_body_++); }
  Scope& scope() { return *scopes_.back(); }
  [[noreturn]] void needs_values(const Builder& b, Id id, const Conversion& c);

  const std::shared_ptr<Storage>& storage() const { return model_.storage; }
  Type type_of(const TypeProto& t, Builder& b);
  Tensor constant(const TensorProto& t) { return tensor_of(t, model_.storage); }
  std::string where(const NodeProto& node) const;

 private:
  struct Entered {  // pushes a scope for its life
    Importer& importer;
    Entered(Importer& i, Scope& s) : importer(i) { i.scopes_.push_back(&s); }
    ~Entered() { importer.scopes_.pop_back(); }
  };
  void add_initializers(const GraphProto& graph, Scope& scope);
  Id look_up(std::string_view name, Scope& scope, const NodeProto* user);
  Id find(std::string_view name, Scope& scope);
  void inline_function(const FunctionProto& f, const NodeProto& node, std::vector<Id> inputs, Scope& scope);
  void bind_outputs(const NodeProto& node, const std::vector<Id>& outputs, Scope& scope);
  int64_t version_of(std::string_view domain, const Scope& scope) const;
  Body import_body(const GraphProto& graph, const std::vector<std::string_view>& captured,
                   const std::vector<Type>& parameters, Scope& outer, const Adapt& adapt);
  bool inputs_behind(const Builder& b, Id id, std::set<std::string>& names) const;

  const Model& model_;
  const ImportOptions& options_;
  Module& module_;
  std::map<std::string_view, int64_t> opsets_;
  std::map<std::string, const FunctionProto*> functions_;
  std::vector<Scope*> scopes_;
  // A body under construction and the outer values behind its parameters.
  struct Inside {
    const Builder* builder;
    const Builder* outer;
    std::map<Id, Id> captured;
  };
  std::vector<Inside> inside_;
  const Builder* main_ = nullptr;
  int next_body_ = 0;
  int depth_ = 0;
  size_t converted_ = 0;  // nodes, repeated rounds of a body included
};

}  // namespace tauto::onnx
