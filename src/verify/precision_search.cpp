// The search, see precision_search.h.
#include "verify/precision_search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "quantize/measure.h"
#include "verify/quantizer_blame.h"
#include "verify/statistics.h"

namespace tauto::equivalence {
namespace {

constexpr double kLeastPayment = 1e-7;  // seconds: no node pays nothing or less
constexpr int kSteps = 2;               // of the path, for prices

class Search {
 public:
  Search(const LoadedModel& source, const PrecisionPlan& plan, const Samples& data, const SearchOptions& o)
      : source_(source), module_(source.module()), plan_(plan), data_(data), o_(o) {
    output_ = require_fit(o.rule, source.outputs(), o.output);
    unit_ = data.batched() ? (data.fixed() > 0 ? data.fixed() : o.batch) : 1;
    half_ = data.count() / 2 / unit_ * unit_;
  }

  PrecisionSearch run() {
    const double rate = o_.budget.flips.value_or(0), confidence = o_.budget.confidence;
    const int64_t fresh = data_.count() - half_;
    const auto needed = needed_inputs(0, rate, confidence);
    if (!(rate > 0)) fail("--require: required a rate of flips above 0 for a search, got ", percent(rate));
    if (!needed || *needed > std::min(half_, fresh))
      fail("--require: flips <= ", percent(rate), " at ", percent(confidence), " needs at least ",
           with_commas(2 * needed.value_or(0)), " inputs, one half to search on and one to verify on; ",
           with_commas(data_.count()), " were given");
    decide_source();
    price();
    const size_t n = r_.prices.size();
    size_t failed = 0, holds = 0;
    bool any_failed = false;
    // k is how many stay in f32: 0, 1, 2, 4, …
    for (size_t k = 0; k < n; k = k == 0 ? 1 : std::min(2 * k, n)) {
      if (!validate(k, false)) {
        failed = k, any_failed = true;
        if (k + 1 >= n) return std::move(r_);
        continue;
      }
      holds = k;
      while (any_failed && holds - failed > 1) {
        const size_t middle = failed + (holds - failed) / 2;
        (validate(middle, false) ? holds : failed) = middle;
      }
      if (validate(holds, true)) {
        r_.found = true;
        r_.plan = keeping(holds);
        return std::move(r_);
      }
      failed = holds, any_failed = true;
      k = holds;
    }
    return std::move(r_);
  }

 private:
  std::vector<Value> inputs(int64_t first, int64_t count) const { return data_.inputs(first, count); }

  std::vector<Decided> decisions(const LoadedModel& m, int64_t first, int64_t count, double* seconds) {
    std::vector<Decided> all;
    ExecuteOptions execute;
    execute.threads = o_.threads;
    execute.cancelled = o_.cancelled;
    double least = INFINITY;
    for (int64_t at = first; at < first + count; at += unit_) {
      if (o_.progress) o_.progress("validating", at - first, count);
      const int64_t now = std::min(unit_, first + count - at);
      RunInputs in = m.order(inputs(at, now));
      const auto start = std::chrono::steady_clock::now();
      const std::vector<Value> out = m.execute(std::move(in), execute);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      if (now == unit_) least = std::min(least, took.count());
      for (int64_t i = 0; i < now; ++i)
        all.push_back(
            decide(o_.rule, data_.batched() ? rows_of(out[output_].tensor, i, 1) : out[output_].tensor));
    }
    if (seconds) *seconds = least;
    return all;
  }

  void decide_source() { source_decisions_ = decisions(source_, 0, data_.count(), &r_.f32_seconds); }

  // The margin between the source's class and the next one, as a functional of one sample's output.
  std::optional<Functional> margin_of(const Tensor& scores, const Decided& d) const {
    if (o_.rule.kind != DecisionRule::Kind::Top1 && o_.rule.kind != DecisionRule::Kind::ArgMin)
      return std::nullopt;
    if (d.what.size() != 1 || d.nan) return std::nullopt;
    const std::vector<double> y = as_doubles(scores);
    const double sign = o_.rule.kind == DecisionRule::Kind::Top1 ? 1 : -1;
    const auto best = static_cast<size_t>(d.what[0]);
    size_t next = best == 0 ? 1 : 0;
    for (size_t i = 0; i < y.size(); ++i)
      if (i != best && sign * y[i] > sign * y[next]) next = i;
    if (y.size() < 2) return std::nullopt;
    return Functional{output_, {{static_cast<int64_t>(best), sign}, {static_cast<int64_t>(next), -sign}}};
  }

  // What the quantizers do to the margins of the samples that are nearest to another decision, and the order in
  // which reverting them is expected to undo most of it for its time.
  void price() {
    std::vector<std::string> names;
    for (const NodePrecision& n : plan_.nodes)
      if (n.how.system != NumberSystem::F32) names.push_back(n.node);
    const int64_t one = data_.batched() ? std::max<int64_t>(data_.fixed(), 1) : 1;
    std::vector<std::pair<double, int64_t>> nearest;  // margin, sample
    for (int64_t i = 0; i < half_; i += one)
      if (const Decided& d = source_decisions_[static_cast<size_t>(i)]; d.margin > 0 && !d.nan)
        nearest.emplace_back(d.margin, i);
    std::sort(nearest.begin(), nearest.end());
    if (const auto most = static_cast<size_t>(o_.looked_at); nearest.size() > most) nearest.resize(most);
    std::vector<double> margins;
    std::vector<std::map<std::string, double>> changes;
    for (size_t k = 0; k < nearest.size(); ++k) {
      if (o_.progress) o_.progress("prices", static_cast<int64_t>(k), static_cast<int64_t>(nearest.size()));
      const std::vector<Value> in = inputs(nearest[k].second, one);
      const std::vector<Value> out = source_.execute(source_.order(in));
      const Tensor scores = data_.batched() ? rows_of(out[output_].tensor, 0, 1) : out[output_].tensor;
      const auto g = margin_of(scores, decide(o_.rule, scores));
      if (!g) continue;
      const QuantizerBlame b = blame_quantizers(*module_, plan_, in, *g, kSteps, o_.cancelled);
      margins.push_back(b.source);
      std::map<std::string, double>& of = changes.emplace_back();
      for (const Contribution& c : b.contributions) of[c.node] = c.total();
    }
    std::map<std::string, double> pays;
    for (const std::string& name : names) pays[name] = 1;
    if (o_.timed) {
      const std::vector<Contraction> all = contractions_of(*module_);
      const std::vector<Value> in = inputs(0, std::min(unit_, half_));
      const LoadedModel quantized = LoadedModel::of(with_precision(*module_, plan_));
      const auto f = source_.executable(source_.order(in)), q = quantized.executable(quantized.order(in));
      auto a = seconds_of_nodes(*f, all, in, o_.threads, 5), b = seconds_of_nodes(*q, all, in, o_.threads, 5);
      for (auto& [node, s] : pays) s = std::max(a[node] - b[node], kLeastPayment);
    }
    // Expected flips, smoothly: 1 for a margin far below 0, 1/2 at 0.
    const double width = margins.empty() ? 1 : std::max(margins[margins.size() / 2] / 8, 1e-30);
    std::set<std::string> left(names.begin(), names.end());
    const auto expected = [&](const std::string& without) {
      double sum = 0;
      for (size_t j = 0; j < margins.size(); ++j) {
        double m = margins[j];
        for (const std::string& name : left)
          if (name != without) m += changes[j][name];
        sum += 1 / (1 + std::exp(std::clamp(m / width, -50.0, 50.0)));
      }
      return sum;
    };
    while (!left.empty()) {
      const double now = expected("");
      std::string best;
      double most = 0;
      for (const std::string& name : names) {
        if (!left.count(name)) continue;
        const double price = (now - expected(name)) / pays[name];
        if (best.empty() || price > most) best = name, most = price;
      }
      r_.prices.emplace_back(best, most);
      left.erase(best);
    }
  }

  PrecisionPlan keeping(size_t k) const {
    std::set<std::string> kept;
    for (size_t i = 0; i < k; ++i) kept.insert(r_.prices[i].first);
    PrecisionPlan plan = plan_;
    for (NodePrecision& n : plan.nodes)
      if (kept.count(n.node)) {
        n = {n.node, {}, "its error costs too much of the budget", 0, 0};
        n.how.system = NumberSystem::F32;
      }
    return plan;
  }

  bool validate(size_t k, bool fresh) {
    Validation v;
    for (size_t i = 0; i < k; ++i) v.kept.push_back(r_.prices[i].first);
    v.fresh = fresh;
    const int64_t first = fresh ? half_ : 0;
    v.samples = fresh ? data_.count() - half_ : half_;
    const LoadedModel m = LoadedModel::of(with_precision(*module_, keeping(k)));
    const std::vector<Decided> now = decisions(m, first, v.samples, &v.seconds);
    for (size_t i = 0; i < now.size(); ++i)
      v.flips += !(now[i] == source_decisions_[static_cast<size_t>(first) + i]);
    v.upper = upper_rate(v.flips, v.samples, o_.budget.confidence);
    v.holds = v.upper <= *o_.budget.flips;
    r_.validations.push_back(v);
    return v.holds;
  }

  const LoadedModel& source_;
  std::shared_ptr<const Module> module_;
  const PrecisionPlan& plan_;
  const Samples& data_;
  const SearchOptions& o_;
  size_t output_ = 0;
  int64_t unit_ = 1, half_ = 0;
  std::vector<Decided> source_decisions_;
  PrecisionSearch r_;
};

}  // namespace

PrecisionSearch search_precision(const LoadedModel& source, const PrecisionPlan& plan, const Samples& data,
                                 const SearchOptions& options) {
  return Search(source, plan, data, options).run();
}

std::string text_of(const PrecisionSearch& s, const Budget& budget) {
  std::string text = cat("# validations: nodes in f32, samples, flips, at most (", percent(budget.confidence),
                         "), time of f32's\n");
  for (const Validation& v : s.validations) {
    char line[160];
    std::snprintf(line, sizeof line, "  %3zu  %8s%s  %6s  %8s  %5.2f  %s", v.kept.size(),
                  with_commas(v.samples).c_str(), v.fresh ? " fresh" : "      ", with_commas(v.flips).c_str(),
                  percent(v.upper).c_str(), v.seconds / s.f32_seconds, v.holds ? "holds" : "does not hold");
    text += cat(line, "\n");
  }
  text += "# back to f32 in this order (expected flips undone):";
  for (const auto& [node, undone] : s.prices) {
    char line[40];
    std::snprintf(line, sizeof line, " %.3g", undone);
    text += cat(" \"", node, "\"", line);
  }
  text += "\n";
  std::string kept;
  if (s.found)
    for (const std::string& name : s.validations.back().kept)
      kept += cat(kept.empty() ? "" : ", ", '"', name, '"');
  return cat(text, "# ", s.validations.size(), " validations; ",
             s.found ? cat(kept.empty() ? "no node" : kept, " stays in f32 for it")
                     : std::string("no program with fewer bits holds: f32 stays"),
             "\n");
}

}  // namespace tauto::equivalence
