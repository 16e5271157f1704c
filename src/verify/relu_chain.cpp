// Graphs as chains. Sizes that are open are 1 (one sample); constants are folded, so that weights may be
// dequantized or widened in the graph.
#include "verify/relu_chain.h"

#include <algorithm>
#include <cmath>

#include "ops/contraction.h"
#include "ops/ops.h"
#include "ops/storage.h"
#include "passes/fold_constants.h"
#include "passes/specialise.h"

namespace tauto::region {
namespace {

constexpr size_t kMostTerms = 4096;  // neurons of a layer
constexpr size_t kMostWeights = 1 << 24;
constexpr int64_t kMostFolded = 1 << 28;  // bytes of one constant

class Reading {
 public:
  Reading(const Module& m, const std::string& name) : m_(m), f_(m.main()), name_(name) {}

  Chain read() {
    if (f_.parameter_count() != 1 || f_.results.size() != 1)
      fail(name_, ": required one input and one output, got ", f_.parameter_count(), " and ",
           f_.results.size());
    require_f32(0);
    at_ = 0;
    count_ = count_of(0);
    for (size_t i = 1; i < f_.nodes.size(); ++i) {
      const auto id = static_cast<Id>(i);
      const Node& n = f_.node(id);
      if (constant_value(n) || known_value(n)) continue;
      node(id, n);
    }
    if (f_.results[0] != at_) fail(name_, ": required the last layer as its output");
    if (chain_.layers.empty()) fail(name_, ": required a layer, got none");
    return std::move(chain_);
  }

 private:
  std::string where(Id id) const {
    const Sources& s = f_.provenance[static_cast<size_t>(id)];
    return s.empty() ? cat(name_, ": %", id)
                     : cat(name_, ": node \"", m_.sources[static_cast<size_t>(*s.begin())], '"');
  }
  [[noreturn]] void refuse(Id id, const std::string& why) const {
    fail(where(id),
         ": required a chain of products with constant matrices, sums with constants and relus, got ", why);
  }
  size_t count_of(Id id) const {
    size_t n = 1;
    const Type& t = f_.node(id).type;
    if (!t.is_tensor() || !t.ranked) refuse(id, cat(t));
    for (const Dim& d : t.dims) {
      if (!d.is_literal()) refuse(id, cat(t));
      n *= static_cast<size_t>(d.literal());
    }
    if (n == 0 || n > kMostTerms) refuse(id, cat(n, " neurons, of at most ", kMostTerms));
    return n;
  }
  void require_f32(Id id) const {
    const Type& t = f_.node(id).type;
    if (!t.is_tensor() || t.element != f32) refuse(id, cat(t));
  }

  void node(Id id, const Node& n) {
    size_t flow = n.inputs.size();
    for (size_t k = 0; k < n.inputs.size(); ++k) {
      const Node& from = f_.node(n.inputs[k]);
      if (constant_value(from) || known_value(from)) continue;
      if (flow < n.inputs.size()) refuse(id, cat(n.op->name, " of two values that depend on the input"));
      flow = k;
    }
    if (flow == n.inputs.size() || n.inputs[flow] != at_) refuse(id, cat(n.op->name, " beside the chain"));
    require_f32(id);
    if (n.op == &ops::contract) {
      product(id, n, flow);
    } else if (n.op == &ops::add || n.op == &ops::sub) {
      shift(id, n, flow);
    } else if (n.op == &ops::relu) {
      if (!open_) identity();
      chain_.layers.back().relu = true;
      open_ = false;
    } else if (n.op == &ops::reshape || n.op == &ops::squeeze || n.op == &ops::unsqueeze) {
      if (count_of(id) != count_) refuse(id, cat(n.op->name, " to another number of elements"));
    } else {
      refuse(id, n.op->name);
    }
    at_ = id;
    count_ = count_of(id);
  }

  const Tensor& constant(Id id, Id of) const {
    const Tensor* t = constant_value(f_.node(of));
    if (!t || t->type() != f32) refuse(id, "a constant that is not f32");
    for (const float v : t->values<float>())
      if (!std::isfinite(v)) refuse(id, "a constant that is not finite");
    return *t;
  }

  void product(Id id, const Node& n, size_t flow) {
    const Tensor& w = constant(id, n.inputs[1 - flow]);
    Shape shape;
    for (const Dim& d : f_.node(n.inputs[flow]).type.dims) shape.push_back(d.literal());
    const Tensor x(f32, shape);
    const Tensor* both[2];
    both[flow] = &x, both[1 - flow] = &w;
    const BoundAccess access(n.attributes.get<Access>("access"), both);
    Layer l;
    l.in = count_, l.out = count_of(id);
    if (l.in * l.out > kMostWeights) refuse(id, cat(l.in, " × ", l.out, " weights"));
    l.weights.assign(l.in * l.out, 0);
    l.bias.assign(l.out, 0);
    l.roundings = static_cast<double>(access.reduction_terms() + 2);
    // Both operands' elements at each point; a point outside one contributes nothing.
    Ints at(access.extents.size(), 0);
    int64_t points = 1;
    for (const int64_t e : access.extents) points *= e;
    for (int64_t done = 0; done < points; ++done) {
      size_t element[2] = {}, to = 0;
      bool inside = true;
      for (size_t k = 0; k < 2; ++k)
        for (const BoundAccess::Index& index : access.operands[k]) {
          int64_t i = index.offset;
          for (size_t d = 0; d < at.size(); ++d) i += index.coefficients[d] * at[d];
          inside = inside && i >= 0 && i % index.divisor == 0 && i / index.divisor < index.dim;
          element[k] = element[k] * static_cast<size_t>(index.dim) + static_cast<size_t>(i / index.divisor);
        }
      for (size_t d = 0; d < static_cast<size_t>(access.outputs); ++d)
        to = to * static_cast<size_t>(access.extents[d]) + static_cast<size_t>(at[d]);
      if (inside) {
        double& weight = l.weights[to * l.in + element[flow]];
        if (weight != 0)
          refuse(id, "a product that reads an element twice");  // two roundings, of two magnitudes
        weight = static_cast<double>(w.data<float>()[element[1 - flow]]);
      }
      for (size_t d = at.size(); d-- > 0;) {
        if (++at[d] < access.extents[d]) break;
        at[d] = 0;
      }
    }
    chain_.layers.push_back(std::move(l));
    open_ = true;
    biased_ = false;
  }

  void shift(Id id, const Node& n, size_t flow) {
    const Tensor& c = constant(id, n.inputs[1 - flow]);
    const size_t out = count_of(id);
    if (out != count_) refuse(id, cat(n.op->name, " that makes more elements"));
    const bool negated = n.op == &ops::sub && flow == 1;  // c - x
    const double sign = n.op == &ops::sub && flow == 0 ? -1 : 1;
    std::vector<double> bias(out, 0);
    Shape shape;
    for (const Dim& d : n.type.dims) shape.push_back(d.literal());
    for_each_broadcast<1>(shape, {&c}, [&](int64_t i, const std::array<int64_t, 1>& from) {
      bias[static_cast<size_t>(i)] = sign * static_cast<double>(c.data<float>()[from[0]]);
    });
    // x - 0 is x, and nothing is rounded.
    if (!negated && std::all_of(bias.begin(), bias.end(), [](double b) { return b == 0; })) return;
    if (!open_ || biased_ || negated) identity();
    Layer& l = chain_.layers.back();
    if (negated)
      for (double& w : l.weights) w = -w;
    l.bias = std::move(bias);
    l.roundings += 1;
    biased_ = true;
  }

  void identity() {
    Layer l;
    l.in = l.out = count_;
    if (l.in * l.out > kMostWeights) fail(name_, ": required at most ", kMostWeights, " weights to a layer");
    l.weights.assign(l.in * l.out, 0);
    for (size_t i = 0; i < l.in; ++i) l.weights[i * l.in + i] = 1;
    l.bias.assign(l.out, 0);
    chain_.layers.push_back(std::move(l));
    open_ = true;
    biased_ = false;
  }

  const Module& m_;
  const Function& f_;
  const std::string& name_;
  Chain chain_;
  Id at_ = 0;
  size_t count_ = 0;
  bool open_ = false, biased_ = false;  // may the last layer get a bias or a relu; has it a bias
};

}  // namespace

Chain chain_of(const Module& m, const std::string& name) {
  Env sizes;
  for (const Type& t : m.main().parameter_types())
    if (t.is_tensor() && t.ranked)
      for (const Dim& d : t.dims) {
        std::vector<std::string> symbols;
        symbols_of(d, symbols);
        for (const std::string& s : symbols) sizes.bind(s, 1);
      }
  const Module folded = fold_constants(specialise(m, sizes), {.small_bytes = kMostFolded});
  return Reading(folded, name).read();
}

PairOfChains pair_of(const Chain& a, const Chain& b) {
  PairOfChains p;
  if (a.layers.size() != b.layers.size())
    fail("required as many layers in B as in A, ", a.layers.size(), ", got ", b.layers.size());
  for (size_t k = 0; k < a.layers.size(); ++k) {
    const Layer &x = a.layers[k], &y = b.layers[k];
    const auto text = [](const Layer& l) {
      return cat(l.in, " -> ", l.out, l.relu ? " with relu" : " without relu");
    };
    if (x.in != y.in || x.out != y.out || x.relu != y.relu)
      fail("layer ", k + 1, ": required ", text(x), " in B as in A, got ", text(y));
    LayerPair l{x.in, x.out, x.weights, y.weights, {}, x.bias, y.bias, {}, x.relu, x.roundings, y.roundings};
    l.difference.resize(l.a.size());
    for (size_t i = 0; i < l.a.size(); ++i) l.difference[i] = l.b[i] - l.a[i];
    l.bias_difference.resize(l.out);
    for (size_t i = 0; i < l.out; ++i) l.bias_difference[i] = l.bias_b[i] - l.bias_a[i];
    p.layers.push_back(std::move(l));
  }
  return p;
}

}  // namespace tauto::region
