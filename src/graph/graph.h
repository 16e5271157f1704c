// The graph IR: a module of named functions; a function is a list of immutable nodes in an order of
// evaluation.
//
//   module   = "module" name "semantics" int  const*  func*
//   const    = "const @" name ":" type "sha256:" hash ["# " "source name"]     big ones: bytes in a side file
//   func     = "func" name "(" param,* ")" "->" "(" "result name",* ")" "{" node* "return" value,* "}"
//   param    = value "parameter name" ":" type
//   node     = value "=" (op "(" value,* ")" ["{" attr ":" attribute,* "}"] ":" type | "@" const | literal)
//              ["# " "source name",*]
//   value    = "%" int      nodes in order, the parameters first        literal: f32[2] {1.0, 2.0}
//
// A node is {op, inputs, attributes, type}; it is made by a Builder, which checks it. Inputs are indices of
// earlier nodes of the same function, so a function is acyclic by construction. A node with several results
// has a tuple type; `item` picks one. Functions are closed: bodies of `if`, `loop`, `scan` get outer values
// as explicit extra inputs. Symbols of dimensions are common to the module; a callee sees its caller's
// bindings. Where a node comes from (names in the source model) is a side table, not part of the node.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/ledger.h"
#include "graph/op.h"

namespace tauto {

// Changed whenever a definition in docs/semantics.md changes a bit of some result. (The number is in
// graph.cpp, so that a change of it compiles one file.)
extern const int kSemanticsVersion;

using Id = int32_t;  // index of a node in its function

struct Node {
  const Op* op = nullptr;
  std::vector<Id> inputs;
  Attributes attributes;
  Type type;
  friend bool operator==(const Node&, const Node&) = default;
};

using Sources = std::set<int>;  // indices into Module::sources

struct Function {
  std::string name;
  // A deque: references to nodes stay good while a function is built.
  std::deque<Node> nodes;               // the first `parameters.size()` are the parameters
  std::vector<std::string> parameters;  // their names
  std::vector<Id> results;
  std::vector<std::string> result_names;
  std::vector<Sources> provenance;  // per node

  const Node& node(Id id) const { return nodes[static_cast<size_t>(id)]; }
  size_t parameter_count() const { return parameters.size(); }
  std::vector<Type> parameter_types() const;
  std::vector<Type> result_types() const;
  // Equal programs: names of values and provenance do not count.
  friend bool operator==(const Function& a, const Function& b) {
    return a.name == b.name && a.nodes == b.nodes && a.parameters == b.parameters && a.results == b.results &&
           a.result_names == b.result_names;
  }
};

struct Module {
  std::string name = "module";
  int semantics = kSemanticsVersion;
  std::map<std::string, std::shared_ptr<const Function>> functions;  // "main" is the entry
  std::vector<std::string> sources;                                  // names of the source model's nodes
  std::map<std::string, std::string> constant_names;  // content hash → name in the source model
  Ledger ledger;
  bool keeps_replays = false;  // do passes keep the sub-graphs of all ledger entries?
  int64_t next_symbol = 0;     // of FreshSymbols

  const Function& function(const std::string& name) const;
  const Function& main() const { return function("main"); }
  // Same functions; provenance and ledger do not count.
  friend bool operator==(const Module& a, const Module& b);
};

// The constant operators, which the IR itself knows: their definitions are in src/ops.
namespace ops {
extern const Op parameter;  // a function's input; no inputs, no reference
extern const Op constant;   // attribute value: Tensor
extern const Op dims;  // attributes values: Dims, shape: Ints, type: ElementType — integers with symbols
extern const Op item;  // attribute index: part of a tuple
}  // namespace ops

const Tensor* constant_value(const Node& n);  // of a constant node, else null

// Integer tensors up to this many elements take part in shape arithmetic.
inline constexpr int64_t kShapeArithmeticElements = 4096;
std::optional<Tensor> value_in_dims(const Node& n);  // of a constant or dims node, in Rep::Dims
std::optional<Dims> known_value(const Node& n);      // the same, flattened

Type function_type(const Function& f);

// The type of node n (its `type` is not read) as the next one of f. Throws Error as the type rule does.
Type infer(const Module& m, const Function& f, const Node& n, FreshSymbols& symbols);

// Checks everything the Builder promises: input order, arity, types re-derived, calls resolve. Returns the
// first violation with function and node, or "".
std::string verify(const Module& m);

}  // namespace tauto
