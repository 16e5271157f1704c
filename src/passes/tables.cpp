// Which way, and its table.
#include "passes/tables.h"

#include <algorithm>
#include <cstring>

#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/thresholds.h"

namespace tauto {
namespace {

constexpr size_t kLeastSteps = 12;
constexpr size_t kMostNodes = 160;  // looked at for one result

bool is_bytes(const Node& n) {
  return n.type.is_tensor() && n.type.ranked && (n.type.element == u8 || n.type.element == i8);
}

// The bytes of `root`'s dims that it is computed from element by element, the farthest first.
std::set<Id> bytes_before(const Rewrite& w, Id root) {
  std::set<Id> found, seen;
  std::vector<Id> next{root};
  while (!next.empty() && seen.size() <= kMostNodes) {
    const Id id = next.back();
    next.pop_back();
    if (!seen.insert(id).second) continue;
    const Node& n = w.node(id);
    if (id != root && is_bytes(n) && n.type.dims == w.node(root).type.dims) found.insert(id);
    if (n.op->is(kElementwise) && !n.op->is(kEffect))
      next.insert(next.end(), n.inputs.begin(), n.inputs.end());
  }
  return found;
}

Id looked_up(Rewrite& w, Id old) {
  const Node& n = w.node(old);
  if (!is_bytes(n) || !n.op->is(kElementwise)) return -1;
  const NodeOf node = [&](Id i) -> const Node& { return w.node(i); };
  for (const Id x : bytes_before(w, old)) {
    const std::optional<Cone> cone = cone_of(node, old, [&](Id i) { return i == x; });
    if (!cone || cone->variable != x) continue;
    if (cone->order.size() < kLeastSteps) return -1;  // the others are nearer
    if (std::any_of(cone->constants.begin(), cone->constants.end(),
                    [](const auto& c) { return c.second.count() != 1; }))
      continue;
    Tensor all(node(x).type.element, {256});
    for (int i = 0; i < 256; ++i) all.data<uint8_t>()[i] = static_cast<uint8_t>(i);
    Tensor table(n.type.element, {256});
    std::memcpy(table.raw(), evaluate_cone(node, *cone, all).raw(), 256);
    const Id now = w.b.add(ops::lookup, {w.moved(x), w.b.constant(std::move(table))});
    std::set<Id> inside = cone->nodes;
    inside.erase(old);
    w.record(old, {now}, inside);
    return now;
  }
  return -1;
}

}  // namespace

Module tables(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= is_bytes(n) && n.op == &ops::cast;
  if (!any) return m;
  return rewrite(m, "tables", [](Rewrite& w, Id old) {
    const Id now = looked_up(w, old);
    return now >= 0 ? now : w.copy(old);
  });
}

}  // namespace tauto
