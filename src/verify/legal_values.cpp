// Bounds of rules as intervals, and elements against intervals.
#include "verify/legal_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/number.h"
#include "support/float_environment.h"
#include "verify/decision.h"
#include "verify/node_check.h"

namespace tauto::equivalence {
namespace {

using F = FInterval<double>;

template <class T>
Tensor narrowed(const Tensor& t) {
  Tensor r(t.type(), t.shape());
  for (int64_t i = 0; i < t.count(); ++i) r.data<T>()[i] = T(static_cast<float>(t.data<F>()[i].lo));
  return r;
}

std::optional<Tensor> points_of(const Tensor& t) {
  const ElementType e = t.type();
  if (t.rep() != Rep::Interval || e.is_string()) return t;
  if (e.is_small_float()) return std::nullopt;  // several codes have one value
  if (e.is_float()) {
    for (int64_t i = 0; i < t.count(); ++i)
      if (const F x = t.data<F>()[i]; !(x.lo == x.hi || (x.lo != x.lo && x.hi != x.hi))) return std::nullopt;
    if (e == f16) return narrowed<Half>(t);
    if (e == bf16) return narrowed<BFloat>(t);
    if (e == f32) return narrowed<float>(t);
    Tensor r(e, t.shape());
    for (int64_t i = 0; i < t.count(); ++i) r.data<double>()[i] = t.data<F>()[i].lo;
    return r;
  }
  Tensor r(e, t.shape());
  for (int64_t i = 0; i < t.count(); ++i) {
    const IInterval x = t.data<IInterval>()[i];
    if (x.lo != x.hi || (e == u64 && x.hi == INT64_MAX)) return std::nullopt;
    // The lowest bytes of the two's complement are the element.
    std::memcpy(static_cast<char*>(r.raw()) + i * r.element_bytes(), &x.lo,
                static_cast<size_t>(r.element_bytes()));
  }
  return r;
}

}  // namespace

Value legal_values(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Order order,
                   Env& env) {
  const FloatEnvironment environment;
  const Node& n = f.node(id);
  InterpretOptions options;
  options.rep = Rep::Interval;
  const FunctionCall call = [&](const std::string& name, std::vector<Value>) -> std::vector<Value> {
    fail("@", name, ": bodies are not followed here");
  };
  const bool ruled = n.op->error && n.type.is_tensor() && n.type.element.is_float() &&
                     std::all_of(in.begin(), in.end(), [](const Value& v) { return v.is_tensor(); });
  if (ruled) {
    const NodeBound b = node_bound(m, f, id, in, order, env);
    const Tensor& centre = b.ideal.tensor;
    const std::vector<double>& own = b.bound.at(0);
    bool finite = own.size() == static_cast<size_t>(centre.count());
    Tensor legal(centre.type(), centre.shape(), Rep::Interval);
    for (size_t i = 0; finite && i < own.size(); ++i) {
      const double c = centre.data<double>()[i];
      finite = std::isfinite(c) && std::isfinite(own[i]);
      legal.data<F>()[i] = own[i] == 0 ? F{c, c} : F{num::down(c - own[i]), num::up(c + own[i])};
    }
    if (finite) {
      unify(n.type, type_of(b.ideal), env);
      return Value(std::move(legal));
    }
  }
  std::vector<Value> intervals;
  for (const Value& v : in) intervals.push_back(to_rep(v, Rep::Interval));
  return evaluate_node(m, f, id, std::move(intervals), env, options, call);
}

double ulp_of(double v, ElementType e) {
  const int bits = e == f64 ? 52 : e == f16 ? 10 : e == bf16 ? 7 : 23;
  const int least = e == f64 ? -1074 : e == f16 ? -24 : e == bf16 ? -133 : -149;
  return v == 0 ? std::ldexp(1.0, least) : std::ldexp(1.0, std::max(std::ilogb(v) - bits, least));
}

size_t ulp_bin(double value, double other, ElementType e) {
  const double distance = std::fabs(value - other) / ulp_of(std::max(std::fabs(value), std::fabs(other)), e);
  if (!(distance >= 0.5)) return distance == distance ? 0 : 11;
  const int power = static_cast<int>(std::ceil(std::log2(std::max(1.0, std::floor(distance + 0.5)))));
  return static_cast<size_t>(std::min(power + 1, 11));
}

void Deviation::add(const Deviation& other) {
  Deviation both = says_nothing() || (other.ratio > ratio && !other.says_nothing()) ? other : *this;
  both.elements = elements + other.elements;
  both.outside = outside + other.outside;
  both.unbounded = unbounded + other.unbounded;
  both.largest = std::max(largest, other.largest);
  both.scale = std::max(scale, other.scale);
  for (size_t k = 0; k < ulps.size(); ++k) both.ulps[k] = ulps[k] + other.ulps[k];
  if (both.reason.empty()) both.reason = reason.empty() ? other.reason : reason;
  *this = std::move(both);
}

Deviation deviation(const Tensor& legal, const Tensor& given, const Tensor& computed) {
  Deviation d;
  if (legal.shape() != given.shape() || legal.type() != given.type()) {
    d.reason = cat("required ", type_of(legal), ", got ", type_of(given));
    d.outside = 1;
    d.ratio = num::kInf;
    return d;
  }
  if (legal.type().is_string() || legal.type().is_small_float()) return d;  // not compared
  const std::vector<double> v = as_doubles(given);
  for (size_t i = 0; i < v.size(); ++i) {
    if (computed.defined() && !computed.data<bool>()[i]) continue;
    F x;
    if (legal.type().is_float()) {
      x = legal.data<F>()[i];
    } else {
      const IInterval k = legal.data<IInterval>()[i];
      x = {static_cast<double>(k.lo), static_cast<double>(k.hi)};
    }
    ++d.elements;
    const bool is_float = legal.type().is_float(), unbounded = is_float && num::is_anything(x);
    d.unbounded += unbounded;
    const double middle = x.lo == x.hi ? x.lo : x.lo / 2 + x.hi / 2;
    if (is_float && !unbounded) ++d.ulps[ulp_bin(v[i], middle, legal.type())];
    bool inside = v[i] >= x.lo && v[i] <= x.hi;
    if (std::isnan(v[i])) inside = num::is_nan_surely(x) || num::is_anything(x);
    const double half = x.hi / 2 - x.lo / 2, error = inside && !(half > 0) ? 0 : std::fabs(v[i] - middle);
    if (std::isfinite(middle)) d.scale = std::max(d.scale, std::fabs(middle));
    if (std::isfinite(error)) d.largest = std::max(d.largest, error);
    double ratio = inside && !(half > 0 && std::isfinite(half)) ? 0 : error / half;
    if (inside) ratio = std::min(ratio, 1.0);
    if (!inside) {
      ++d.outside;
      ratio = ratio > 1 ? ratio : std::nextafter(1.0, 2.0);  // also where it is NaN
      if (half == 0 || !std::isfinite(v[i])) ratio = num::kInf;
    }
    if (d.at < 0 || ratio > d.ratio)
      d.ratio = ratio, d.error = error, d.bound = half, d.value = v[i], d.middle = middle,
      d.at = static_cast<int64_t>(i);
  }
  return d;
}

std::optional<Value> points_of(const Value& v) {
  if (v.is_tensor()) {
    if (std::optional<Tensor> t = points_of(v.tensor)) return Value(std::move(*t));
    return std::nullopt;
  }
  Value r = v;
  for (Value& part : r.parts) {
    std::optional<Value> p = points_of(part);
    if (!p) return std::nullopt;
    part = std::move(*p);
  }
  return r;
}

}  // namespace tauto::equivalence
