// Inlining. The call's node disappears; the items of its tuple become the results of the body.
#include "passes/inline_calls.h"

#include <algorithm>

#include "graph/symbols.h"
#include "ops/ops.h"
#include "passes/fold_constants.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr size_t kMostNodes = 100000;  // of a function that grows
constexpr int kMostRounds = 32;        // as deep as decided calls may be nested

bool is_one(const Tensor* t) {
  return t && t->count() == 1 && !t->type().is_string() && t->as_ints()[0] == 1;
}

// What the old symbols of a body are here.
void learn(const Type& inside, const Type& here, std::map<std::string, Dim>& known) {
  if (inside.dims.size() == here.dims.size())
    for (size_t i = 0; i < inside.dims.size(); ++i)
      if (inside.dims[i].is_symbol() && !(inside.dims[i] == here.dims[i]))
        known.emplace(inside.dims[i].symbol_name(), here.dims[i]);
  for (size_t i = 0; i < std::min(inside.parts.size(), here.parts.size()); ++i)
    learn(inside.parts[i], here.parts[i], known);
}

// The function that takes the call's place, and which of the call's inputs it gets; "" if that is not known.
// `node`: of the function that calls, perhaps in its new form.
template <class GetNode>
std::string decided(const Node& n, const GetNode& node) {
  const auto known = [&](size_t i) { return constant_value(node(n.inputs[i])); };
  const auto callee = [&](const char* name) { return n.attributes.get<FunctionName>(name).name; };
  if (n.op == &ops::call) return callee("function");
  if (n.op == &ops::if_) {
    const Tensor* c = known(0);
    return c ? callee(is_one(c) ? "then" : "else") : "";
  }
  if (n.op == &ops::loop)
    return n.attributes.flag("counted") && is_one(known(0)) && is_one(known(1)) ? callee("body") : "";
  if (n.op != &ops::scan) return "";
  const auto first = static_cast<size_t>(n.attributes.get<int64_t>("states"));
  const Type& sequence = node(n.inputs[first]).type;
  if (!sequence.is_tensor() || !sequence.ranked) return "";
  const int64_t axis = n.attributes.get<Ints>("axes")[0], rank = sequence.rank();
  return sequence.dims[static_cast<size_t>(axis < 0 ? axis + rank : axis)] == Dim(1) ? callee("body") : "";
}

bool calls_itself(const Module& m, const std::string& name) {
  std::set<std::string> seen;
  std::vector<std::string> open{name};
  while (!open.empty()) {
    const Function& f = m.function(open.back());
    open.pop_back();
    for (const Node& n : f.nodes)
      for (const auto& [key, value] : n.attributes.all())
        if (const FunctionName* callee = std::get_if<FunctionName>(&value)) {
          if (callee->name == name) return true;
          if (seen.insert(callee->name).second) open.push_back(callee->name);
        }
  }
  return false;
}

class Inliner {
 public:
  explicit Inliner(const Module& m) {
    for (const auto& [name, f] : m.functions)
      if (calls_itself(m, name)) recursive_.insert(name);
  }

  Id step(Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (&w.from != function_) results_.clear(), function_ = &w.from;
    if (n.op == &ops::item)
      if (const auto at = results_.find(n.inputs[0]); at != results_.end())
        return at->second[static_cast<size_t>(n.attributes.get<int64_t>("index"))];
    if (!n.op->is(kControl) || !only_items(w.from, old)) return w.copy(old);
    std::vector<Id> inputs;
    for (Id i : n.inputs) inputs.push_back(w.moved(i));
    Node moved{n.op, std::move(inputs), n.attributes, {}};
    const std::string callee = decided(moved, [&](Id id) -> const Node& { return w.b.node(id); });
    if (callee.empty() || recursive_.count(callee)) return w.copy(old);
    const Sources sources = w.b.current_sources();
    std::optional<std::vector<Id>> results;
    try {
      results = inlined(w.b, moved, w.b.module().function(callee));
    } catch (const Error&) {  // illegal for what is known here: said when it is run, if it is
    }
    w.b.set_sources(sources);
    if (!results) return w.copy(old);
    const Id now = results->empty() ? moved.inputs[0] : results->front();
    w.record(old, results->empty() ? std::vector<Id>{now} : *results);
    results_[old] = std::move(*results);
    return now;
  }

 private:
  // Is its tuple only taken apart?
  static bool only_items(const Function& f, Id id) {
    for (const Node& n : f.nodes)
      if (n.op != &ops::item && std::find(n.inputs.begin(), n.inputs.end(), id) != n.inputs.end())
        return false;
    return std::find(f.results.begin(), f.results.end(), id) == f.results.end();
  }

  // The call's results, in the order of its tuple.
  static std::optional<std::vector<Id>> inlined(Builder& b, const Node& n, const Function& callee) {
    if (b.size() + callee.nodes.size() > kMostNodes) return std::nullopt;
    std::vector<Id> in = n.inputs;
    if (n.op == &ops::if_) in.erase(in.begin());
    if (n.op == &ops::loop) in[0] = b.scalar<int64_t>(0), in[1] = b.scalar<bool>(true);
    const Attributes& a = n.attributes;
    const auto states = static_cast<size_t>(n.op == &ops::scan   ? a.get<int64_t>("states")
                                            : n.op == &ops::loop ? a.get<int64_t>("carried")
                                                                 : 0);
    if (n.op == &ops::scan) {
      const Ints& axes = a.get<Ints>("axes");
      for (size_t i = 0; i < axes.size(); ++i)
        in[states + i] = b.add(ops::squeeze, {in[states + i]}, {{"axes", Ints{axes[i]}}});
    }
    std::vector<Id> results = body(b, callee, in);
    if (n.op == &ops::loop) results.erase(results.begin());
    if (n.op == &ops::loop || n.op == &ops::scan)
      for (size_t i = states; i < results.size(); ++i) {
        const int64_t axis = n.op == &ops::loop ? 0 : a.get<Ints>("out_axes")[i - states];
        results[i] = b.add(ops::unsqueeze, {results[i]}, {{"axes", Ints{axis}}});
      }
    return results;
  }

  static std::vector<Id> body(Builder& b, const Function& callee, const std::vector<Id>& arguments) {
    std::map<std::string, Dim> known;
    std::vector<Id> at;
    for (size_t i = 0; i < callee.nodes.size(); ++i) {
      const Node& n = callee.nodes[i];
      if (i < arguments.size()) {
        at.push_back(arguments[i]);
      } else {
        b.set_sources(callee.provenance[i]);
        std::vector<Id> inputs;
        for (Id id : n.inputs) inputs.push_back(at[static_cast<size_t>(id)]);
        at.push_back(b.add(*n.op, std::move(inputs), substitute(n.attributes, known)));
      }
      learn(n.type, b.type(at.back()), known);
    }
    std::vector<Id> results;
    for (Id r : callee.results) results.push_back(at[static_cast<size_t>(r)]);
    return results;
  }

  std::set<std::string> recursive_;
  const Function* function_ = nullptr;
  std::map<Id, std::vector<Id>> results_;  // of the calls of function_ that are gone
};

bool has_decided_calls(const Module& m) {
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes)
      if (n.op->is(kControl) &&
          !decided(n, [&, &f = f](Id id) -> const Node& { return f->node(id); }).empty())
        return true;
  return false;
}

Module without_unused(Module m) {
  std::set<std::string> used{"main"};
  std::vector<std::string> open{"main"};
  while (!open.empty()) {
    const Function& f = m.function(open.back());
    open.pop_back();
    for (const Node& n : f.nodes)
      for (const auto& [key, value] : n.attributes.all())
        if (const FunctionName* callee = std::get_if<FunctionName>(&value))
          if (used.insert(callee->name).second) open.push_back(callee->name);
  }
  std::erase_if(m.functions, [&](const auto& f) { return !used.count(f.first); });
  return m;
}

}  // namespace

Module inline_calls(const Module& m) {
  Module r = m;
  for (int round = 0; round < kMostRounds && has_decided_calls(r); ++round) {
    Inliner inliner(r);
    Module next = without_unused(
        fold_constants(rewrite(r, "inline_calls", [&](Rewrite& w, Id old) { return inliner.step(w, old); })));
    if (next == r) break;
    r = std::move(next);
  }
  return r;
}

}  // namespace tauto
