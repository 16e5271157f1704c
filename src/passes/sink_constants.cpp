// Sinking constants: what the calls agree on, then each function with it.
#include "passes/sink_constants.h"

#include "ops/ops.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

// Of each function, for each parameter: the constant, or none where calls differ or one gives no constant.
using Given = std::map<std::string, std::vector<std::optional<Tensor>>>;

// Parameters first, first + 1, … of the callees get the call's inputs from `input` on.
struct Arguments {
  size_t input = 0, first = 0;
};
Arguments arguments_of(const Node& n) {
  if (n.op == &ops::if_) return {1, 0};
  if (n.op == &ops::call) return {0, 0};
  size_t own = 0;  // what changes from one iteration to the next
  if (n.op == &ops::loop) own = 2 + static_cast<size_t>(n.attributes.get<int64_t>("carried"));
  if (n.op == &ops::scan)
    own = static_cast<size_t>(n.attributes.get<int64_t>("states")) + n.attributes.get<Ints>("axes").size();
  return {own, own};
}

Given given_constants(const Module& m) {
  Given given;
  std::set<std::string> called{"main"};  // main is called from outside
  for (const auto& [name, f] : m.functions) given[name].resize(f->parameter_count());
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) {
      if (!n.op->is(kControl)) continue;
      const Arguments a = arguments_of(n);
      for (const auto& [key, value] : n.attributes.all()) {
        const FunctionName* callee = std::get_if<FunctionName>(&value);
        if (!callee) continue;
        auto& parameters = given.at(callee->name);
        const bool first_call = called.insert(callee->name).second;
        for (size_t p = 0; p < parameters.size(); ++p) {
          const Tensor* t = p < a.first ? nullptr : constant_value(f->node(n.inputs[a.input + p - a.first]));
          if (first_call && t)
            parameters[p] = *t;
          else if (!t || !parameters[p] || !(*parameters[p] == *t))
            parameters[p].reset();
        }
      }
    }
  return given;
}

}  // namespace

Module sink_constants(const Module& m) {
  const Given given = given_constants(m);
  bool any = false;
  for (const auto& [name, parameters] : given)
    for (const auto& t : parameters) any = any || t;
  if (!any) return m;
  return rewrite(m, "sink_constants", [&](Rewrite& w, Id old) {
    const auto& parameters = given.at(w.from.name);
    const Node& n = w.node(old);
    std::vector<Id> inputs;
    bool sunk = false;
    for (Id in : n.inputs) {
      const auto p = static_cast<size_t>(in);
      const bool known = p < parameters.size() && parameters[p];
      inputs.push_back(known ? w.b.constant(*parameters[p]) : w.moved(in));
      sunk = sunk || known;
    }
    if (!sunk) return w.copy(old);
    const Id now = w.copy(old, std::move(inputs));
    w.record(old, now);
    return now;
  });
}

}  // namespace tauto
