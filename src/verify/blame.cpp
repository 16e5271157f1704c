// Charging nodes with flips, see blame.h.
#include "verify/blame.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "support/half.h"

namespace tauto::equivalence {
namespace {

constexpr size_t kFlips = 10;  // that are looked into
constexpr size_t kNodes = 24;  // those with the largest errors, of each
constexpr double kSeconds = 30;

// x + (b - a), elementwise in f64, rounded once.
Tensor moved(const Tensor& x, const Tensor& a, const Tensor& b) {
  Tensor r(x.type(), x.shape());
  const std::vector<double> xs = as_doubles(x), as = as_doubles(a), bs = as_doubles(b);
  for (size_t i = 0; i < xs.size(); ++i) {
    const double v = as[i] == bs[i] ? xs[i] : xs[i] + (bs[i] - as[i]);
    if (x.type() == f32)
      r.data<float>()[i] = static_cast<float>(v);
    else
      r.data<double>()[i] = v;
  }
  return r;
}

double relative_error(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = as_doubles(a), y = as_doubles(b);
  double scale = 0, most = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    scale = std::max(scale, std::fabs(x[i]));
    most = std::max(most, std::fabs(x[i] - y[i]));
  }
  return scale > 0 ? most / scale : most;
}

}  // namespace

std::vector<std::pair<std::string, double>> blame_nodes(
    const Module& source, System& other, const Samples& samples, std::vector<Flip>& flips,
    const std::function<double(const std::vector<Value>&, int64_t, const std::string&)>& margin,
    const SameOptions& options) {
  const Function& main = source.main();
  const std::vector<std::string> names = source_nodes(source);
  // Where each name's value is made in the source.
  std::map<std::string, Id> where;
  for (size_t i = main.parameter_count(); i < main.nodes.size(); ++i)
    for (const int s : main.provenance[i]) where[source.sources[static_cast<size_t>(s)]] = static_cast<Id>(i);
  std::map<std::string, double> total;
  const auto start = std::chrono::steady_clock::now();
  const int64_t unit = samples.batched() ? std::max<int64_t>(samples.fixed(), 1) : 1;
  size_t looked = 0;
  for (Flip& f : flips) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (looked++ >= kFlips || took.count() > kSeconds) break;
    if (options.progress)
      options.progress("blame", static_cast<int64_t>(looked),
                       static_cast<int64_t>(std::min(flips.size(), kFlips)));
    const int64_t first = f.sample / unit * unit;
    const std::vector<Value> inputs = samples.inputs(first, unit);
    const NodeValues theirs = other.values(inputs, names, nullptr);
    // One run of the source's nodes on the other's values: its own errors, node by node.
    NodeValues made;
    std::map<Id, Value> given;
    for (const auto& [name, value] : theirs)
      if (const auto at = where.find(name); at != where.end()) given[at->second] = value;
    InterpretOptions walk;
    walk.cancelled = options.cancelled;
    walk.replace = [&](const Function& fn, Id id, const std::vector<Value>& in, const Env& env) -> Value {
      const auto at = given.find(id);
      if (&fn != &main || at == given.end() || !main.node(id).type.is_tensor()) return {};
      const ElementType e = main.node(id).type.element;
      if (e != f32 && e != f64) return {};
      Env inner = env;
      Value own;
      try {
        own = evaluate_node(source, fn, id, in, inner, {}, {});
      } catch (const Error&) {
        return {};
      }
      if (!own.is_tensor() || !at->second.is_tensor() || own.tensor.shape() != at->second.tensor.shape() ||
          own.tensor.type() != at->second.tensor.type())
        return {};
      for (const int s : main.provenance[static_cast<size_t>(id)]) {
        const std::string& name = source.sources[static_cast<size_t>(s)];
        if (where[name] == id) made[name] = own;
      }
      return at->second;
    };
    try {
      interpret(source, inputs, walk);
    } catch (const Cancelled&) {
      throw;
    } catch (const Error&) {  // the other's values do not fit: nothing is said of this flip
      continue;
    }
    std::vector<std::pair<double, std::string>> errors;
    for (const auto& [name, own] : made)
      if (const double e = relative_error(own.tensor, theirs.at(name).tensor); e > 0)
        errors.emplace_back(e, name);
    std::sort(errors.rbegin(), errors.rend());
    if (errors.size() > kNodes) errors.resize(kNodes);
    const double before = margin(interpret(source, inputs), f.sample - first, f.a);
    double lost = 0;
    for (const auto& [e, name] : errors) {
      InterpretOptions shift;
      shift.cancelled = options.cancelled;
      const Id id = where.at(name);
      shift.replace = [&, &n = name](const Function& fn, Id at, const std::vector<Value>& in,
                                     const Env& env) -> Value {
        if (&fn != &main || at != id) return {};
        Env inner = env;
        const Value own = evaluate_node(source, fn, id, in, inner, {}, {});
        return moved(own.tensor, made.at(n).tensor, theirs.at(n).tensor);
      };
      const double cost = before - margin(interpret(source, inputs, shift), f.sample - first, f.a);
      if (cost > 0 && std::isfinite(cost)) f.nodes.emplace_back(name, cost), lost += cost;
    }
    for (auto& [name, share] : f.nodes) share /= lost, total[name] += share;
    std::sort(f.nodes.begin(), f.nodes.end(),
              [](const auto& a, const auto& b) { return a.second > b.second; });
  }
  std::vector<std::pair<std::string, double>> list(total.begin(), total.end());
  double sum = 0;
  for (const auto& [name, share] : list) sum += share;
  for (auto& [name, share] : list) share /= sum;
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return list;
}

}  // namespace tauto::equivalence
