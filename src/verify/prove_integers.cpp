// Unit vectors, and all accumulators.
#include "verify/prove_integers.h"

#include <algorithm>
#include <cstring>

#include "compile/pipeline.h"
#include "graph/symbols.h"
#include "interpret/interpret.h"
#include "ops/ops.h"

namespace tauto {
namespace {

constexpr int64_t kExact = 1 << 24;              // sums up to here are exact in f32
constexpr int64_t kMostWork = int64_t{1} << 36;  // products, or results

// One of each symbol: a statement about elements does not depend on how many there are.
Shape shape_of_one(const Type& t) {
  Shape s;
  for (const Dim& d : t.dims) s.push_back(d.as_literal().value_or(1));
  return s;
}

int64_t count_of(const Shape& s) {
  int64_t n = 1;
  for (const int64_t d : s) n *= d;
  return n;
}

const Node* only_contraction(const Module& m) {
  const Node* found = nullptr;
  for (const Node& n : m.function("main").nodes)
    if (n.op == &ops::contract) {
      if (found) return nullptr;
      found = &n;
    }
  return found;
}

// The number of the neuron that an element belongs to. shape: of the result; neurons: 1 or the same.
std::vector<size_t> neurons_of(const Shape& shape, const Shape& neurons) {
  std::vector<size_t> r(static_cast<size_t>(count_of(shape)));
  Shape at(shape.size(), 0);
  for (size_t& n : r) {
    n = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      n = n * static_cast<size_t>(neurons[d]) + static_cast<size_t>(neurons[d] == 1 ? 0 : at[d]);
    for (size_t d = shape.size(); d-- > 0 && ++at[d] == shape[d];) at[d] = 0;
  }
  return r;
}

Tensor run(const Module& m, const Tensor& in) { return interpret(m, {Value(in)})[0].tensor; }

bool same_bits(const Tensor& a, const Tensor& b, int64_t i) {
  const int64_t n = a.element_bytes();
  const auto *p = static_cast<const char*>(a.raw()), *q = static_cast<const char*>(b.raw());
  return std::memcmp(p + i * n, q + i * n, static_cast<size_t>(n)) == 0;
}

// At least 1; all there may be where that is beyond counting. Of a contraction whose sums are bounded, so that their
// terms are known.
int64_t products_of(const Access& a, size_t results) {
  auto products = static_cast<int64_t>(results);
  for (auto i = static_cast<size_t>(a.outputs); i < a.extents.size(); ++i)
    if (__builtin_mul_overflow(products, a.extents[i].literal(), &products)) return kMostWork + 1;
  return std::max<int64_t>(products, 1);
}

struct Step {
  const LedgerEntry& e;
  IntegerNode node;

  explicit Step(const LedgerEntry& entry) : e(entry) {
    for (const std::string& s : e.sources) node.name += (node.name.empty() ? "" : ", ") + s;
  }
  const Function& origin() const { return e.origin->function(e.function); }
  NodeOf old() const {
    return [this](Id i) -> const Node& { return origin().node(i); };
  }
  bool is_whole() const {
    return e.consumed && e.produced && e.origin && e.inputs.size() == 1 &&
           e.consumed->function("main").parameters.size() == 1;
  }
  const Type& parameter() const { return e.consumed->function("main").nodes[0].type; }

  void refuse(std::string why) {
    if (node.why_not.empty()) node.why_not = std::move(why);
  }

  // Both programs on one input; results by neuron: false where bits differ.
  bool compare(const Tensor& in, const std::vector<size_t>& neuron, const std::vector<bool>& counts,
               std::vector<bool>& agrees) {
    const Tensor a = run(*e.consumed, in), b = run(*e.produced, in);
    if (a.count() != static_cast<int64_t>(neuron.size()) || b.count() != a.count() ||
        !(a.type() == b.type())) {
      refuse("the results are of different types");
      return false;
    }
    for (int64_t i = 0; i < a.count(); ++i) {
      const size_t n = neuron[static_cast<size_t>(i)];
      if (!counts[n]) continue;
      ++node.compared;
      if (!same_bits(a, b, i)) agrees[n] = false;
    }
    return true;
  }

  void settle(const std::vector<bool>& agrees, const char* why) {
    node.proved = node.why_not.empty() ? std::count(agrees.begin(), agrees.end(), true) : 0;
    if (node.proved < node.neurons) refuse(why);
  }

  void contraction() {
    node.kind = "contraction";
    const Node* sums = is_whole() ? only_contraction(*e.produced) : nullptr;
    if (!sums) return refuse("no programs to compare");
    const NodeOf now = [&](Id i) -> const Node& { return e.produced->function("main").node(i); };
    const IntegerRange x = range_of(old(), e.inputs[0]);
    std::optional<Accumulators> acc;
    for (const size_t data : {size_t{0}, size_t{1}}) {
      const auto w = known_constant(now, sums->inputs[1 - data]);
      if (w && !acc) acc = accumulators_of(sums->attributes.get<Access>("access"), data, x, *w);
    }
    if (!acc) return refuse("no bound of the sums");
    node.neurons = acc->count();
    node.accumulators = acc->hull();
    std::vector<bool> agrees;
    for (const int64_t most : acc->most) agrees.push_back(most <= kExact);  // inside i32 all the more
    const Shape shape = shape_of_one(parameter());
    const int64_t n = count_of(shape);
    const auto neuron = neurons_of(shape_of_one(sums->type), acc->shape);
    if (n > kMostWork / products_of(sums->attributes.get<Access>("access"), neuron.size()))
      return refuse("too large for all unit vectors");
    const std::vector<bool> all(agrees.size(), true);
    for (int64_t i = -1; i < n; ++i) {
      Tensor unit(parameter().element, shape);
      std::memset(unit.raw(), 0, static_cast<size_t>(unit.bytes()));
      if (i >= 0) static_cast<char*>(unit.raw())[i * unit.element_bytes()] = 1;  // little endian
      if (!compare(unit, neuron, all, agrees)) return;
    }
    settle(agrees, "a weight differs, or a sum is beyond 2^24");
  }

  void thresholds() {
    node.kind = "thresholds";
    if (!is_whole()) return refuse("no programs to compare");
    const std::optional<Accumulators> acc = accumulators_of(old(), e.inputs[0]);
    if (!acc) return refuse("no bound of the accumulators");
    node.neurons = acc->count();
    node.accumulators = acc->hull();
    const Shape shape = shape_of_one(parameter());
    const auto neuron = neurons_of(shape, acc->shape);
    const IntegerRange all = node.accumulators;
    if ((all.high - all.low + 1) > kMostWork / static_cast<int64_t>(neuron.size()))
      return refuse("too many accumulators");
    std::vector<bool> agrees(acc->range.size(), true), counts(acc->range.size());
    Tensor in(i32, shape);
    for (int64_t a = all.low; a <= all.high; ++a) {
      std::fill_n(in.data<int32_t>(), in.count(), static_cast<int32_t>(a));
      for (size_t n = 0; n < counts.size(); ++n)
        counts[n] = acc->range[n].low <= a && a <= acc->range[n].high;
      if (!compare(in, neuron, counts, agrees)) return;
    }
    settle(agrees, "an accumulator on which the thresholds decide otherwise");
  }
};

}  // namespace

IntegerNode prove_step(const LedgerEntry& e) {
  Step s(e);
  e.pass == "integers" ? s.contraction() : s.thresholds();
  return std::move(s.node);
}

IntegerProofs prove_integers(const Module& m) {
  Module kept = m;
  kept.keeps_replays = true;
  const size_t before = kept.ledger.size();
  const Module after = run_passes(kept, "thresholds", Flags{});
  IntegerProofs r;
  for (size_t i = before; i < after.ledger.size(); ++i) {
    const LedgerEntry& e = after.ledger[i];
    if (e.pass != "integers" && e.pass != "thresholds") continue;
    r.nodes.push_back(prove_step(e));
    r.neurons += r.nodes.back().neurons;
    r.proved += r.nodes.back().proved;
  }
  return r;
}

std::string text_of(const IntegerProofs& p) {
  std::string s;
  for (const IntegerNode& n : p.nodes)
    s += cat(n.kind, " \"", n.name, "\": accumulators ", n.accumulators.low, " ... ", n.accumulators.high,
             ", ", n.compared, " results compared, PROVED ", n.proved, " of ", n.neurons, " neurons",
             n.why_not.empty() ? "" : "; UNDECIDED: " + n.why_not, "\n");
  return s + cat("integers PROVED ", p.proved, " of ", p.neurons, " neurons\n");
}

}  // namespace tauto
