// Rebuilding of modules.
#include "passes/rewrite.h"

#include <set>

#include "graph/text.h"

namespace tauto {
namespace {

// Callees before callers, names in order.
void visit(const Module& m, const std::string& name, std::set<std::string>& seen,
           std::vector<std::string>& order) {
  if (!seen.insert(name).second) return;
  for (const Node& n : m.function(name).nodes)
    for (const auto& [key, value] : n.attributes.all())
      if (const FunctionName* callee = std::get_if<FunctionName>(&value)) visit(m, callee->name, seen, order);
  order.push_back(name);
}

std::string text_of(const Builder& b, Id id) {
  const Node& n = b.node(id);
  if (const Tensor* t = constant_value(n)) return cat("constant : ", type_of(*t));
  std::string s = n.op->name + std::string("(");
  for (size_t i = 0; i < n.inputs.size(); ++i) s += (i ? ", " : "") + text_of(b.type(n.inputs[i]));
  return s + ") : " + text_of(n.type);
}

}  // namespace

Id Rewrite::copy(Id old) {
  const Node& n = node(old);
  std::vector<Id> inputs;
  for (Id in : n.inputs) inputs.push_back(moved(in));
  return b.add(*n.op, std::move(inputs), n.attributes);
}

void Rewrite::record(Id old, Id now, Contract contract) {
  const Node& n = node(old);
  std::string before = n.op->name + std::string("(");
  for (size_t i = 0; i < n.inputs.size(); ++i)
    before += (i ? ", " : "") + text_of(from.node(n.inputs[i]).type);
  LedgerEntry e{pass_,           from.name, std::move(contract), before + ") : " + text_of(n.type),
                text_of(b, now), {}};
  for (int s : from.provenance[static_cast<size_t>(old)])
    e.sources.push_back(b.module().sources[static_cast<size_t>(s)]);
  b.module().ledger.push_back(std::move(e));
}

Module rewrite(const Module& m, const std::string& pass, const std::function<Id(Rewrite&, Id)>& step) {
  Module r = m;  // where functions call each other in a circle, one is still the old one when it is looked up
  std::set<std::string> seen;
  std::vector<std::string> order;
  for (const auto& [name, f] : m.functions) visit(m, name, seen, order);
  for (const std::string& name : order) {
    const Function& f = m.function(name);
    Builder b(r, name);
    Rewrite w(b, f, pass);
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      b.set_sources(f.provenance[i]);
      w.moved_.push_back(i < f.parameters.size() ? b.parameter(f.parameters[i], f.nodes[i].type)
                                                 : step(w, static_cast<Id>(i)));
      b.add_sources(w.moved_.back(), f.provenance[i]);
    }
    std::vector<Id> results;
    for (Id id : f.results) results.push_back(w.moved(id));
    r.functions.erase(name);
    b.finish(std::move(results), f.result_names);
  }
  return r;
}

}  // namespace tauto
