// Enclosures of the elementary functions. Most are monotone; the others are cut at their extrema.
#include "ops/functions.h"

#include <algorithm>

namespace tauto::num {
namespace {

constexpr double kPi = 3.14159265358979323846;

// The slack of functions bounded by 1.
template <class T>
constexpr double kBounded = kFunctionUlps* std::numeric_limits<T>::epsilon() / 2;

template <class T, class F>
FInterval<T> increasing(FInterval<T> x, F f, double absolute = 0) {
  return monotone(x, f, kFunctionUlps, absolute);
}

// Whether [lo, hi] may hold a point phase + k period.
bool may_hold(double lo, double hi, double phase, double period) {
  constexpr double kMargin = 1e-6;  // above the error of these quotients for |x| < 2^30
  return std::floor((hi + kMargin - phase) / period) > std::floor((lo - kMargin - phase) / period);
}

template <class T>
bool is_tame(FInterval<T> x) {
  return x.lo > -0x1p30 && x.hi < 0x1p30;
}

// f with maxima of 1 at phase + 2πk and minima of -1 halfway between.
template <class T, class F>
FInterval<T> wave(FInterval<T> x, F f, double phase) {
  if (is_nan_surely(x) || x.lo == x.hi) return increasing(x, f, kBounded<T>);
  if (std::isinf(x.lo) || std::isinf(x.hi)) return anything<T>();
  const bool tame = is_tame(x);
  const auto a = increasing(FInterval<T>{x.lo, x.lo}, f, kBounded<T>);
  const auto b = increasing(FInterval<T>{x.hi, x.hi}, f, kBounded<T>);
  FInterval<T> r = hull(a, b);
  if (!tame || may_hold(x.lo, x.hi, phase, 2 * kPi)) r.hi = 1 + kBounded<T>;
  if (!tame || may_hold(x.lo, x.hi, phase + kPi, 2 * kPi)) r.lo = -1 - kBounded<T>;
  return r;
}

}  // namespace

#define TAUTO_INCREASING(name, absolute)                      \
  template <class T>                                          \
  FInterval<T> name(FInterval<T> x) {                         \
    return increasing(                                        \
        x, [](double v) { return math::name(v); }, absolute); \
  }
TAUTO_INCREASING(exp, 0)
TAUTO_INCREASING(expm1, 0)
TAUTO_INCREASING(log, 0)
TAUTO_INCREASING(log1p, 0)
TAUTO_INCREASING(asin, 0)
TAUTO_INCREASING(atan, 0)
TAUTO_INCREASING(sinh, 0)
TAUTO_INCREASING(asinh, 0)
TAUTO_INCREASING(acosh, 0)
TAUTO_INCREASING(atanh, 0)
TAUTO_INCREASING(tanh, kBounded<T>)
TAUTO_INCREASING(erf, kBounded<T>)
TAUTO_INCREASING(sigmoid, kBounded<T>)
#undef TAUTO_INCREASING

template <class T>
FInterval<T> acos(FInterval<T> x) {
  return negate(increasing(x, [](double v) { return -math::acos(v); }));
}
template <class T>
FInterval<T> cosh(FInterval<T> x) {
  return increasing(abs(x), [](double v) { return math::cosh(v); });
}
template <class T>
FInterval<T> sin(FInterval<T> x) {
  return wave(
      x, [](double v) { return math::sin(v); }, kPi / 2);
}
template <class T>
FInterval<T> cos(FInterval<T> x) {
  return wave(
      x, [](double v) { return math::cos(v); }, 0);
}
// Increasing between its poles.
template <class T>
FInterval<T> tan(FInterval<T> x) {
  if (!is_nan_surely(x) && x.lo != x.hi && (!is_tame(x) || may_hold(x.lo, x.hi, kPi / 2, kPi)))
    return anything<T>();
  return increasing(x, [](double v) { return math::tan(v); });
}

// For x >= 0, x^y is monotone in x and in y: the corners of the box decide. A negative x needs an integer y.
// Intervals do not know the sign of a zero, so 0 to a negative power is undecided.
template <class T>
FInterval<T> pow(FInterval<T> x, FInterval<T> y) {
  const auto has_zero = [](FInterval<T> v) { return v.lo <= 0 && v.hi >= 0; };
  const auto is_point = [](FInterval<T> v) { return v.lo == v.hi; };
  if ((is_point(y) && y.lo == 0) || (is_point(x) && x.lo == 1)) return {1, 1};
  FInterval<T> r;
  if (nan_rule(x, y, r)) {
    const bool may_be_one = (is_nan_surely(x) && has_zero(y)) || (is_nan_surely(y) && x.lo <= 1 && x.hi >= 1);
    return may_be_one ? anything<T>() : r;
  }
  const double n = y.lo;
  const bool integer = is_point(y) && std::isfinite(n) && std::nearbyint(n) == n;
  const bool odd = integer && std::fmod(n, 2) != 0;
  if (has_zero(x) && y.lo < 0 && !(integer && !odd)) return anything<T>();
  if (x.lo < 0) {
    if (integer && !odd)
      x = abs(x);
    else if (!integer && !is_point(x))
      return anything<T>();
  }
  const auto corner = [](double a, double b) {
    return increasing(FInterval<T>{a, a}, [b](double v) { return math::pow(v, b); });
  };
  r = hull(hull(corner(x.lo, y.lo), corner(x.lo, y.hi)), hull(corner(x.hi, y.lo), corner(x.hi, y.hi)));
  return r;
}

#define TAUTO_INSTANTIATE(name)                     \
  template FInterval<float> name(FInterval<float>); \
  template FInterval<double> name(FInterval<double>);
TAUTO_FUNCTIONS(TAUTO_INSTANTIATE)
#undef TAUTO_INSTANTIATE
template FInterval<float> pow(FInterval<float>, FInterval<float>);
template FInterval<double> pow(FInterval<double>, FInterval<double>);

}  // namespace tauto::num
