// Intervals: the set of results which any *legal* execution of an operator may give.
//
// Legal means: each operation may be rounded to its format or kept exact (fused), sums taken in any order,
// elementary functions within kFunctionUlps of the true value. FInterval<float> holds f32 (f16, bf16 are
// narrowed afterwards), FInterval<double> f64; both store two doubles, rounded outward. [-inf, inf] includes
// NaN; [NaN, NaN] is NaN surely. IInterval holds integers (exact, int64; u64 above 2^63-1 saturates to
// "anything") and bools (0, 1).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "graph/element_type.h"

namespace tauto {

template <class T>
struct FInterval {
  double lo = 0, hi = 0;
};

struct IInterval {
  int64_t lo = 0, hi = 0;
};

}  // namespace tauto

namespace tauto::num {

// An outside implementation of exp, tanh, erf … is granted this many ulps, and bounded functions (|f| <= 1)
// the same multiple of 2^-24 absolutely: vector libraries clamp them near their limits.
inline constexpr double kFunctionUlps = 8;

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline double down(double x) { return std::nextafter(x, -kInf); }
inline double up(double x) { return std::nextafter(x, kInf); }

template <class T>
FInterval<T> anything() {
  return {-kInf, kInf};
}
template <class T>
bool is_nan_surely(FInterval<T> x) {
  return x.lo != x.lo;
}
template <class T>
bool is_anything(FInterval<T> x) {
  return x.lo == -kInf && x.hi == kInf;
}

// The exact or the rounded value of an operation whose exact value lies in [lo, hi] (already rounded
// outward).
template <class T>
FInterval<T> rounded(double lo, double hi) {
  if (lo != lo || hi != hi) return anything<T>();
  const double rlo = static_cast<double>(static_cast<T>(lo)), rhi = static_cast<double>(static_cast<T>(hi));
  return {rlo < lo ? rlo : lo, rhi > hi ? rhi : hi};
}

template <class T>
FInterval<T> like(FInterval<T>, double v) {
  return {v, v};
}
inline IInterval like(IInterval, double v) { return {static_cast<int64_t>(v), static_cast<int64_t>(v)}; }

// A result that any argument's NaN-ness decides: NaN surely, or nothing decided (false).
template <class T>
bool nan_rule(FInterval<T> a, FInterval<T> b, FInterval<T>& r) {
  if (is_nan_surely(a) || is_nan_surely(b)) {
    r = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    return true;
  }
  if (is_anything(a) || is_anything(b)) {
    r = anything<T>();
    return true;
  }
  return false;
}

template <class T>
FInterval<T> negate(FInterval<T> x) {
  return {-x.hi, -x.lo};
}
template <class T>
FInterval<T> add(FInterval<T> a, FInterval<T> b) {
  FInterval<T> r;
  if (nan_rule(a, b, r)) return r;
  const double lo = a.lo + b.lo, hi = a.hi + b.hi;
  if (lo != lo && hi != hi && a.lo == a.hi && b.lo == b.hi) return {lo, hi};  // inf - inf of points: NaN
  return rounded<T>(lo == lo && std::isfinite(lo) ? down(lo) : lo, std::isfinite(hi) ? up(hi) : hi);
}
template <class T>
FInterval<T> multiply(FInterval<T> a, FInterval<T> b);
template <class T>
FInterval<T> divide(FInterval<T> a, FInterval<T> b);
template <class T>
FInterval<T> fma(FInterval<T> a, FInterval<T> b, FInterval<T> c) {
  return add(multiply(a, b), c);
}
extern template FInterval<float> multiply(FInterval<float>, FInterval<float>);
extern template FInterval<double> multiply(FInterval<double>, FInterval<double>);
extern template FInterval<float> divide(FInterval<float>, FInterval<float>);
extern template FInterval<double> divide(FInterval<double>, FInterval<double>);

template <class T>
FInterval<T> max(FInterval<T> a, FInterval<T> b) {
  FInterval<T> r;
  if (nan_rule(a, b, r)) return r;
  return {a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}
template <class T>
FInterval<T> min(FInterval<T> a, FInterval<T> b) {
  return negate(max(negate(a), negate(b)));
}
template <class T>
FInterval<T> abs(FInterval<T> x) {
  if (is_nan_surely(x) || is_anything(x)) return x;
  const double l = std::fabs(x.lo), h = std::fabs(x.hi);
  if (x.lo <= 0 && x.hi >= 0) return {0, l > h ? l : h};
  return l < h ? FInterval<T>{l, h} : FInterval<T>{h, l};
}
template <class T>
FInterval<T> hull(FInterval<T> a, FInterval<T> b) {
  if (is_nan_surely(a) && is_nan_surely(b)) return a;
  if (is_nan_surely(a) || is_nan_surely(b)) return anything<T>();
  return {a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}
inline IInterval hull(IInterval a, IInterval b) {
  return {a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}
template <class I>
I select(IInterval c, I a, I b) {
  return c.lo == c.hi ? (c.lo ? a : b) : hull(a, b);
}

// Comparisons: {1,1}, {0,0} or undecided {0,1}.
inline IInterval truth(bool surely, bool possibly) { return {surely ? 1 : 0, possibly ? 1 : 0}; }
template <class T>
IInterval less(FInterval<T> a, FInterval<T> b) {
  if (is_nan_surely(a) || is_nan_surely(b)) return {0, 0};
  return truth(a.hi < b.lo && !is_anything(a) && !is_anything(b), a.lo < b.hi);
}
template <class T>
IInterval less_equal(FInterval<T> a, FInterval<T> b) {
  if (is_nan_surely(a) || is_nan_surely(b)) return {0, 0};
  return truth(a.hi <= b.lo && !is_anything(a) && !is_anything(b), a.lo <= b.hi);
}
template <class T>
IInterval equal(FInterval<T> a, FInterval<T> b) {
  if (is_nan_surely(a) || is_nan_surely(b)) return {0, 0};
  return truth(a.lo == a.hi && b.lo == b.hi && a.lo == b.lo, a.lo <= b.hi && b.lo <= a.hi);
}
// "Anything": also u64 above 2^63-1, so its ends decide nothing.
inline IInterval any_int() { return {INT64_MIN, INT64_MAX}; }
inline bool is_any(IInterval a) { return a.lo == INT64_MIN && a.hi == INT64_MAX; }
inline IInterval less(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return {0, 1};
  return truth(a.hi < b.lo, a.lo < b.hi);
}
inline IInterval less_equal(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return {0, 1};
  return truth(a.hi <= b.lo, a.lo <= b.hi);
}
inline IInterval equal(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return {0, 1};
  return truth(a.lo == a.hi && b.lo == b.hi && a.lo == b.lo, a.lo <= b.hi && b.lo <= a.hi);
}
inline IInterval logical_not(IInterval a) { return {1 - a.hi, 1 - a.lo}; }
inline IInterval logical_and(IInterval a, IInterval b) { return {a.lo & b.lo, a.hi & b.hi}; }
inline IInterval logical_or(IInterval a, IInterval b) { return {a.lo | b.lo, a.hi | b.hi}; }
inline IInterval logical_xor(IInterval a, IInterval b) {
  return a.lo == a.hi && b.lo == b.hi ? IInterval{a.lo ^ b.lo, a.lo ^ b.lo} : IInterval{0, 1};
}
template <class T>
IInterval is_nan(FInterval<T> x) {
  return truth(is_nan_surely(x), is_nan_surely(x) || is_anything(x));
}
template <class T>
IInterval is_infinite(FInterval<T> x) {
  return truth(x.lo == x.hi && std::isinf(x.lo), std::isinf(x.lo) || std::isinf(x.hi));
}

// Integer arithmetic: exact; what leaves int64 is anything. Wrapping to narrower types happens on storing.
IInterval add(IInterval a, IInterval b);
IInterval negate(IInterval a);
IInterval multiply(IInterval a, IInterval b);
IInterval divide(IInterval a, IInterval b);  // truncating, x/0 = 0
IInterval remainder(IInterval a, IInterval b);
IInterval modulo(IInterval a, IInterval b);
IInterval abs(IInterval a);
inline IInterval fma(IInterval a, IInterval b, IInterval c) { return add(multiply(a, b), c); }
inline IInterval max(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return any_int();
  return {a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}
inline IInterval min(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return any_int();
  return {a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi};
}
// Bit operations are decided for points only.
#define TAUTO_POINTWISE(name, expression)               \
  inline IInterval name(IInterval a, IInterval b) {     \
    if (a.lo != a.hi || b.lo != b.hi) return any_int(); \
    const int64_t x = a.lo, y = b.lo, r = (expression); \
    return {r, r};                                      \
  }
TAUTO_POINTWISE(bit_and, x& y)
TAUTO_POINTWISE(bit_or, x | y)
TAUTO_POINTWISE(bit_xor, x ^ y)
TAUTO_POINTWISE(shift_left, y < 0 || y >= 64 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x) << y))
TAUTO_POINTWISE(shift_right, y < 0 || y >= 64 ? (x < 0 ? -1 : 0) : x >> y)
#undef TAUTO_POINTWISE
inline IInterval bit_not(IInterval a) { return {~a.hi, ~a.lo}; }
inline IInterval count_bits(IInterval) { return {0, 64}; }

template <class T>
FInterval<T> sign(FInterval<T> x) {
  if (is_nan_surely(x) || is_anything(x)) return x;
  const auto of = [](double v) { return v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0; };
  return {of(x.lo), of(x.hi)};
}
inline IInterval sign(IInterval x) { return {(x.lo > 0) - (x.lo < 0), (x.hi > 0) - (x.hi < 0)}; }

// f non-decreasing: the enclosure from its values at the ends, each of the given relative and absolute error.
template <class T, class F>
FInterval<T> monotone(FInterval<T> x, F f, double ulps, double absolute = 0) {
  if (is_nan_surely(x) || is_anything(x)) return x;
  const double u = std::numeric_limits<T>::epsilon();
  const auto widen = [&](double y, double sign) {
    if (!std::isfinite(y)) return y;
    return y + sign * (ulps * u * std::fabs(y) + absolute +
                       static_cast<double>(std::numeric_limits<T>::denorm_min()));
  };
  double lo = f(x.lo), hi = f(x.hi);
  // Overflow of f64 at a finite end: the true value is finite.
  if (lo == kInf && x.lo < kInf) lo = std::numeric_limits<double>::max();
  if (hi == -kInf && x.hi > -kInf) hi = -std::numeric_limits<double>::max();
  if (lo != lo || hi != hi) return x.lo == x.hi ? FInterval<T>{lo, hi} : anything<T>();
  return rounded<T>(widen(lo, -1), widen(hi, 1));
}
// Exact step functions (floor, ceil …): no error.
template <class T, class F>
FInterval<T> step(FInterval<T> x, F f) {
  return is_nan_surely(x) ? x : FInterval<T>{f(x.lo), f(x.hi)};
}

template <class T>
FInterval<T> floor(FInterval<T> x) {
  return step(x, [](double v) { return std::floor(v); });
}
template <class T>
FInterval<T> ceil(FInterval<T> x) {
  return step(x, [](double v) { return std::ceil(v); });
}
template <class T>
FInterval<T> truncate(FInterval<T> x) {
  return step(x, [](double v) { return std::trunc(v); });
}
template <class T>
FInterval<T> round_even(FInterval<T> x) {
  return step(x, [](double v) { return std::nearbyint(v); });
}
template <class T>
FInterval<T> sqrt(FInterval<T> x) {
  if (x.lo == x.hi)
    return monotone(
        x, [](double v) { return std::sqrt(v); }, 0.5 + 1e-8);
  if (x.lo < 0) return anything<T>();
  return monotone(
      x, [](double v) { return std::sqrt(v); }, 0.5 + 1e-8);
}
template <class T>
FInterval<T> remainder(FInterval<T> a, FInterval<T> b) {
  if (a.lo != a.hi || b.lo != b.hi) return anything<T>();
  const double r = std::fmod(a.lo, b.lo);
  return {r, r};
}
template <class T>
FInterval<T> modulo(FInterval<T> a, FInterval<T> b) {
  if (a.lo != a.hi || b.lo != b.hi) return anything<T>();
  double r = std::fmod(a.lo, b.lo);
  if (r != 0 && ((r < 0) != (b.lo < 0))) r += b.lo;
  return rounded<T>(r, r);
}

}  // namespace tauto::num

namespace tauto {  // operators, so that a reference may write x + y
template <class T>
FInterval<T> operator+(FInterval<T> a, FInterval<T> b) {
  return num::add(a, b);
}
template <class T>
FInterval<T> operator-(FInterval<T> a, FInterval<T> b) {
  return num::add(a, num::negate(b));
}
template <class T>
FInterval<T> operator*(FInterval<T> a, FInterval<T> b) {
  return num::multiply(a, b);
}
inline IInterval operator+(IInterval a, IInterval b) { return num::add(a, b); }
inline IInterval operator-(IInterval a, IInterval b) { return num::add(a, num::negate(b)); }
inline IInterval operator*(IInterval a, IInterval b) { return num::multiply(a, b); }
}  // namespace tauto
