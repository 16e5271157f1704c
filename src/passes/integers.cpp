// What is an integer, and what its contraction becomes.
#include "passes/integers.h"

#include <cmath>

#include "ops/ops.h"
#include "passes/attainable.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr int64_t kExact = 1 << 24;  // integers up to here are exact in f32
constexpr int kMostExponent = 48;    // 2^24 times two such powers is a normal f32, and so are single units

// A value that is an integer times 2^exponent: node `id` of the old function, moved by `moves` (the last one
// first).
struct Form {
  Id id = -1;
  int exponent = 0;
  std::vector<Id> moves;
  std::set<Id> inside;  // the nodes on the way
};

std::optional<int> power_of_two(const Tensor& t) {
  if (!(t.type() == f32) || t.count() != 1) return std::nullopt;
  int e = 0;
  const float m = std::frexp(t.data<float>()[0], &e);
  return m == 0.5f && std::abs(e) <= kMostExponent ? std::optional(e - 1) : std::nullopt;
}

bool is_move(const Op* op) {
  return op == &ops::reshape || op == &ops::transpose || op == &ops::squeeze || op == &ops::unsqueeze ||
         op == &ops::expand || op == &ops::slice;
}

std::optional<Form> form_of(const Function& f, Id id) {
  const NodeOf node = [&](Id i) -> const Node& { return f.node(i); };
  Form r;
  for (;;) {
    const Node& n = f.node(id);
    if (n.op == &ops::cast && n.type.element == f32) {
      const ElementType e = f.node(n.inputs[0]).type.element;
      if (!e.is_integer() || e.bits != 8) return std::nullopt;
      r.inside.insert(id);
      r.id = n.inputs[0];
      return std::abs(r.exponent) <= kMostExponent ? std::optional(r) : std::nullopt;
    }
    if (is_move(n.op)) {
      r.inside.insert(id);
      r.moves.push_back(id);
      id = n.inputs[0];
      continue;
    }
    if (n.op != &ops::mul || !(n.type.element == f32)) return std::nullopt;
    Id next = -1;
    for (const size_t i : {size_t{0}, size_t{1}})
      if (const auto t = known_constant(node, n.inputs[1 - i], &r.inside); t && next < 0)
        if (const auto e = power_of_two(*t); e && f.node(n.inputs[i]).type.dims == n.type.dims) {
          r.exponent += *e;
          next = n.inputs[i];
        }
    if (next < 0) return std::nullopt;
    r.inside.insert(id);
    id = next;
  }
}

// Constants as signed bytes times 2^exponent.
std::optional<Tensor> bytes_of(const Tensor& t, int& exponent) {
  if (!(t.type() == f32) || t.count() == 0) return std::nullopt;
  int least = std::numeric_limits<int>::max();  // exponent of the lowest bit that is set in any
  for (const float v : t.values<float>()) {
    if (!std::isfinite(v)) return std::nullopt;
    if (v == 0) continue;
    int e = 0;
    auto bits = static_cast<int64_t>(std::ldexp(std::frexp(std::abs(v), &e), 24));
    least = std::min(least, e - 24 + __builtin_ctzll(static_cast<uint64_t>(bits)));
  }
  exponent = least == std::numeric_limits<int>::max() ? 0 : least;
  if (std::abs(exponent) > kMostExponent) return std::nullopt;
  Tensor r(i8, t.shape());
  for (int64_t i = 0; i < t.count(); ++i) {
    const double v = std::ldexp(double{t.data<float>()[i]}, -exponent);
    if (v < -128 || v > 127) return std::nullopt;
    r.data<int8_t>()[i] = static_cast<int8_t>(v);
  }
  return r;
}

Id of_integers(Rewrite& w, Id old, size_t data) {
  const Node& n = w.node(old);
  Builder& b = w.b;
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  std::optional<Form> x = form_of(w.from, n.inputs[data]);
  if (!x) return -1;
  const std::optional<Tensor> weights = known_constant(node, n.inputs[1 - data], &x->inside);
  int exponent = 0;
  const std::optional<Tensor> bytes = weights ? bytes_of(*weights, exponent) : std::nullopt;
  if (!bytes) return -1;
  const auto sums = accumulators_of(n.attributes.get<Access>("access"), data, range_of(node, x->id), *bytes);
  if (!sums || sums->largest() > kExact) return -1;
  Id q = w.moved(x->id);
  for (size_t i = x->moves.size(); i-- > 0;) {
    const Node& move = w.node(x->moves[i]);
    std::vector<Id> in{q};
    for (size_t k = 1; k < move.inputs.size(); ++k) in.push_back(w.moved(move.inputs[k]));
    q = b.add(*move.op, std::move(in), move.attributes);
  }
  q = b.add(ops::cast, {q}, {{"to", i32}});
  const Id v = b.add(ops::cast, {b.constant(*bytes)}, {{"to", i32}});
  Id r = b.add(ops::contract, data == 0 ? std::vector<Id>{q, v} : std::vector<Id>{v, q}, n.attributes);
  r = b.add(ops::cast, {r}, {{"to", f32}});
  exponent += x->exponent;
  if (exponent != 0) r = b.add(ops::mul, {r, b.number(std::ldexp(1.0, exponent), f32)});
  if (!(b.type(r) == n.type)) return -1;
  w.record(old, {r}, x->inside);
  return r;
}

}  // namespace

Module integers(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes)
      any |= n.op == &ops::contract && n.type.element == f32 &&
             (form_of(*f, n.inputs[0]) || form_of(*f, n.inputs[1]));
  if (!any) return m;
  return rewrite(m, "integers", [](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (n.op == &ops::contract && n.type.element == f32 && !n.attributes.find("arithmetic"))
      for (const size_t data : {size_t{0}, size_t{1}})
        if (const Id now = of_integers(w, old, data); now >= 0) return now;
    return w.copy(old);
  });
}

}  // namespace tauto
