// Counting; see memory_use.h.
#include "compile/memory_use.h"

#include <algorithm>

#include "compile/bound.h"
#include "graph/op.h"
#include "ops/ops.h"
#include "runtime/memory_plan.h"

namespace tauto {
namespace {

// Of a function's own values. Those of a body are alive with what its caller keeps meanwhile; that is left
// out, so the bound is too low where there are bodies, never too high.
int64_t liveness_of(const CompiledFunction& c, const BoundFunction& bound) {
  std::vector<BufferNeed> needs;
  for (size_t k = 0; k < c.groups.size(); ++k) {
    const BoundGroup& g = bound.groups()[k];
    if (!g.runs || !c.planned[k]) continue;
    BufferNeed need;
    need.bytes = element_count(g.shape) * c.function->node(c.groups[k].group.result).type.element.bytes();
    need.first = static_cast<int>(k);
    need.last = c.last_use[k];
    needs.push_back(need);
  }
  return liveness_bound(needs);
}

}  // namespace

MemoryUse memory_use(const Executable& e, const std::vector<Value>& inputs) {
  MemoryUse use;
  std::set<const void*> weights, read;
  for (const auto& [name, c] : e.functions()) {
    for (const Node& n : c.function->nodes)
      if (const Tensor* t = constant_value(n); t && weights.insert(t->raw()).second)
        use.weights += t->bytes();
    for (const CompiledGroup& g : c.groups) {
      for (const KernelArgument& a : g.group.arguments)
        if (a.kind == KernelArgument::Kind::Constant && read.insert(a.constant.raw()).second)
          use.constants += a.constant.bytes();
      if (g.group.kind != Group::Kind::Reference) continue;
      for (Id id : g.group.nodes)
        for (Id in : c.function->node(id).inputs)
          if (const Tensor* t = constant_value(c.function->node(in)); t && read.insert(t->raw()).second)
            use.constants += t->bytes();
    }
  }
  for (size_t k = 0; k < e.code().size(); ++k) use.code += static_cast<int64_t>(e.code().code(k).size());
  std::vector<TensorType> types;
  for (const Value& v : inputs) types.push_back({v.tensor.type(), v.tensor.shape()});
  const CompiledFunction& main = e.functions().at("main");
  const BoundFunction bound(e, main, std::move(types), {});
  use.block = bound.bytes();
  use.liveness = liveness_of(main, bound);
  return use;
}

}  // namespace tauto
