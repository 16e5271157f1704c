// The walk over a model: names to nodes, scopes, model-local functions, sub-graphs.
#pragma once

#include <map>
#include <set>

#include "onnx/conversion.h"
#include "onnx/import.h"

namespace tauto::onnx {

// Names visible in one graph or function body.
struct Scope {
  Scope* outer = nullptr;  // of an enclosing graph (another Builder), null in functions
  Builder* builder = nullptr;
  std::map<std::string_view, Id> names;
  std::vector<std::pair<std::string, Id>>
      captured;  // outer values that became parameters: name, id in outer builder
  const std::map<std::string_view, int64_t>* opsets = nullptr;
  const std::map<std::string_view, const AttributeProto*>* arguments =
      nullptr;         // attributes of the enclosing call
  std::string prefix;  // of node names, in function bodies
};

class Importer {
 public:
  Importer(const Model& model, const ImportOptions& options, Module& module);

  void import_main();
  Body import_body(const GraphProto& graph, std::vector<Type> parameters, Scope& outer);
  void convert_node(const NodeProto& node, Scope& scope);
  std::vector<Id> convert_as(std::string_view op_type, std::vector<Id> inputs,
                             std::vector<AttributeProto> attributes, int outputs, int64_t version,
                             Scope& scope);
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

  const Model& model_;
  const ImportOptions& options_;
  Module& module_;
  std::map<std::string_view, int64_t> opsets_;
  std::map<std::string, const FunctionProto*> functions_;
  std::vector<Scope*> scopes_;
  int next_body_ = 0;
  int depth_ = 0;
};

}  // namespace tauto::onnx
