// Tables of all accumulators, and their steps.
#include "passes/thresholds.h"

#include <algorithm>

#include "ops/ops.h"
#include "passes/rewrite.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

constexpr size_t kMostNodes = 160;        // of a cone
constexpr int64_t kMostValues = 1 << 22;  // of a table
constexpr int kLevel = 2;                 // what a threshold costs: a comparison and a selection
constexpr int kLookUp = 10;               // what a table of 256 costs (passes/tables.h)

int cost_of(const Op* op) {
  if (op == &ops::div || op == &ops::sqrt) return 6;
  return op->lower || op->is(kComparison) ? 1 : 2;
}

int cost_of(const NodeOf& node, const Cone& cone) {
  int cost = 0;
  for (const Id id : cone.order) cost += cost_of(node(id).op);
  return cost;
}

// What thresholds save. What one byte on the way decides is at most a look-up; and nothing, if others are computed
// from it, too: then it is there, and one look-up may give them all.
int saved(const Function& f, Id root, const Cone& cone) {
  const NodeOf node = [&](Id i) -> const Node& { return f.node(i); };
  const auto is_asked = [&](Id id) {
    if (std::find(f.results.begin(), f.results.end(), id) != f.results.end()) return true;
    for (size_t i = static_cast<size_t>(id) + 1; i < f.nodes.size(); ++i)
      if (const auto& in = f.nodes[i].inputs;
          !cone.nodes.count(static_cast<Id>(i)) && std::find(in.begin(), in.end(), id) != in.end())
        return true;
    return false;
  };
  const int whole = cost_of(node, cone);
  int least = whole;
  for (const Id byte : cone.order) {
    const Type& t = node(byte).type;
    if (byte == root || !(t.element == u8 || t.element == i8) || !(t.dims == node(root).type.dims)) continue;
    const auto behind = cone_of(node, root, [&](Id i) { return i == byte; });
    if (!behind || behind->variable != byte ||
        std::any_of(behind->constants.begin(), behind->constants.end(),
                    [](const auto& c) { return c.second.count() != 1; }))
      continue;
    if (is_asked(byte) || std::any_of(behind->order.begin(), behind->order.end() - 1, is_asked)) return 0;
    const int after = cost_of(node, *behind);
    least = std::min(least, whole - after + std::min(after, kLookUp));
  }
  return least;
}

bool visit(const NodeOf& node, Id id, Cone& c, const std::function<bool(Id)>& is_variable) {
  if (id == c.variable || c.nodes.count(id) || c.constants.count(id)) return true;
  const Node& n = node(id);
  if (!n.type.is_tensor() || !n.type.ranked || c.nodes.size() > kMostNodes) return false;
  if (std::optional<Tensor> t = known_constant(node, id, &c.nodes)) {
    c.constants.emplace(id, std::move(*t));
    return true;
  }
  if (is_variable(id)) {
    if (c.variable >= 0) return false;
    c.variable = id;
    return true;
  }
  if (!n.op->is(kElementwise) || n.op->is(kEffect) || n.op->is(kControl) || n.inputs.empty()) return false;
  for (const Id i : n.inputs)
    if (!visit(node, i, c, is_variable)) return false;
  c.in_floats |= n.type.element.is_float();
  c.nodes.insert(id);
  c.order.push_back(id);
  return true;
}

Shape broadcast(const std::vector<Value>& in) {
  Shape r;
  for (const Value& v : in) {
    const Shape& s = v.tensor.shape();
    if (s.size() > r.size()) r.insert(r.begin(), s.size() - r.size(), 1);
    for (size_t i = 0; i < s.size(); ++i) {
      int64_t& d = r[r.size() - s.size() + i];
      if (d == 1) d = s[i];
    }
  }
  return r;
}

// For each neuron the accumulators from which on the result is at least levels[1], levels[2] …
struct Steps {
  Shape shape;  // of neurons
  std::vector<int64_t> levels;
  std::vector<std::vector<int32_t>> from;  // [level − 1][neuron], of sign · accumulator
  std::vector<int32_t> sign;
  bool any_falls = false;
};

std::optional<Steps> steps_of(const NodeOf& node, const Cone& cone, const Accumulators& acc, size_t rank,
                              int most_cost) {
  Steps r;
  r.shape = acc.shape;
  for (const auto& [id, t] : cone.constants) {
    if (t.shape().size() > rank) return std::nullopt;
    for (size_t i = 0; i < t.shape().size(); ++i) {
      int64_t& d = r.shape[rank - t.shape().size() + i];
      const int64_t e = t.shape()[i];
      if (e != 1 && d != 1 && e != d) return std::nullopt;
      d = std::max(d, e);
    }
  }
  int64_t neurons = 1;
  for (const int64_t d : r.shape) neurons *= d;
  const IntegerRange all = acc.hull();
  const int64_t count = all.high - all.low + 1;
  if (neurons <= 0 || neurons > kMostValues || count > kMostValues / neurons) return std::nullopt;
  Shape table_shape = r.shape;
  table_shape.insert(table_shape.begin(), count);
  Tensor variable(i32, table_shape);
  for (int64_t a = 0; a < count; ++a)
    std::fill_n(variable.data<int32_t>() + a * neurons, neurons, static_cast<int32_t>(all.low + a));
  const Tensor result = evaluate_cone(node, cone, variable);
  if (!(result.shape() == table_shape)) return std::nullopt;
  const std::vector<int64_t> value = result.as_ints();
  r.levels = value;
  std::sort(r.levels.begin(), r.levels.end());
  r.levels.erase(std::unique(r.levels.begin(), r.levels.end()), r.levels.end());
  if (r.levels.size() < 2 || (static_cast<int>(r.levels.size()) - 1) * kLevel > most_cost)
    return std::nullopt;

  r.from.resize(r.levels.size() - 1);
  for (auto& f : r.from) f.resize(static_cast<size_t>(neurons));
  r.sign.resize(static_cast<size_t>(neurons));
  // Neurons of the accumulator among those of the constants, which may be more.
  std::vector<int64_t> at(rank, 0);
  for (int64_t n = 0; n < neurons; ++n) {
    int64_t of_acc = 0;
    for (size_t d = 0; d < rank; ++d) of_acc = of_acc * acc.shape[d] + (acc.shape[d] == 1 ? 0 : at[d]);
    const IntegerRange own = acc.range[static_cast<size_t>(of_acc)];
    const auto result_of = [&](int64_t a) { return value[static_cast<size_t>((a - all.low) * neurons + n)]; };
    const bool falls = result_of(own.low) > result_of(own.high);
    const int64_t sign = falls ? -1 : 1, low = falls ? -own.high : own.low,
                  high = falls ? -own.low : own.high;
    for (int64_t a = low; a < high; ++a)
      if (result_of(sign * a) > result_of(sign * (a + 1))) return std::nullopt;
    for (size_t l = 1; l < r.levels.size(); ++l) {
      int64_t a = low;
      while (a <= high && result_of(sign * a) < r.levels[l]) ++a;
      r.from[l - 1][static_cast<size_t>(n)] = static_cast<int32_t>(a);
    }
    r.sign[static_cast<size_t>(n)] = static_cast<int32_t>(sign);
    r.any_falls |= falls;
    for (size_t d = rank; d-- > 0 && ++at[d] == r.shape[d];) at[d] = 0;
  }
  return r;
}

Id compared(Rewrite& w, Id old) {
  const Node& n = w.node(old);
  if (!n.type.is_tensor() || !n.type.ranked || !n.op->is(kElementwise) ||
      !(n.type.element.is_bool() || (n.type.element.is_integer() && n.type.element.bits <= 32)))
    return -1;
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  // Where floats end; what follows is made of integers already.
  if (std::none_of(n.inputs.begin(), n.inputs.end(), [&](Id i) { return node(i).type.element.is_float(); }))
    return -1;
  const std::optional<Cone> cone = cone_of(
      node, old, [&](Id i) { return node(i).op == &ops::contract && node(i).type.element.is_integer(); });
  if (!cone || cone->variable < 0 || !cone->in_floats) return -1;
  const Node& variable = w.node(cone->variable);
  if (!(variable.type.element == i32) || !(variable.type.dims == n.type.dims)) return -1;
  const std::optional<Accumulators> acc = accumulators_of(node, cone->variable);
  if (!acc) return -1;
  const std::optional<Steps> steps =
      steps_of(node, *cone, *acc, n.type.dims.size(), saved(w.from, old, *cone) + kLevel);
  if (!steps) return -1;

  Builder& b = w.b;
  const auto per_neuron = [&](const std::vector<int32_t>& v) {
    return b.constant(Tensor::of<int32_t>(steps->shape, v));
  };
  Id a = w.moved(cone->variable);
  if (steps->any_falls) a = b.add(ops::mul, {a, per_neuron(steps->sign)});
  const auto reached = [&](size_t l) { return b.add(ops::less_equal, {per_neuron(steps->from[l]), a}); };
  Id r;
  if (n.type.element.is_bool()) {
    r = reached(0);
  } else {
    const auto level = [&](size_t l) {
      return b.number(static_cast<double>(steps->levels[l]), n.type.element);
    };
    r = level(0);
    for (size_t l = 1; l < steps->levels.size(); ++l) r = b.add(ops::where, {reached(l - 1), level(l), r});
  }
  if (!(b.type(r) == n.type)) return -1;
  std::set<Id> inside = cone->nodes;
  inside.erase(old);
  w.record(old, {r}, inside);
  return r;
}

}  // namespace

std::optional<Cone> cone_of(const NodeOf& node, Id root, const std::function<bool(Id)>& is_variable) {
  Cone c;
  if (!visit(node, root, c, is_variable) || c.order.empty() || c.order.back() != root) return std::nullopt;
  return c;
}

Tensor evaluate_cone(const NodeOf& node, const Cone& cone, const Tensor& variable) {
  const FloatEnvironment environment;
  std::map<Id, Tensor> at = cone.constants;
  at[cone.variable] = variable;
  for (const Id id : cone.order) {
    const Node& n = node(id);
    std::vector<Value> in;
    for (const Id i : n.inputs) in.emplace_back(at.at(i));
    const Shape shape = broadcast(in);
    const Type type = Type::tensor(n.type.element, Dims(shape.begin(), shape.end()));
    EvalContext c(*n.op, n.attributes, in, type, Rep::Exact);
    n.op->eval(c);
    at[id] = c.out.tensor;
  }
  return at.at(cone.order.back());
}

Module thresholds(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= n.op == &ops::contract && n.type.element == i32;
  if (!any) return m;
  return rewrite(m, "thresholds", [](Rewrite& w, Id old) {
    const Id now = compared(w, old);
    return now >= 0 ? now : w.copy(old);
  });
}

}  // namespace tauto
