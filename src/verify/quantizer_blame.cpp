// Contributions of quantizers, see quantizer_blame.h.
#include "verify/quantizer_blame.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/specialise.h"
#include "support/half.h"
#include "verify/decision.h"

namespace tauto::equivalence {
namespace {

struct Quantizer {
  const NodePrecision* plan;
  const Contraction* c;
  Id last;                                   // in the source: the contraction with its bias
  std::vector<double> activations, weights;  // e_i in its parts
};

// x as the plan's activations have it.
Tensor rounded_activations(const Tensor& x, const NodePrecision& p) {
  Tensor r(f32, x.shape());
  const float* from = x.data<float>();
  float* to = r.data<float>();
  float s = p.scale;
  int64_t z = p.zero;
  auto [least, most] = ends_of(p.how);
  if (p.how.system == NumberSystem::Integer && p.how.dynamic) {
    float lo = 0, hi = 0;
    for (int64_t i = 0; i < x.count(); ++i) lo = std::min(lo, from[i]), hi = std::max(hi, from[i]);
    s = (hi - lo) / 255;
    z = static_cast<int64_t>(std::clamp(std::nearbyint(-lo / s), 0.0f, 255.0f));
  }
  for (int64_t i = 0; i < x.count(); ++i) {
    if (p.how.system == NumberSystem::F16) to[i] = static_cast<float>(Half(from[i]));
    if (p.how.system == NumberSystem::BF16) to[i] = static_cast<float>(BFloat(from[i]));
    if (p.how.system != NumberSystem::Integer) continue;
    const double q = std::clamp(std::nearbyint(double{from[i] / s}) + static_cast<double>(z),
                                static_cast<double>(least), static_cast<double>(most));
    to[i] = static_cast<float>((q - static_cast<double>(z)) * double{s});
  }
  return r;
}

double value_of(const Functional& g, const std::vector<Value>& results) {
  const std::vector<double> y = as_doubles(results.at(g.output).tensor);
  double sum = 0;
  for (const auto& [i, w] : g.terms) sum += w * y[static_cast<size_t>(i)];
  return sum;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

QuantizerBlame blame_quantizers(const Module& general, const PrecisionPlan& plan,
                                const std::vector<Value>& inputs, const Functional& functional, int steps,
                                const std::function<bool()>* cancelled) {
  Env sizes;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (const Node& n = general.main().nodes[i]; n.type.is_tensor() && inputs[i].is_tensor())
      unify(n.type, type_of(inputs[i]), sizes);
  const Module source = specialise(general, sizes);
  const Function& main = source.main();
  const Module quantized = with_precision(source, plan);
  const std::vector<Contraction> all = contractions_of(source);
  std::map<Id, size_t> at_last, at_contraction;
  std::vector<Quantizer> quantizers;
  for (const NodePrecision& p : plan.nodes) {
    if (p.how.system == NumberSystem::F32) continue;
    const auto c =
        std::find_if(all.begin(), all.end(), [&](const Contraction& c) { return c.node == p.node; });
    Id last = c->id;
    if (c->bias) last = c->bias->add;
    at_last[last] = at_contraction[c->id] = quantizers.size();
    quantizers.push_back({&p, &*c, last, {}, {}});
  }
  InterpretOptions options;
  options.cancelled = cancelled;
  QuantizerBlame r;
  r.source = value_of(functional, interpret(source, inputs, options));
  r.quantized = value_of(functional, interpret(quantized, inputs, options));

  // What the quantized program has at each node of the source that it kept or replaced: a copy of the source in
  // which only the quantizers are others, run node by node beside it.
  std::map<std::string, std::vector<Id>> by_name;  // of the quantized program's main
  const Function& qmain = quantized.main();
  for (size_t i = qmain.parameter_count(); i < qmain.nodes.size(); ++i)
    if (qmain.nodes[i].op != &ops::constant)
      for (const int s : qmain.provenance[i])
        by_name[quantized.sources[static_cast<size_t>(s)]].push_back(static_cast<Id>(i));
  std::map<std::string, Value> given;
  InterpretOptions watch = options;
  std::map<Id, std::string> wanted;
  for (const Quantizer& q : quantizers) {
    const std::string name = q.plan->node.substr(0, q.plan->node.find('#'));
    if (!by_name.count(name) || q.plan->node != name)
      fail("blame: node \"", q.plan->node, "\": required a node that is one contraction");
    // The last node of the name whose result has the shape of the source's.
    Id found = -1;
    for (const Id id : by_name[name])
      if (qmain.node(id).type == main.node(q.last).type) found = id;
    if (found < 0) fail("blame: node \"", name, "\": its result is not found in the quantized program");
    wanted[found] = name;
  }
  watch.watch = [&](const Function& f, Id id, const Value& v) {
    if (f.name != "main") return;
    if (const auto w = wanted.find(id); w != wanted.end()) given[w->second] = v;
  };
  interpret(quantized, inputs, watch);

  InterpretOptions beside = options;
  beside.replace = [&](const Function& f, Id id, const std::vector<Value>& in, const Env& env) -> Value {
    if (&f != &main) return {};
    if (const auto c = at_contraction.find(id); c != at_contraction.end()) {
      Quantizer& q = quantizers[c->second];
      Env inner = env;
      const std::vector<double> own = as_doubles(evaluate_node(source, f, id, in, inner, {}, {}).tensor);
      std::vector<Value> changed = in;
      const size_t data = main.node(id).inputs[0] == q.c->x ? 0 : 1;
      changed[data] = rounded_activations(aligned(in[data].tensor), *q.plan);
      q.activations = as_doubles(evaluate_node(source, f, id, changed, inner, {}, {}).tensor);
      for (size_t i = 0; i < own.size(); ++i) q.activations[i] -= own[i];
    }
    const auto l = at_last.find(id);
    if (l == at_last.end()) return {};
    Quantizer& q = quantizers[l->second];
    Env inner = env;
    const std::vector<double> own = as_doubles(evaluate_node(source, f, id, in, inner, {}, {}).tensor);
    const Value& theirs = given.at(q.plan->node);
    q.weights = as_doubles(theirs.tensor);
    for (size_t i = 0; i < own.size(); ++i) q.weights[i] -= own[i] + q.activations[i];
    return theirs;
  };
  interpret(source, inputs, beside);

  for (const Quantizer& q : quantizers) r.contributions.push_back({q.plan->node});
  for (int step = 0; step < steps; ++step) {
    const double t = (step + 0.5) / steps;
    std::vector<Id> shifted(quantizers.size(), -1);
    Module on_the_way = source;
    on_the_way.ledger.clear();
    on_the_way = rewrite(on_the_way, "blame", [&](Rewrite& w, Id old) {
      const Id copy = w.copy(old);
      const auto l = at_last.find(old);
      if (w.from.name != "main" || l == at_last.end()) return copy;
      const Quantizer& q = quantizers[l->second];
      const Shape shape = given.at(q.plan->node).tensor.shape();
      Tensor error(f32, shape);
      for (size_t i = 0; i < q.weights.size(); ++i)
        error.data<float>()[i] = static_cast<float>(t * (q.activations[i] + q.weights[i]));
      return w.b.add(ops::add, {copy, w.b.constant(std::move(error))});
    });
    // Where the shifted values ended up, by the constants that only they have.
    const Function& f = on_the_way.main();
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      const Node& n = f.nodes[i];
      if (n.op != &ops::add) continue;
      for (const int s : f.provenance[i])
        for (size_t k = 0; k < quantizers.size(); ++k)
          if (on_the_way.sources[static_cast<size_t>(s)] == quantizers[k].plan->node)
            shifted[k] = static_cast<Id>(i);
    }
    ErrorPropagation propagation(on_the_way);
    PropagationOptions how;
    how.cancelled = cancelled;
    propagation.run(inputs, how);
    const std::vector<std::vector<double>> rows = propagation.gradient(functional, shifted);
    for (size_t k = 0; k < quantizers.size(); ++k) {
      r.contributions[k].activations += dot(rows[k], quantizers[k].activations) / steps;
      r.contributions[k].weights += dot(rows[k], quantizers[k].weights) / steps;
    }
  }
  r.residual = r.quantized - r.source;
  for (const Contribution& c : r.contributions) r.residual -= c.total();
  std::stable_sort(r.contributions.begin(), r.contributions.end(),
                   [](const Contribution& a, const Contribution& b) {
                     return std::fabs(a.total()) > std::fabs(b.total());
                   });
  return r;
}

}  // namespace tauto::equivalence
