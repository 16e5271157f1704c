// What the error rules of several operators share: roundings of one operation, slopes, choices among inputs,
// movement.
#include "ops/error_rule.h"

#include <algorithm>
#include <cmath>

#include "ops/storage.h"

namespace tauto {
namespace {

constexpr double kUnit64 = 0x1p-53, kTiny64 = 0x1p-1074;
constexpr double kCentreUlps = 4;  // f64 roundings that a centre may have gone through: functions 2 ulp

void fit(std::vector<double>& v, size_t n) {
  if (v.empty()) v.assign(n, 0);
}

double largest_of(double a, double b) { return a != a || b != b ? num::kInf : a > b ? a : b; }

}  // namespace

Rounding rounding_of(ElementType t) {
  if (t == f64) return {kUnit64, kTiny64, std::numeric_limits<double>::max()};
  // Computed in f32, then rounded: (1 + u₁₆)(1 + u₃₂) − 1.
  if (t == f16) return {0x1p-11 + 0x1.01p-24, 0x1p-24, 65504};
  if (t == bf16) return {0x1p-8 + 0x1.02p-24, 0x1p-133, 0x1.fep127};
  return {};
}

bool ErrorRule::all_exact() const {
  for (size_t k = 0; k < in.size(); ++k)
    if (!is_exact(k)) return false;
  return true;
}

// |f(c + δ)| ≤ |centre| + reach.
void ErrorRule::add_reach(size_t i, double& magnitude) const {
  if (!reach.empty()) {
    magnitude += reach[i];
  } else {
    if (!spread.empty()) magnitude += spread[i];
    if (!bend.empty()) magnitude += bend[i];
  }
}

void ErrorRule::rounds_within(double ulps, double absolute) {
  const Rounding r = rounding_of(type.element);
  fit(own, count());
  const std::span<const double> y = result();
  for (size_t i = 0; i < y.size(); ++i) {
    double magnitude = std::fabs(y[i]);
    const double centre = kCentreUlps * kUnit64 * magnitude + kTiny64;
    add_reach(i, magnitude);
    const double e = ulps * 2 * r.unit * magnitude + absolute + r.tiny + centre;
    own[i] += magnitude + e < r.largest ? above(e) : num::kInf;
  }
  // Another implementation may take a node like these in a shorter type (docs/semantics.md, "Legal
  // executions"): one rounding and one unit in the last place of that type.
  if (const Attribute* legal = attributes.find("legal"); legal && order == Order::Any) {
    const Rounding s = rounding_of(std::get<ElementType>(*legal));
    for (size_t i = 0; i < y.size(); ++i) {
      double magnitude = std::fabs(y[i]);
      add_reach(i, magnitude);
      own[i] += above(3.001 * s.unit * magnitude + s.tiny);
    }
  }
}

void ErrorRule::rounds_once() {
  rounds_within(0.5, 0);
  if (!linear || type.element != f32 || attributes.find("legal")) return;
  // Where nothing uncertain comes in, the rounding is known: of the centre, which f64 has nearly exactly.
  const std::span<const double> y = result();
  for (size_t i = 0; i < y.size(); ++i) {
    double moved = 0;
    add_reach(i, moved);
    if (moved != 0 || !std::isfinite(own[i])) continue;
    // 0 is what it is: f64 underflows nowhere on f32.
    const double e = y[i] == 0 ? 0
                               : std::fabs(static_cast<double>(static_cast<float>(y[i])) - y[i]) +
                                     8 * kUnit64 * std::fabs(y[i]) + kTiny64;
    if (e < own[i]) own[i] = e;
  }
}

void ErrorRule::rounds_as(const math::Accuracy& ours, bool bounded) {
  const bool wide = type.element == f64;
  if (order == Order::Ours) {
    // f32 and f64 by their own trees; halves by that of f32, rounded once more.
    const double half = wide || type.element == f32 ? 0 : 0.5;
    const double u = rounding_of(type.element).unit;
    rounds_within(wide ? ours.f64_ulp : half == 0 ? ours.f32_ulp : half + ours.f32_ulp * 0x1p-24 / u, 0);
  } else {
    const double u = wide ? kUnit64 : 0x1p-24;
    rounds_within(num::kFunctionUlps + 0.5, bounded ? (num::kFunctionUlps + 1) * u : 0);
  }
}

namespace detail {

void pointwise(ErrorRule& r, SlopesAt at, SlopesOver over) {
  if (r.all_exact()) return;
  const size_t n = r.count(), operands = r.in.size();
  CHECK(operands >= 1 && operands <= 3);
  r.spread.assign(n, 0);
  r.bend.assign(n, 0);
  std::vector<LinearPart> parts(operands);
  for (size_t k = 0; k < operands; ++k) {
    parts[k].operand = static_cast<int>(k);
    parts[k].entries = static_cast<int64_t>(n);
    if (!r.linear || r.is_exact(k)) continue;
    parts[k].weight.resize(n);
    if (r.in[k].value->count() != r.centre.count()) parts[k].from.resize(n);
  }
  std::array<const Tensor*, 3> tensors;
  for (size_t k = 0; k < 3; ++k) tensors[k] = r.in[k < operands ? k : 0].value;
  for_each_broadcast<3>(r.centre.shape(), tensors, [&](int64_t out, const std::array<int64_t, 3>& from) {
    const auto i = static_cast<size_t>(out);
    double x[3] = {}, radius[3] = {}, slopes[3] = {};
    FInterval<double> region[3], range[3];
    bool moves = false;
    for (size_t k = 0; k < operands; ++k) {
      x[k] = r.in[k].centre()[static_cast<size_t>(from[k])];
      radius[k] = r.in[k].radius_at(from[k]);
      moves |= radius[k] > 0;
      region[k] = radius[k] > 0 ? FInterval<double>{num::down(x[k] - radius[k]), num::up(x[k] + radius[k])}
                                : FInterval<double>{x[k], x[k]};
    }
    if (moves) {
      at(x, slopes);
      over(region, range);
    }
    for (size_t k = 0; k < operands; ++k) {
      double slope = 0;
      if (radius[k] > 0) {
        slope = std::isfinite(slopes[k]) ? slopes[k] : 0;
        r.spread[i] += std::fabs(slope) * radius[k];
        const double off = largest_of(range[k].hi - slope, slope - range[k].lo);
        r.bend[i] += above(largest_of(off, 0) * radius[k]);
      }
      if (!parts[k].weight.empty()) parts[k].weight[i] = slope;
      if (!parts[k].from.empty()) parts[k].from[i] = static_cast<int32_t>(from[k]);
    }
    r.spread[i] = above(r.spread[i]);
  });
  for (LinearPart& p : parts)
    if (!p.weight.empty()) r.parts.push_back(std::move(p));
}

}  // namespace detail

// relu(c + δ) − J δ, J the slope at c: off by the part of the region beyond 0.
void relu_error(ErrorRule& r) {
  if (r.all_exact()) return;
  const size_t n = r.count();
  const std::span<const double> x = r.in[0].centre(), radius = r.in[0].radius;
  r.spread.assign(n, 0), r.bend.assign(n, 0), r.reach.assign(n, 0);
  LinearPart p;
  p.entries = static_cast<int64_t>(n);
  p.weight.assign(n, 0);
  for (size_t i = 0; i < n; ++i) {
    const double across = radius[i] - std::fabs(x[i]);
    const bool on = x[i] > 0;
    p.weight[i] = on;
    r.spread[i] = on ? radius[i] : 0;
    if (!(across <= 0)) {
      r.bend[i] = above(across);
      r.doubtful.emplace_back(0, i);
    }
    r.reach[i] = on ? radius[i] : r.bend[i];
  }
  r.parts.push_back(std::move(p));
}

namespace {

// What of several inputs is taken: the best at the centre; another may be, by `bend` better.
struct Choice {
  double best = -num::kInf, radius = 0;  // of the one taken; sign · value
  double second = -num::kInf;            // the most that any other may be
  double widest = 0;
  int32_t from = -1;
  int operand = 0;

  bool is_rival(double value, double radius) const { return !(value + radius <= best - this->radius); }
  void offer(double value, double radius, int operand, int64_t from) {
    widest = largest_of(widest, radius);
    if (this->from < 0 || value > best) {
      if (this->from >= 0) second = std::max(second, best + this->radius);
      best = value, this->radius = radius, this->operand = operand, this->from = static_cast<int32_t>(from);
    } else {
      second = std::max(second, value + radius);
    }
  }
  double bend() const {
    const double over = second - (best - radius);
    return over > 0 ? above(over) : over <= 0 ? 0 : num::kInf;
  }
};

void take(ErrorRule& r, std::span<const Choice> choices) {
  const size_t n = r.count();
  r.spread.assign(n, 0), r.bend.assign(n, 0), r.reach.assign(n, 0);
  std::vector<LinearPart> parts(r.in.size());
  for (size_t i = 0; i < n; ++i) {
    const Choice& c = choices[i];
    if (c.from < 0) continue;
    r.spread[i] = c.radius;
    r.bend[i] = c.bend();
    r.reach[i] = std::min(above(c.radius + r.bend[i]), c.widest);
    LinearPart& p = parts[static_cast<size_t>(c.operand)];
    p.from.push_back(c.from);
    p.to.push_back(static_cast<int32_t>(i));
    ++p.entries;
  }
  for (size_t k = 0; k < parts.size(); ++k) {
    parts[k].operand = static_cast<int>(k);
    if (!r.is_exact(k) && parts[k].entries > 0) r.parts.push_back(std::move(parts[k]));
  }
}

// `offers` calls its argument with every candidate: element of the result, sign · value, radius, operand,
// element.
template <class Offers>
void choose(ErrorRule& r, const Offers& offers) {
  std::vector<Choice> choices(r.count());
  offers([&](int64_t i, double value, double radius, int operand, int64_t from) {
    choices[static_cast<size_t>(i)].offer(value, radius, operand, from);
  });
  take(r, choices);
  if (std::all_of(r.bend.begin(), r.bend.end(), [](double b) { return b == 0; })) return;
  offers([&](int64_t i, double value, double radius, int operand, int64_t from) {
    const Choice& c = choices[static_cast<size_t>(i)];
    if (r.bend[static_cast<size_t>(i)] > 0 && c.is_rival(value, radius) &&
        !r.is_exact(static_cast<size_t>(operand)))
      r.doubtful.emplace_back(operand, from);
  });
}

}  // namespace

void extremum_error(ErrorRule& r, double sign) {
  if (r.all_exact()) return;
  choose(r, [&](const auto& offer) {
    for_each_broadcast<2>(r.centre.shape(), {r.in[0].value, r.in[1].value},
                          [&](int64_t i, const std::array<int64_t, 2>& at) {
                            for (size_t k = 0; k < 2; ++k)
                              offer(i, sign * r.in[k].centre()[static_cast<size_t>(at[k])],
                                    r.in[k].radius_at(at[k]), static_cast<int>(k), at[k]);
                          });
  });
}

void selection_error(ErrorRule& r, const TapVisitor& taps, double sign) {
  if (r.all_exact()) return;
  const std::span<const double> x = r.in[0].centre();
  choose(r, [&](const auto& offer) {
    taps([&](int64_t to, int64_t from) {
      offer(to, sign * x[static_cast<size_t>(from)], r.in[0].radius_at(from), 0, from);
    });
  });
}

void sum_error(ErrorRule& r, const TapVisitor& taps, double roundings, double terms) {
  const size_t n = r.count();
  const Rounding round = rounding_of(r.type.element);
  const bool moves = !r.is_exact(0);
  std::vector<double> magnitude(n, 0);
  r.own.assign(n, 0);
  if (moves) r.spread.assign(n, 0);
  LinearPart p;
  taps([&](int64_t to, int64_t from) {
    const auto o = static_cast<size_t>(to), i = static_cast<size_t>(from);
    magnitude[o] += r.in[0].magnitude[i] + r.in[0].radius_at(from);
    if (!moves) return;
    r.spread[o] += r.in[0].radius[i];
    if (r.linear)
      p.from.push_back(static_cast<int32_t>(from)), p.to.push_back(static_cast<int32_t>(to)), ++p.entries;
  });
  // Halves are summed in f32 and rounded once. The centre was summed in f64, in some order.
  const double unit = r.type.element == f64 ? kUnit64 : 0x1p-24;
  const double last = r.type.element == f64 || r.type.element == f32 ? 0 : round.unit;
  const double factor = gamma(roundings, unit) + gamma(terms, kUnit64);
  for (size_t i = 0; i < n; ++i) {
    const double e = (factor * (1 + last) + last) * magnitude[i];
    r.own[i] = magnitude[i] + e < round.largest ? above(e) : num::kInf;
    if (moves) r.spread[i] = above(r.spread[i]);
  }
  if (p.entries > 0) r.parts.push_back(std::move(p));
}

void movement_error(ErrorRule& r) {
  if (r.all_exact() && !r.linear) return;
  if (!r.sources) {
    std::vector<Value> numbered;
    int64_t next = 0;
    for (const ErrorRule::Operand& o : r.in) {
      if (!o.value->type().is_float()) {
        numbered.emplace_back(*o.value);
        continue;
      }
      Tensor t(i64, o.value->shape(), Rep::Ideal);
      for (int64_t i = 0; i < t.count(); ++i) t.data<int64_t>()[i] = next++;
      numbered.emplace_back(std::move(t));
    }
    CHECK(next < INT32_MAX, "more elements than a movement can number");
    const Type type = Type::tensor(i64, r.type.dims);
    EvalContext c(r.op, r.attributes, numbered, type, Rep::Ideal);
    r.op.eval(c);
    const std::span<const int64_t> from = c.out.tensor.values<int64_t>();
    r.sources = std::make_shared<const std::vector<int32_t>>(from.begin(), from.end());
  }
  if (r.all_exact()) return;
  const std::vector<int32_t>& from = *r.sources;
  r.spread.assign(r.count(), 0);
  int64_t first = 0;
  for (size_t k = 0; k < r.in.size(); ++k) {
    if (!r.in[k].value->type().is_float()) continue;
    const int64_t end = first + r.in[k].value->count();
    if (!r.is_exact(k)) {
      LinearPart p;
      p.operand = static_cast<int>(k);
      for (size_t i = 0; i < from.size(); ++i) {
        if (from[i] < first || from[i] >= end) continue;
        r.spread[i] = r.in[k].radius_at(from[i] - first);
        if (!r.linear) continue;
        p.from.push_back(static_cast<int32_t>(from[i] - first));
        p.to.push_back(static_cast<int32_t>(i));
        ++p.entries;
      }
      if (p.entries > 0) r.parts.push_back(std::move(p));
    }
    first = end;
  }
}

}  // namespace tauto
