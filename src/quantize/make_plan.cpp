// Plans, see make_plan.h.
#include "quantize/make_plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "passes/bf16_products.h"

namespace tauto {
namespace {

constexpr size_t kBins = 4096;
constexpr int kFractions = 90;  // of the range: 10/100 … 100/100

// The model with the inputs of contractions as further results.
LoadedModel with_results(const Module& m, const std::vector<Id>& values) {
  Module r = m;
  Function f = m.main();
  for (const Id id : values) {
    f.results.push_back(id);
    f.result_names.push_back(cat("value ", id));
  }
  r.functions["main"] = std::make_shared<const Function>(std::move(f));
  r.ledger.clear();
  return LoadedModel::of(std::move(r));
}

void look_at(ActivationRange& r, const Tensor& t) {
  const float* v = t.data<float>();
  for (int64_t i = 0; i < t.count(); ++i) {
    const double x = v[i];
    if (!std::isfinite(x)) {
      r.finite = false;
      continue;
    }
    if (!r.reached) r.least = r.most = x;
    r.reached = true;
    r.least = std::min(r.least, x), r.most = std::max(r.most, x);
  }
}

void count(ActivationRange& r, const Tensor& t) {
  const double width = r.most - r.least;
  if (!(width > 0)) return;
  const float* v = t.data<float>();
  for (int64_t i = 0; i < t.count(); ++i) {
    if (!std::isfinite(v[i])) continue;
    const auto bin = static_cast<size_t>((double{v[i]} - r.least) / width * static_cast<double>(kBins));
    r.bins[std::min(bin, kBins - 1)] += 1;
  }
}

double middle(const ActivationRange& r, size_t bin) {
  return r.least + (r.most - r.least) * (static_cast<double>(bin) + 0.5) / static_cast<double>(kBins);
}

// Σ (x − dequantized x)² over the bins, for the range lo … hi.
double squared_error(const ActivationRange& r, const Precision& p, double lo, double hi) {
  const auto [least, most] = ends_of(p);
  const double levels = static_cast<double>(p.symmetric ? most : most - least);
  const double s = (p.symmetric ? std::max(-lo, hi) : hi - lo) / levels;
  if (!(s > 0)) return INFINITY;
  const double z = p.symmetric ? 0 : std::nearbyint(-lo / s);
  double sum = 0;
  for (size_t i = 0; i < r.bins.size(); ++i) {
    if (r.bins[i] == 0) continue;
    const double x = middle(r, i);
    const double q =
        std::clamp(std::nearbyint(x / s) + z, static_cast<double>(least), static_cast<double>(most));
    const double d = x - (q - z) * s;
    sum += r.bins[i] * d * d;
  }
  return sum;
}

std::pair<double, double> percentile(const ActivationRange& r, double percent, double lo, double hi) {
  double total = 0;
  for (const double n : r.bins) total += n;
  const bool both = lo < 0 && hi > 0;
  const double outside = total * (100 - percent) / 100 / (both ? 2 : 1);
  double seen = 0;
  size_t first = 0, last = r.bins.size();
  if (lo < 0)
    while (first < last && seen + r.bins[first] <= outside) seen += r.bins[first++];
  seen = 0;
  if (hi > 0)
    while (last > first && seen + r.bins[last - 1] <= outside) seen += r.bins[--last];
  const double width = (r.most - r.least) / static_cast<double>(r.bins.size());
  return {std::min(0.0, r.least + width * static_cast<double>(first)),
          std::max(0.0, r.least + width * static_cast<double>(last))};
}

}  // namespace

std::vector<ActivationRange> measure_activations(const LoadedModel& source,
                                                 const std::vector<Contraction>& of,
                                                 const equivalence::Samples& data, bool bins,
                                                 const PlanOptions& options) {
  std::vector<Id> values;
  for (const Contraction& c : of)
    if (std::find(values.begin(), values.end(), c.x) == values.end()) values.push_back(c.x);
  const size_t own = source.outputs().size();
  const LoadedModel m = with_results(*source.module(), values);
  std::map<Id, ActivationRange> ranges;
  const int64_t unit = data.batched() ? (data.fixed() > 0 ? data.fixed() : options.batch) : 1;
  ExecuteOptions execute;
  execute.threads = options.threads;
  execute.cancelled = options.cancelled;
  for (const bool second : {false, true}) {
    if (second && !bins) break;
    if (second)
      for (auto& [id, r] : ranges) r.bins.assign(kBins, 0);
    for (int64_t first = 0; first < data.count(); first += unit) {
      if (options.progress)
        options.progress(first + (second ? data.count() : 0), data.count() * (bins ? 2 : 1));
      const int64_t n = std::min(unit, data.count() - first);
      const std::vector<Value> out = m.execute(m.order(data.inputs(first, n)), execute);
      for (size_t k = 0; k < values.size(); ++k) {
        const Tensor& t = out[own + k].tensor;
        ActivationRange& r = ranges[values[k]];
        second ? count(r, t) : look_at(r, t);
      }
    }
  }
  std::vector<ActivationRange> all;
  for (const Contraction& c : of) all.push_back(ranges[c.x]);
  return all;
}

std::string set_scale(NodePrecision& p, const ActivationRange& r) {
  if (!r.finite) return "its input is not finite in the calibration data";
  if (!r.reached) return "the calibration data never reaches it";
  if (r.least == r.most)
    return cat("its input is always ", static_cast<float>(r.least), " in the calibration data");
  double lo = std::min(0.0, r.least), hi = std::max(0.0, r.most);
  if (p.how.ranges == RangeRule::Percentile) std::tie(lo, hi) = percentile(r, p.how.percentile, lo, hi);
  if (p.how.ranges == RangeRule::Mse) {
    double best = INFINITY, at = 1;
    for (int k = kFractions; k >= 0; --k) {
      const double f = (10 + k) / 100.0;
      if (const double e = squared_error(r, p.how, lo * f, hi * f); e < best) best = e, at = f;
    }
    lo *= at, hi *= at;
  }
  const auto [least, most] = ends_of(p.how);
  p.scale = static_cast<float>(p.how.symmetric ? std::max(-lo, hi) / static_cast<double>(most)
                                               : (hi - lo) / static_cast<double>(most - least));
  if (!(p.scale >= 0x1p-126f) || !std::isfinite(p.scale))
    return cat("the scale of its input would be ", p.scale);
  p.zero = p.how.symmetric
               ? 0
               : std::clamp(static_cast<int64_t>(std::nearbyint(-lo / double{p.scale})), least, most);
  return "";
}

PrecisionPlan make_plan(const LoadedModel& source, const Precision& how, const equivalence::Samples* data,
                        const PlanOptions& options, const std::string& where) {
  const std::shared_ptr<const Module> m = source.module();
  const std::vector<Contraction> all = contractions_of(*m);
  PrecisionPlan plan;
  for (const std::string& name : options.keep)
    if (std::none_of(all.begin(), all.end(), [&](const Contraction& c) { return c.node == name; }))
      fail(where, ": --keep: required the name of a contraction with constant weights, got \"", name, '"');
  if (how.system != NumberSystem::F32 && how.needs_data() && !data)
    fail(where, ": ", text_of(how), ": required calibration data, got none");
  std::vector<ActivationRange> ranges;
  if (how.system != NumberSystem::F32 && how.needs_data())
    ranges = measure_activations(source, all, *data, how.ranges != RangeRule::MinMax, options);
  std::string why;
  bool any = false;
  for (size_t i = 0; i < all.size(); ++i) {
    NodePrecision p;
    p.node = all[i].node;
    p.how = how;
    p.reason = all[i].refused;
    if (p.reason.empty() && std::find(options.keep.begin(), options.keep.end(), p.node) != options.keep.end())
      p.reason = "kept";
    if (p.reason.empty() && how.system == NumberSystem::Integer) {
      p.reason =
          integer_weights(all[i].weights, how.per_channel ? all[i].channels : -1, how.bits, how.weights)
              .refused;
      if (p.reason.empty() && !ranges.empty()) p.reason = set_scale(p, ranges[i]);
    }
    if (p.reason.empty() && how.system == NumberSystem::BF16Dp)
      p.reason = no_pairs(m->main().node(all[i].id).attributes.get<Access>("access"));
    if (!p.reason.empty()) {
      p.how = Precision{};
      p.how.system = NumberSystem::F32;
      p.scale = 0, p.zero = 0;
      if (why.size() < 300) why += cat(why.empty() ? "" : "; ", '"', p.node, "\": ", p.reason);
    }
    any |= p.how.system != NumberSystem::F32;
    plan.nodes.push_back(std::move(p));
  }
  if (!any && how.system != NumberSystem::F32)
    fail(where, ": required a contraction that can be ", text_of(how), ", got none",
         why.empty() ? std::string(" with constant weights") : cat(" (", why, ")"));
  return plan;
}

}  // namespace tauto
