// Places and weights of resize, in f64.
#include "ops/resampling.h"

#include <map>

namespace tauto {

double Resampling::place(int64_t o) const {
  const double i = static_cast<double>(o), n = static_cast<double>(from), m = static_cast<double>(to);
  const double length = scale ? *scale * n : m;
  const auto half_pixel = [&] { return scale ? (i + 0.5) / *scale - 0.5 : (i + 0.5) * n / m - 0.5; };
  if (coordinates == "half_pixel") return half_pixel();
  if (coordinates == "half_pixel_symmetric") return n / 2 * (1 - m / length) + half_pixel();
  if (coordinates == "pytorch_half_pixel") return length > 1 ? half_pixel() : 0;
  if (coordinates == "asymmetric") return scale ? i / *scale : i * n / m;
  if (coordinates == "align_corners") return length == 1 ? 0 : i * (n - 1) / (length - 1);
  const double span = (end - start) * (n - 1);
  return start * (n - 1) + (length == 1 ? span / 2 : i * span / (length - 1));
}

namespace {

int64_t rounded(double p, const std::string& how) {
  const double down = std::floor(p), up = std::ceil(p);
  if (how == "floor") return static_cast<int64_t>(down);
  if (how == "ceil") return static_cast<int64_t>(up);
  const double middle = down + 0.5;
  return static_cast<int64_t>(p < middle || (p == middle && how == "round_prefer_floor") ? down : up);
}

double kernel(const Resampling& r, double t) {
  t = std::fabs(t);
  if (r.mode == 'l') return t < 1 ? 1 - t : 0;
  const double a = r.cubic_a;
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

}  // namespace

std::vector<Taps> taps_of(const Resampling& r) {
  std::vector<Taps> all(static_cast<size_t>(r.to));
  const auto inside = [&](int64_t j) { return std::clamp<int64_t>(j, 0, r.from - 1); };
  const double scale = r.scale ? *r.scale : static_cast<double>(r.to) / static_cast<double>(r.from);
  const double narrow = r.antialias ? std::min(scale, 1.0) : 1.0;  // the kernel's argument is scaled by it
  const double reach = (r.mode == 'c' ? 2 : 1) / narrow;
  for (int64_t o = 0; o < r.to; ++o) {
    Taps& t = all[static_cast<size_t>(o)];
    const double limit = static_cast<double>(r.from) + 2 * reach + 2;  // farther away nothing changes
    const double p = std::clamp(r.place(o), -limit, limit);
    t.slack = 0x1p-21 * (std::fabs(p) + 1);
    if (r.coordinates == "tf_crop_and_resize" && (p < 0 || p > static_cast<double>(r.from - 1))) {
      t.outside = true;
      continue;
    }
    if (r.mode == 'n') {
      t.index = {inside(rounded(p, r.nearest))};
      t.weight = {1};
      t.first = inside(rounded(p - t.slack, r.nearest)), t.last = inside(rounded(p + t.slack, r.nearest));
      continue;
    }
    const auto low = static_cast<int64_t>(std::floor(p - reach)),
               high = static_cast<int64_t>(std::ceil(p + reach));
    t.first = inside(low), t.last = inside(high);
    std::map<int64_t, double> weights;
    double sum = 0;
    for (int64_t j = low; j <= high; ++j) {
      const double w = kernel(r, (static_cast<double>(j) - p) * narrow);
      if (w == 0 || (r.exclude_outside && j != inside(j))) continue;
      weights[inside(j)] += w;
      sum += w;
    }
    const bool divide = (r.antialias || r.exclude_outside) && sum != 0;
    for (const auto& [j, w] : weights)
      if (w != 0) t.index.push_back(j), t.weight.push_back(divide ? w / sum : w);
    if (t.index.empty()) t.index = {inside(static_cast<int64_t>(std::floor(p)))}, t.weight = {0};
  }
  return all;
}

}  // namespace tauto
