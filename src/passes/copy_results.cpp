// A reshape to the dims that a value has shows it.
#include "passes/copy_results.h"

#include <algorithm>
#include <map>

#include "ops/ops.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

// A result that other nodes read, of channels and more: what layouts are about.
bool is_wanted_twice(const Function& f, Id id) {
  const Node& n = f.node(id);
  const auto reads = [&](const Node& user) {
    return std::find(user.inputs.begin(), user.inputs.end(), id) != user.inputs.end();
  };
  return f.name == "main" && std::find(f.results.begin(), f.results.end(), id) != f.results.end() &&
         n.op != &ops::constant && n.op != &ops::reshape && n.type.is_tensor() && n.type.ranked &&
         n.type.rank() >= 3 && n.type.is_static() && n.type.element == f32 &&
         std::any_of(f.nodes.begin(), f.nodes.end(), reads);
}

}  // namespace

Module copy_results(const Module& m) {
  const Function& main = m.main();
  const auto wanted = [&](Id id) { return is_wanted_twice(main, id); };
  if (std::none_of(main.results.begin(), main.results.end(), wanted)) return m;
  std::map<Id, Id> shown;  // of main: what stands for a result, and the value
  return rewrite(m, "copy_results", [&](Rewrite& w, Id old) {
    const bool in_main = w.from.name == "main";
    std::vector<Id> inputs;
    for (const Id in : w.node(old).inputs) {
      const auto at = shown.find(w.moved(in));
      inputs.push_back(in_main && at != shown.end() ? at->second : w.moved(in));
    }
    const Id now = w.copy(old, std::move(inputs));
    if (!in_main || !is_wanted_twice(w.from, old)) return now;
    const Id copy = w.b.add(ops::reshape, {now, w.b.dims(w.b.type(now).dims)});
    if (copy != now) shown[copy] = now;
    w.record(old, copy);
    return copy;
  });
}

}  // namespace tauto
