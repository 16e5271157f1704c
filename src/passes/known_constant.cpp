// The references of the steps, from the constants on.
#include "passes/known_constant.h"

#include "graph/unaligned.h"

namespace tauto {
namespace {

constexpr int kDepth = 6;  // steps from constants

std::optional<Tensor> constant_of(const NodeOf& node, Id id, int depth, std::set<Id>* inside) {
  const Node& n = node(id);
  if (const Tensor* t = constant_value(n)) return aligned(*t);
  if (depth == 0 || n.inputs.empty() || !n.op->eval || n.op->is(kEffect) || n.op->is(kControl) ||
      !n.type.is_tensor() || !n.type.is_static())
    return std::nullopt;
  std::vector<Value> in;
  for (const Id i : n.inputs) {
    std::optional<Tensor> t = constant_of(node, i, depth - 1, inside);
    if (!t) return std::nullopt;
    in.emplace_back(std::move(*t));
  }
  EvalContext c(*n.op, n.attributes, in, n.type, Rep::Exact);
  n.op->eval(c);
  if (inside) inside->insert(id);
  return c.out.tensor;
}

}  // namespace

std::optional<Tensor> known_constant(const NodeOf& node, Id id, std::set<Id>* inside) {
  return constant_of(node, id, kDepth, inside);
}

}  // namespace tauto
