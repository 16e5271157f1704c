// Ranges from the leaves up, and sums of weights.
#include "passes/attainable.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/ops.h"

namespace tauto {
namespace {

constexpr int kDepth = 24;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kMost = int64_t{1} << 62;
constexpr double kWhole = 1LL << 53;

// Numbers between two bounds, and perhaps NaN.
struct Range {
  double low = -kInfinity, high = kInfinity;
  bool nan = true;
};

Range of_type(ElementType e) {
  if (e.is_bool()) return {0, 1, false};
  if (!e.is_integer()) return {};
  return {static_cast<double>(e.min_value()), static_cast<double>(e.max_value()), false};
}

Range of_constant(const Tensor& t) {
  if (t.count() == 0) return of_type(t.type());
  if (t.type() == f32) {
    Range r{kInfinity, -kInfinity, false};
    for (const float v : t.values<float>()) {
      if (v != v)
        r.nan = true;
      else
        r.low = std::min<double>(r.low, v), r.high = std::max<double>(r.high, v);
    }
    return r;
  }
  if (!(t.type().is_integer() || t.type().is_bool()) || t.type() == u64) return of_type(t.type());
  const std::vector<int64_t> v = t.as_ints();
  const auto [low, high] = std::minmax_element(v.begin(), v.end());
  return {static_cast<double>(*low), static_cast<double>(*high), false};
}

Range range(const NodeOf& node, Id id, int depth) {
  const Node& n = node(id);
  if (!n.type.is_tensor()) return {};
  const ElementType e = n.type.element;
  if (const Tensor* t = constant_value(n)) return of_constant(*t);
  if (depth == 0 || n.inputs.empty()) return of_type(e);
  const auto in = [&](size_t i) { return range(node, n.inputs[i], depth - 1); };
  const auto if_it_fits = [&](Range r) {  // what leaves the type wraps
    const Range all = of_type(e);
    return e.is_integer() && (r.low < all.low || r.high > all.high) ? all : r;
  };
  if (n.op == &ops::max || n.op == &ops::min) {
    const Range a = in(0), b = in(1);
    const bool is_max = n.op == &ops::max;
    return {is_max ? std::max(a.low, b.low) : std::min(a.low, b.low),
            is_max ? std::max(a.high, b.high) : std::min(a.high, b.high), a.nan || b.nan};
  }
  if (n.op == &ops::round || n.op == &ops::floor || n.op == &ops::ceil || n.op == &ops::trunc) {
    Range r = in(0);
    return {std::floor(r.low), std::ceil(r.high), r.nan};
  }
  if (n.op == &ops::where) {
    const Range a = in(1), b = in(2);
    return {std::min(a.low, b.low), std::max(a.high, b.high), a.nan || b.nan};
  }
  if (n.op == &ops::cast) {
    const Range r = in(0);
    const ElementType from = node(n.inputs[0]).type.element;
    if (e.is_bool()) return of_type(e);
    if (e.is_float())
      return from.is_integer() && e == f32 && from.bits <= 32
                 ? Range{static_cast<float>(r.low), static_cast<float>(r.high), r.nan}
                 : Range{};
    if (!e.is_integer()) return {};
    if (from.is_integer() || from.is_bool()) return if_it_fits(r);
    if (e.bits < 8) return of_type(e);
    // Truncated toward zero, then saturated; NaN gives 0.
    const Range all = of_type(e);
    Range t{std::clamp(std::trunc(r.low), all.low, all.high),
            std::clamp(std::trunc(r.high), all.low, all.high), false};
    if (r.nan) t.low = std::min(t.low, 0.0), t.high = std::max(t.high, 0.0);
    return t;
  }
  if (n.op == &ops::reshape || n.op == &ops::transpose || n.op == &ops::expand || n.op == &ops::squeeze ||
      n.op == &ops::unsqueeze || n.op == &ops::slice || n.op == &ops::gather)
    return in(0);
  if (e.is_integer() && e.bits <= 32 && (n.op == &ops::add || n.op == &ops::sub || n.op == &ops::mul)) {
    const Range a = in(0), b = in(1);
    if (n.op == &ops::add) return if_it_fits({a.low + b.low, a.high + b.high, false});
    if (n.op == &ops::sub) return if_it_fits({a.low - b.high, a.high - b.low, false});
    const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
    return if_it_fits({low, high, false});
  }
  return of_type(e);
}

bool is_plain(const AxisIndex& x) {
  return x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1;
}

}  // namespace

IntegerRange range_of(const NodeOf& node, Id id) {
  const Range r = range(node, id, kDepth);
  constexpr auto kLeast = std::numeric_limits<int64_t>::min(), kLargest = std::numeric_limits<int64_t>::max();
  return {r.low < -kWhole ? kLeast : static_cast<int64_t>(r.low),
          r.high > kWhole ? kLargest : static_cast<int64_t>(r.high)};
}

IntegerRange Accumulators::hull() const {
  IntegerRange r = range.front();
  for (const IntegerRange& n : range) r = {std::min(r.low, n.low), std::max(r.high, n.high)};
  return r;
}

int64_t Accumulators::largest() const { return *std::max_element(most.begin(), most.end()); }

std::optional<Accumulators> accumulators_of(const Access& access, size_t data, const IntegerRange& x,
                                            const Tensor& weights) {
  const std::vector<AxisIndex>&of_w = access.operands[1 - data], &of_x = access.operands[data];
  const int64_t n = weights.count();
  if (n == 0 || x.low < -kWhole || x.high > kWhole) return std::nullopt;
  // The strides of a neuron's number along the dims of w; what only x walks repeats each term.
  Accumulators r;
  r.shape.assign(static_cast<size_t>(access.outputs), 1);
  std::vector<bool> in_w(access.axes.size(), false);
  for (size_t d = 0; d < of_w.size(); ++d) {
    if (!is_plain(of_w[d])) return std::nullopt;
    const auto axis = static_cast<size_t>(of_w[d].terms[0].axis);
    if (in_w[axis]) return std::nullopt;
    in_w[axis] = true;
    if (axis < r.shape.size()) r.shape[axis] = weights.dim(static_cast<int64_t>(d));
  }
  int64_t repeated = 1, neurons = 1;
  for (size_t i = r.shape.size(); i < access.axes.size(); ++i) {
    const auto extent = access.extents[i].as_literal();
    if (!extent || *extent < 0 || *extent > kWhole) return std::nullopt;
    if (!in_w[i] && __builtin_mul_overflow(repeated, *extent, &repeated)) return std::nullopt;
  }
  std::vector<int64_t> stride_of(access.axes.size(), 0);
  for (size_t i = r.shape.size(); i-- > 0;) stride_of[i] = neurons, neurons *= r.shape[i];
  r.range.resize(static_cast<size_t>(neurons));
  r.most.resize(static_cast<size_t>(neurons));
  const bool may_miss = !std::all_of(of_x.begin(), of_x.end(), is_plain);
  const IntegerRange reach =
      may_miss ? IntegerRange{std::min<int64_t>(x.low, 0), std::max<int64_t>(x.high, 0)} : x;
  const std::vector<int64_t> w = weights.as_ints();
  std::vector<int64_t> at(of_w.size(), 0);
  for (int64_t i = 0; i < n; ++i) {
    size_t neuron = 0;
    for (size_t d = 0; d < of_w.size(); ++d)
      neuron += static_cast<size_t>(at[d] * stride_of[static_cast<size_t>(of_w[d].terms[0].axis)]);
    int64_t a = 0, b = 0;
    if (__builtin_mul_overflow(w[static_cast<size_t>(i)], reach.low, &a) ||
        __builtin_mul_overflow(w[static_cast<size_t>(i)], reach.high, &b) ||
        __builtin_mul_overflow(a, repeated, &a) || __builtin_mul_overflow(b, repeated, &b) ||
        std::max(std::abs(a), std::abs(b)) >= kMost)
      return std::nullopt;
    IntegerRange& sum = r.range[neuron];
    sum = {sum.low + std::min(a, b), sum.high + std::max(a, b)};
    int64_t& most = r.most[neuron];
    most += std::max(std::abs(a), std::abs(b));
    if (most >= kMost) return std::nullopt;
    for (size_t d = of_w.size(); d-- > 0 && ++at[d] == weights.dim(static_cast<int64_t>(d));) at[d] = 0;
  }
  return r;
}

std::optional<Accumulators> accumulators_of(const NodeOf& node, Id id) {
  const Node& n = node(id);
  if (n.op != &ops::contract || n.attributes.flag("bits") || !n.type.element.is_integer() ||
      n.type.element.bits > 32)
    return std::nullopt;
  for (const size_t data : {size_t{0}, size_t{1}}) {
    const std::optional<Tensor> weights = known_constant(node, n.inputs[1 - data]);
    if (!weights) continue;
    const auto r =
        accumulators_of(n.attributes.get<Access>("access"), data, range_of(node, n.inputs[data]), *weights);
    if (r && -r->largest() >= n.type.element.min_value() &&
        r->largest() <= static_cast<int64_t>(n.type.element.max_value()))
      return r;
  }
  return std::nullopt;
}

}  // namespace tauto
