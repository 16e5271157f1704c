// Rebuilding of modules.
#include "passes/rewrite.h"

#include <algorithm>
#include <set>

#include "graph/symbols.h"
#include "graph/text.h"
#include "passes/sub_program.h"

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

// Symbols that `old` introduces and `now` says in another way. `introduced`: those that are in the new
// function as they were.
void learn(const Type& old, const Type& now, std::set<std::string>& introduced,
           std::map<std::string, Dim>& known) {
  if (old.dims.size() == now.dims.size())
    for (size_t i = 0; i < old.dims.size(); ++i)
      if (old.dims[i].is_symbol() && !(old.dims[i] == now.dims[i]) &&
          !introduced.count(old.dims[i].symbol_name()))
        known.emplace(old.dims[i].symbol_name(), now.dims[i]);
  std::vector<std::string> symbols;
  for (const Dim& d : now.dims) symbols_of(d, symbols);
  introduced.insert(symbols.begin(), symbols.end());
  for (size_t i = 0; i < std::min(old.parts.size(), now.parts.size()); ++i)
    learn(old.parts[i], now.parts[i], introduced, known);
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
  std::vector<Id> inputs;
  for (Id in : node(old).inputs) inputs.push_back(moved(in));
  return copy(old, std::move(inputs));
}

Id Rewrite::copy(Id old, std::vector<Id> inputs) {
  const Node& n = node(old);
  return b.copy(n, std::move(inputs), known_ ? substitute(n.attributes, *known_) : n.attributes);
}

LedgerEntry Rewrite::entry(Id old, Id now) const {
  const Node& n = node(old);
  LedgerEntry e;
  e.pass = pass_;
  e.function = from.name;
  e.before = n.op->name + std::string("(");
  for (size_t i = 0; i < n.inputs.size(); ++i)
    e.before += (i ? ", " : "") + text_of(from.node(n.inputs[i]).type);
  e.before += ") : " + text_of(n.type);
  e.after = text_of(b, now);
  for (int s : from.provenance[static_cast<size_t>(old)])
    e.sources.push_back(b.module().sources[static_cast<size_t>(s)]);
  return e;
}

void Rewrite::keep_origin(LedgerEntry& e, const std::vector<Id>& inputs) const {
  if (!origin_) return;
  e.origin = origin_;
  e.inputs = inputs;
}

void Rewrite::record(Id old, const std::vector<Id>& now, const std::set<Id>& inside) {
  LedgerEntry e = entry(old, now.front());
  if (b.module().keeps_replays) {
    const Boundary boundary(from, old, inside);
    e.consumed = consumed_program(b.module(), from, boundary, old);
    e.produced = produced_program(b, moved_, boundary, now);
    keep_origin(e, boundary.inputs);
  }
  b.module().ledger.push_back(std::move(e));
}

void Rewrite::record_rounding(Id old, Id now, const std::set<Id>& inside, std::string statement,
                              const BoundProgram& bound, const std::map<Id, Id>& replaced) {
  LedgerEntry e = entry(old, now);
  std::set<Id> separate;
  std::vector<Id> moved = moved_;
  for (const auto& [was, is] : replaced) separate.insert(was), moved[static_cast<size_t>(was)] = is;
  const Boundary boundary(from, old, inside, separate);
  e.consumed = consumed_program(b.module(), from, boundary, old);
  e.produced = produced_program(b, moved, boundary, {now});
  e.contract.kind = ContractKind::Rounding;
  e.contract.statement = std::move(statement);
  keep_origin(e, boundary.inputs);
  SubProgram p(b.module(), from, boundary);
  e.contract.bound = p.finish({bound(p.b, [&](Id id) { return p.at(id); })});
  b.module().ledger.push_back(std::move(e));
}

void Rewrite::record_quantizing(Id old, Id now, std::string spec) {
  LedgerEntry e = entry(old, now);
  e.contract.kind = ContractKind::Quantizing;
  e.contract.statement = std::move(spec);
  if (b.module().keeps_replays) {
    const Boundary boundary(from, old, {});
    e.consumed = consumed_program(b.module(), from, boundary, old);
    e.produced = produced_program(b, moved_, boundary, {now});
    keep_origin(e, boundary.inputs);
  }
  b.module().ledger.push_back(std::move(e));
}

// The function for any sizes: with symbols of its own in place of those that its parameters bind. What has no
// meaning for the sizes that are known is never called with them, or says so when it is.
static std::shared_ptr<const Function> apart(const Function& f, Module& m) {
  std::map<std::string, Dim> own;
  for (size_t i = 0; i < f.parameters.size(); ++i)
    for (const Dim& d : f.nodes[i].type.dims)
      if (d.is_symbol() && !own.count(d.symbol_name()))
        own.emplace(d.symbol_name(), Dim::symbol(cat("?", m.next_symbol++)));
  Function g = f;
  for (Node& n : g.nodes) {
    n.type = substitute(n.type, own);
    n.attributes = substitute(n.attributes, own);
  }
  return std::make_shared<const Function>(std::move(g));
}

Module rewrite(const Module& m, const std::string& pass, const std::function<Id(Rewrite&, Id)>& step,
               std::map<std::string, Dim> known) {
  Module r = m;  // where functions call each other in a circle, one is still the old one when it is looked up
  std::shared_ptr<const Module> origin;
  if (m.keeps_replays) {
    Module copy = m;
    copy.ledger.clear();
    origin = std::make_shared<const Module>(std::move(copy));
  }
  std::set<std::string> seen;
  std::vector<std::string> order;
  for (const auto& [name, f] : m.functions) visit(m, name, seen, order);
  const auto rebuild = [&](const std::string& name) {
    const Function& f = m.function(name);
    Builder b(r, name);
    Rewrite w(b, f, pass);
    w.known_ = &known;
    w.origin_ = origin;
    std::set<std::string> introduced;
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      b.set_sources(f.provenance[i]);
      w.moved_.push_back(i < f.parameters.size()
                             ? b.parameter(f.parameters[i], substitute(f.nodes[i].type, known))
                             : step(w, static_cast<Id>(i)));
      b.add_sources(w.moved_.back(), f.provenance[i]);
      learn(f.nodes[i].type, b.type(w.moved_.back()), introduced, known);
    }
    std::vector<Id> results;
    for (Id id : f.results) results.push_back(w.moved(id));
    r.functions.erase(name);
    b.finish(std::move(results), f.result_names);
  };
  for (const std::string& name : order) {
    const std::map<std::string, Dim> before = known;
    try {
      rebuild(name);
    } catch (const InternalError&) {
      throw;
    } catch (const Error&) {
      if (name == "main" || known.empty()) throw;
      known = before;
      r.functions[name] = apart(m.function(name), r);
    }
  }
  if (!known.empty())  // functions that were finished before
    for (auto& [name, f] : r.functions) {
      Function g = *f;
      for (Node& n : g.nodes) {
        n.type = substitute(n.type, known);
        n.attributes = substitute(n.attributes, known);
      }
      f = std::make_shared<const Function>(std::move(g));
    }
  return r;
}

}  // namespace tauto
