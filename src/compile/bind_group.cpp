// Binding one group to sizes.
#include "codegen/x64/encode.h"
#include "compile/bound.h"
#include "compile/legality.h"

namespace tauto {
namespace {

BoundGroup bind_sizes(const Function& f, const CompiledGroup& g, const Env& env) {
  BoundGroup b;
  if (g.group.kind == Group::Kind::Reference) return b;
  const ElementType element = f.node(g.group.result).type.element;
  const auto shape = shape_of(f.node(g.group.result).type, env);
  if (!shape) return b;
  b.shape = *shape;
  for (const auto& [x, y] : g.group.equal)
    if (evaluate(x, env) != evaluate(y, env)) return b;
  for (Id id : g.group.unsure)
    if (!is_legal(f, id, env)) return b;
  if (g.group.kind == Group::Kind::View) {
    b.runs = true;
    return b;
  }
  for (const Dim& d : g.group.extents) {
    const auto v = evaluate(d, env);
    if (!v || *v <= 0) return b;
    if (b.work < INT64_MAX / 4 / *v) b.work *= *v;
  }
  if (element_count(*shape) > kMaxTensorBytes / element.bytes()) return b;
  for (const RangeCheck& c : g.group.checks) {
    const auto least = evaluate(c.least, env), end = evaluate(c.end, env);
    if (!least || !end) return b;
    b.ranges.emplace_back(*least, *end);
  }
  for (const KernelArgument& a : g.group.arguments)
    if (a.kind == KernelArgument::Kind::Value) {
      const auto expected = shape_of(f.node(a.value).type, env);
      if (!expected) return b;
      b.expected.push_back(*expected);
    } else if (a.kind == KernelArgument::Kind::Probe) {
      const auto shape = shape_of(f.node(a.value).type, env);
      if (!shape) return b;
      b.probed.push_back(*shape);
    }
  for (const Dim& d : g.built->generated.sizes) {
    const auto v = evaluate(d, env);
    if (!v) return b;
    b.sizes.push_back(static_cast<uint64_t>(*v));
  }
  const auto from = evaluate(g.built->generated.parallel_from, env),
             to = evaluate(g.built->generated.parallel_to, env);
  const auto workspace = evaluate(g.built->generated.workspace, env);
  if (!from || !to || !workspace) return b;
  b.from = *from;
  b.to = *to;
  b.step = g.built->generated.parallel_step;
  b.steps = (b.to - b.from + b.step - 1) / b.step;
  if (g.group.bands) b.bands = g.group.bands->count();
  b.workspace = (*workspace + 63) / 64 * 64;
  b.scratch = (vec::caller_scratch(g.built->generated.program) + 63) / 64 * 64;
  b.runs = true;
  return b;
}

}  // namespace

bool lies_blocked(const CompiledGroup& g, size_t argument) {
  const loops::Buffer& b = *g.group.kernel.buffers[argument];
  return b.layout != loops::row_major(b.dims);
}

std::optional<Shape> shape_of(const Type& t, const Env& env) {
  Shape s;
  for (const Dim& d : t.dims) {
    const auto v = evaluate(d, env);
    if (!v || *v < 0) return std::nullopt;
    s.push_back(*v);
  }
  return s;
}

// Sizes that have no value (illegal broadcasts, overflow) are for the references to refuse.
BoundGroup bind(const Function& f, const CompiledGroup& g, const Env& env) {
  try {
    return bind_sizes(f, g, env);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace tauto
