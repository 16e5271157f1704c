// Node by node in intervals, see source_checks.h: the interpreter runs on intervals, and wherever the system
// said what it computed, that value goes on as a point.
#include "verify/source_checks.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "ops/interval.h"
#include "support/half.h"
#include "verify/decision.h"

namespace tauto::equivalence {
namespace {

// The node whose value is that of each source: its last one with a tensor.
std::map<Id, std::string> result_nodes(const Module& m) {
  const Function& f = m.main();
  std::map<int, Id> last;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i)
    for (const int s : f.provenance[i]) last[s] = static_cast<Id>(i);
  std::map<Id, std::string> nodes;
  for (const auto& [s, id] : last)
    if (f.node(id).type.is_tensor()) nodes.try_emplace(id, m.sources[static_cast<size_t>(s)]);
  return nodes;
}

void check(SourceCheck& c, const Tensor& legal, const Tensor& given) {
  if (legal.shape() != given.shape() || legal.type() != given.type()) {
    c.skipped = cat("its value is ", text_of(type_of(given)), ", ours ", text_of(type_of(legal)));
    return;
  }
  const std::vector<double> v = as_doubles(given);
  for (size_t i = 0; i < v.size(); ++i) {
    double lo, hi;
    ++c.elements;
    if (legal.type().is_float()) {
      const FInterval<double> x = legal.data<FInterval<double>>()[i];
      if (num::is_anything(x)) {
        ++c.unbounded;
        continue;
      }
      if (num::is_nan_surely(x)) {
        if (std::isnan(v[i])) continue;
        ++c.outside;
        c.worst = std::numeric_limits<double>::infinity(), c.at = static_cast<int64_t>(i);
        continue;
      }
      lo = x.lo, hi = x.hi;
    } else {
      const IInterval x = legal.data<IInterval>()[i];
      lo = static_cast<double>(x.lo), hi = static_cast<double>(x.hi);
    }
    // The bound: half of what is legal, and the rounding of the result itself.
    const double middle = lo == hi ? lo : lo / 2 + hi / 2;
    const double half = hi / 2 - lo / 2 + (legal.type().is_float() ? ulp_of(middle, legal.type()) / 2 : 0);
    const bool inside = v[i] >= lo && v[i] <= hi;
    const double error = v[i] == middle ? 0 : std::fabs(v[i] - middle);
    if (std::isfinite(middle)) c.scale = std::max(c.scale, std::fabs(middle));
    if (std::isfinite(error)) c.largest = std::max(c.largest, error);
    if (legal.type().is_float()) ++c.ulps[ulp_bin(v[i], middle, legal.type())];
    double ratio = error == 0 ? 0 : half > 0 ? error / half : std::numeric_limits<double>::infinity();
    if (inside) ratio = std::isfinite(half) ? std::min(ratio, 1.0) : 0;  // the middle was rounded
    if (std::isnan(ratio)) ratio = std::numeric_limits<double>::infinity();
    if (!inside) {
      ++c.outside;
      ratio = std::max(ratio, std::nextafter(1.0, 2.0));
    }
    if (ratio > c.worst) c.worst = ratio, c.error = error, c.bound = half, c.at = static_cast<int64_t>(i);
  }
}

}  // namespace

std::vector<std::string> source_nodes(const Module& m) {
  std::vector<std::string> names;
  for (const auto& [id, name] : result_nodes(m))
    if (m.main().node(id).op != &ops::constant) names.push_back(name);
  return names;
}

namespace {

std::map<std::string, std::string> operators_of(const Module& m) {
  const Function& f = m.main();
  std::map<std::string, std::vector<std::string>> lists;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i)
    for (const int s : f.provenance[i]) {
      std::vector<std::string>& list = lists[m.sources[static_cast<size_t>(s)]];
      if (f.nodes[i].op != &ops::constant &&
          std::find(list.begin(), list.end(), f.nodes[i].op->name) == list.end())
        list.emplace_back(f.nodes[i].op->name);
    }
  std::map<std::string, std::string> texts;
  for (const auto& [name, list] : lists)
    for (const std::string& op : list) texts[name] += (texts[name].empty() ? "" : " ") + op;
  return texts;
}

}  // namespace

std::vector<SourceEdge> source_graph(const Module& m) {
  const Function& f = m.main();
  const std::map<Id, std::string> results = result_nodes(m);
  std::map<std::string, std::string> operators = operators_of(m);
  std::vector<std::set<std::string>> from(f.nodes.size());  // the named nodes that a value is made of
  std::vector<SourceEdge> edges;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i) {
    for (const Id in : f.nodes[i].inputs)
      from[i].insert(from[static_cast<size_t>(in)].begin(), from[static_cast<size_t>(in)].end());
    const auto named = results.find(static_cast<Id>(i));
    if (named == results.end() || f.nodes[i].op == &ops::constant) continue;
    from[i].erase(named->second);
    edges.push_back({named->second, operators[named->second], {from[i].begin(), from[i].end()}});
    from[i] = {named->second};
  }
  return edges;
}

std::vector<SourceCheck> check_sources(const Module& m, const std::vector<Value>& inputs,
                                       const NodeValues& values, const std::function<bool()>* cancelled) {
  const Function& f = m.main();
  const std::map<Id, std::string> results = result_nodes(m);
  std::vector<SourceCheck> checks;
  std::map<std::string, std::string> operators = operators_of(m);
  InterpretOptions options;
  options.rep = Rep::Interval;
  options.cancelled = cancelled;
  const FunctionCall call = [&](const std::string& name, std::vector<Value>) -> std::vector<Value> {
    fail("@", name, ": bodies are not followed in intervals");
  };
  std::vector<Value> at(f.nodes.size());
  Env env;
  for (size_t i = 0; i < inputs.size(); ++i) {
    unify(f.nodes[i].type, type_of(inputs[i]), env);
    at[i] = to_rep(inputs[i], Rep::Interval);
  }
  std::vector<Id> last(f.nodes.size(), -1);
  for (size_t i = 0; i < f.nodes.size(); ++i)
    for (const Id in : f.nodes[i].inputs) last[static_cast<size_t>(in)] = static_cast<Id>(i);
  std::vector<bool> known(f.nodes.size(), false);
  for (size_t i = 0; i < inputs.size(); ++i) known[i] = true;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i) {
    const Node& n = f.nodes[i];
    const auto id = static_cast<Id>(i);
    std::vector<Value> in;
    std::string why;
    for (const Id from : n.inputs) {
      if (!known[static_cast<size_t>(from)]) why = "what it reads is not known";
      in.push_back(at[static_cast<size_t>(from)]);
    }
    if (why.empty()) {
      try {
        at[i] = evaluate_node(m, f, id, std::move(in), env, options, call);
        known[i] = true;
      } catch (const Cancelled&) {
        throw;
      } catch (const Error& e) {
        why = e.what();
      }
    }
    if (const auto named = results.find(id); named != results.end() && n.op != &ops::constant) {
      SourceCheck c;
      c.node = named->second;
      c.op = operators[c.node];
      const auto given = values.find(c.node);
      if (given == values.end()) {
        c.skipped = "the system does not say its value";
      } else {
        if (!known[i])
          c.skipped = why;
        else if (!at[i].is_tensor() || !given->second.is_tensor() || n.type.element.is_string())
          c.skipped = "it is no tensor of numbers";
        else
          check(c, at[i].tensor, given->second.tensor);
        if (c.skipped.empty() || !known[i]) {
          at[i] = to_rep(given->second, Rep::Interval);
          known[i] = true;
        }
      }
      checks.push_back(std::move(c));
    }
    for (const Id from : n.inputs)
      if (last[static_cast<size_t>(from)] == id) at[static_cast<size_t>(from)] = Value();
  }
  return checks;
}

void merge(std::vector<SourceCheck>& into, const std::vector<SourceCheck>& more) {
  if (into.empty()) {
    into = more;
    return;
  }
  for (size_t i = 0; i < into.size() && i < more.size(); ++i) {
    SourceCheck& a = into[i];
    const SourceCheck& b = more[i];
    if (!b.skipped.empty()) continue;
    if (!a.skipped.empty() && a.elements == 0) a.skipped.clear();
    a.elements += b.elements;
    a.outside += b.outside;
    a.unbounded += b.unbounded;
    a.largest = std::max(a.largest, b.largest);
    a.scale = std::max(a.scale, b.scale);
    for (size_t k = 0; k < a.ulps.size(); ++k) a.ulps[k] += b.ulps[k];
    if (b.worst > a.worst) a.worst = b.worst, a.error = b.error, a.bound = b.bound, a.at = b.at;
  }
}

}  // namespace tauto::equivalence
