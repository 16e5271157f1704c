// Rules of weights, see weight_rules.h.
#include "passes/weight_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "graph/unaligned.h"

namespace tauto {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"absmax", "mse", "twn", "xnor"};
constexpr int kFractions = 96;  // of the largest weight: 5/100 … 100/100
constexpr float kLeastScale = 0x1p-126f;
constexpr double kTernary = 0.7;      // of the mean magnitude
constexpr double kMostBias = 0x1p30;  // so that it and a sum that is half as large as i32 fit together

int64_t most_of(int bits) { return bits == 1 ? 1 : (int64_t{1} << (bits - 1)) - 1; }

int8_t rounded(float w, float s, int64_t most) {
  const double q = std::nearbyint(static_cast<double>(w / s));
  return static_cast<int8_t>(std::clamp(q, -static_cast<double>(most), static_cast<double>(most)));
}

// The elements of one channel, at a stride.
struct Elements {
  const float* w;
  int8_t* q;
  int64_t outer, inner, step;  // `inner` side by side, `outer` times, `step` apart

  template <class F>
  void each(F f) const {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) f(w[o * step + i], q[o * step + i]);
  }
};

float scale_of(const Elements& e, int bits, WeightRule rule) {
  double sum = 0, most = 0, n = 0;
  e.each([&](float w, int8_t&) { sum += std::fabs(w), most = std::max(most, double{std::fabs(w)}), ++n; });
  const int64_t qmax = most_of(bits);
  const auto absmax = static_cast<float>(most / static_cast<double>(qmax));
  if (rule == WeightRule::Xnor) return static_cast<float>(sum / n);
  if (rule == WeightRule::Twn) {
    const double threshold = kTernary * sum / n;
    double kept = 0, count = 0;
    e.each([&](float w, int8_t&) {
      if (std::fabs(w) > threshold) kept += std::fabs(w), ++count;
    });
    return count > 0 ? static_cast<float>(kept / count) : 0;
  }
  if (rule == WeightRule::AbsMax || !(absmax > 0)) return absmax;
  float best = absmax;
  double least = INFINITY;
  for (int k = kFractions; k > 0; --k) {
    const float s = absmax * (static_cast<float>(k + 100 - kFractions) / 100);
    if (!(s > 0)) break;
    double error = 0;
    e.each([&](float w, int8_t&) {
      const double d = double{w} - double{s} * rounded(w, s, qmax);
      error += d * d;
    });
    if (error < least) least = error, best = s;
  }
  return best;
}

void fill(const Elements& e, float s, int bits, WeightRule rule) {
  if (rule == WeightRule::Xnor) return e.each([](float w, int8_t& q) { q = w < 0 ? -1 : 1; });
  if (rule != WeightRule::Twn)
    return e.each([&](float w, int8_t& q) { q = s > 0 ? rounded(w, s, most_of(bits)) : int8_t{0}; });
  double sum = 0, n = 0;
  e.each([&](float w, int8_t&) { sum += std::fabs(w), ++n; });
  const double threshold = kTernary * sum / n;
  e.each([&](float w, int8_t& q) {
    q = std::fabs(w) > threshold ? (w < 0 ? int8_t{-1} : int8_t{1}) : int8_t{0};
  });
}

}  // namespace

std::string_view name_of(WeightRule r) { return kNames[static_cast<size_t>(r)]; }

std::optional<WeightRule> weight_rule_named(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<WeightRule>(at - kNames.begin());
}

IntegerWeights integer_weights(const Tensor& given, int64_t channels, int bits, WeightRule rule) {
  IntegerWeights r;
  const Tensor t = aligned(given);
  const std::span<const float> w = t.values<float>();
  if (w.empty()) {
    r.refused = "it has no weights";
    return r;
  }
  if (std::any_of(w.begin(), w.end(), [](float v) { return !std::isfinite(v); })) {
    r.refused = "its weights are not all finite";
    return r;
  }
  if (w.size() > 1 && std::all_of(w.begin(), w.end(), [&](float v) { return v == w[0]; })) {
    r.refused = cat("its weights are all ", w[0]);
    return r;
  }
  r.q = Tensor(i8, t.shape());
  int64_t count = 1, inner = t.count();
  if (channels >= 0) {
    count = t.dim(channels), inner = 1;
    for (int64_t d = channels + 1; d < t.rank(); ++d) inner *= t.dim(d);
  }
  float nearly = 0;
  bool any = false;
  for (int64_t c = 0; c < count; ++c) {
    const int64_t step = inner * count;
    const Elements e{t.data<float>() + c * inner, r.q.data<int8_t>() + c * inner, t.count() / step, inner,
                     step};
    float s = scale_of(e, bits, rule);
    if (s < kLeastScale && rule == WeightRule::Xnor) {
      r.refused = cat("channel ", c, " of its weights is ", s == 0 ? "0" : "denormal");
      return r;
    }
    if (s < kLeastScale) {  // a channel of zeros, or of what is nothing beside them: q is 0
      nearly = std::max(nearly, s);
      e.each([](float, int8_t& q) { q = 0; });
      s = 1;
    } else {
      fill(e, s, bits, rule);
      any = true;
    }
    r.scale.push_back(s);
  }
  if (!any) r.refused = cat("a scale of its weights is ", nearly, ", which is denormal");
  return r;
}

std::optional<Tensor> integer_bias(const Tensor& given, float x_scale, const std::vector<float>& scale) {
  const Tensor b = aligned(given);
  Tensor r(i32, {b.count()});
  for (int64_t i = 0; i < b.count(); ++i) {
    const float s =
        static_cast<float>(double{x_scale} * scale[scale.size() == 1 ? 0 : static_cast<size_t>(i)]);
    const double q = std::nearbyint(double{b.data<float>()[i]} / s);
    if (!(std::fabs(q) <= kMostBias)) return std::nullopt;
    r.data<int32_t>()[i] = static_cast<int32_t>(q);
  }
  return r;
}

}  // namespace tauto
