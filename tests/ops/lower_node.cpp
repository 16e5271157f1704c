// One node as one kernel.
#include "ops/lower_node.h"

#include <set>

namespace tauto::testing {

NodeLowering::NodeLowering(const Node& n, std::vector<Type> types, std::vector<std::optional<Dims>> values)
    : Lowering(n),
      buffers(types.size()),
      constants(types.size(), nullptr),
      types_(std::move(types)),
      values_(std::move(values)) {}

loops::Expr NodeLowering::at(int input, const std::vector<loops::Expr>& index) {
  loops::BufferPtr& b = buffers[static_cast<size_t>(input)];
  const Type& t = type(input);
  if (!b) b = loops::make_buffer("x" + std::to_string(input), t.element, t.dims);
  return loops::load(b, index);
}

void NodeLowering::require_range(int input, int component, const Dim& least, const Dim& end) {
  ranges.push_back({input, component, least, end});
}

loops::BufferPtr NodeLowering::table(const Tensor& t) {
  for (const auto& [buffer, tensor] : tables)
    if (tensor == t) return buffer;
  Dims dims(t.shape().begin(), t.shape().end());
  tables.emplace_back(loops::make_buffer("table" + std::to_string(tables.size()), t.type(), std::move(dims)),
                      t);
  return tables.back().first;
}

loops::Kernel NodeLowering::kernel() {
  std::vector<loops::Expr> index;
  for (int64_t d = 0; d < type().rank(); ++d) index.push_back(loops::variable("i" + std::to_string(d)));
  loops::Kernel k;
  k.name = node.op->name;
  const Dims dims = type().dims;
  const loops::Expr value = lower(*this, index);
  const loops::BufferPtr out = loops::make_buffer("y", type().element, dims);
  k.body = loops::store(out, index, value);
  for (size_t d = dims.size(); d-- > 0;)
    k.body = loops::loop(loops::LoopKind::Serial, "i" + std::to_string(d), 0, dims[d], k.body);
  std::vector<std::string> symbols;
  const auto mention = [&](const Dims& all) {
    for (const Dim& d : all) symbols_of(d, symbols);
  };
  mention(dims);
  for (const Type& t : types_) mention(t.dims);
  loops::rewrite(value, [&](const loops::Expr& e) {
    if (const auto* s = e.as<loops::Size>()) symbols_of(s->dim, symbols);
    if (const auto* r = e.as<loops::Reduce>())
      for (const loops::Axis& a : r->axes) symbols_of(a.extent, symbols);
    return loops::Expr();
  });
  for (const loops::BufferPtr& b : buffers)
    if (b) k.buffers.push_back(b);
  for (const auto& [buffer, tensor] : tables) k.buffers.push_back(buffer);
  k.buffers.push_back(out);
  k.symbols = symbols;
  return k;
}

NodeLowering lowering_of(const Function& f, const Node& n) {
  std::vector<Type> types;
  std::vector<std::optional<Dims>> values;
  for (Id i : n.inputs) {
    types.push_back(f.node(i).type);
    values.push_back(known_value(f.node(i)));
  }
  NodeLowering l(n, std::move(types), std::move(values));
  for (size_t i = 0; i < n.inputs.size(); ++i) l.constants[i] = constant_value(f.node(n.inputs[i]));
  return l;
}

}  // namespace tauto::testing
