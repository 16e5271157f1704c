// Interval multiplication and division, and integer intervals.
#include "ops/interval.h"

#include <algorithm>

namespace tauto::num {
namespace {

// Whether some point of a times some point of b is 0·inf.
template <class T>
bool may_be_zero_times_infinity(FInterval<T> a, FInterval<T> b) {
  const auto zero = [](FInterval<T> x) { return x.lo <= 0 && x.hi >= 0; };
  const auto infinite = [](FInterval<T> x) { return std::isinf(x.lo) || std::isinf(x.hi); };
  return (zero(a) && infinite(b)) || (zero(b) && infinite(a));
}

__int128 clamp_to_int64(__int128 v, bool& out) {
  out |= v < INT64_MIN || v > INT64_MAX;
  return v;
}

IInterval of_corners(std::initializer_list<__int128> corners) {
  bool out = false;
  __int128 lo = *corners.begin(), hi = lo;
  for (__int128 c : corners) {
    clamp_to_int64(c, out);
    lo = std::min(lo, c), hi = std::max(hi, c);
  }
  if (out) return any_int();
  return {static_cast<int64_t>(lo), static_cast<int64_t>(hi)};
}

}  // namespace

template <class T>
FInterval<T> multiply(FInterval<T> a, FInterval<T> b) {
  FInterval<T> r;
  if (nan_rule(a, b, r)) return r;
  if (a.lo == a.hi && b.lo == b.hi) {
    const double p = a.lo * b.lo;
    if (p != p || std::isinf(p)) return p != p ? FInterval<T>{p, p} : rounded<T>(p, p);
    if (std::fma(a.lo, b.lo, -p) == 0) return rounded<T>(p, p);
    return rounded<T>(down(p), up(p));
  }
  if (may_be_zero_times_infinity(a, b)) return anything<T>();
  const double c[4] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi};
  const double lo = *std::min_element(c, c + 4), hi = *std::max_element(c, c + 4);
  return rounded<T>(std::isfinite(lo) ? down(lo) : lo, std::isfinite(hi) ? up(hi) : hi);
}

template <class T>
FInterval<T> divide(FInterval<T> a, FInterval<T> b) {
  FInterval<T> r;
  if (nan_rule(a, b, r)) return r;
  // Intervals do not know the sign of a zero, so neither that of an infinity divided out of it.
  if (b.lo <= 0 && b.hi >= 0 && !(a.lo == 0 && a.hi == 0 && b.lo == b.hi)) return anything<T>();
  if (a.lo == a.hi && b.lo == b.hi) {
    const double q = a.lo / b.lo;
    if (!std::isfinite(q) || std::fma(q, b.lo, -a.lo) == 0)
      return q != q ? FInterval<T>{q, q} : rounded<T>(q, q);
    return rounded<T>(down(q), up(q));
  }
  double c[4] = {a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi};
  for (double& v : c)
    if (v != v) return anything<T>();
  const double lo = *std::min_element(c, c + 4), hi = *std::max_element(c, c + 4);
  return rounded<T>(std::isfinite(lo) ? down(lo) : lo, std::isfinite(hi) ? up(hi) : hi);
}

template FInterval<float> multiply(FInterval<float>, FInterval<float>);
template FInterval<double> multiply(FInterval<double>, FInterval<double>);
template FInterval<float> divide(FInterval<float>, FInterval<float>);
template FInterval<double> divide(FInterval<double>, FInterval<double>);

IInterval add(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return any_int();
  return of_corners({__int128{a.lo} + b.lo, __int128{a.hi} + b.hi});
}

IInterval negate(IInterval a) { return of_corners({-__int128{a.hi}, -__int128{a.lo}}); }

IInterval multiply(IInterval a, IInterval b) {
  if (is_any(a) || is_any(b)) return any_int();
  return of_corners(
      {__int128{a.lo} * b.lo, __int128{a.lo} * b.hi, __int128{a.hi} * b.lo, __int128{a.hi} * b.hi});
}

IInterval divide(IInterval a, IInterval b) {
  if (b.lo == 0 && b.hi == 0) return {0, 0};
  if ((b.lo <= 0 && b.hi >= 0) || is_any(a)) return any_int();
  return of_corners(
      {__int128{a.lo} / b.lo, __int128{a.lo} / b.hi, __int128{a.hi} / b.lo, __int128{a.hi} / b.hi});
}

IInterval remainder(IInterval a, IInterval b) {
  if (b.lo > 0 && a.lo >= 0 && (a.lo != a.hi || b.lo != b.hi))
    return a.hi < b.lo ? a : IInterval{0, std::min(a.hi, b.hi - 1)};
  if (a.lo != a.hi || b.lo != b.hi) return any_int();
  const int64_t r = b.lo == 0 || b.lo == -1 ? 0 : a.lo % b.lo;
  return {r, r};
}

IInterval modulo(IInterval a, IInterval b) {
  if (b.lo > 0 && a.lo < 0 && (a.lo != a.hi || b.lo != b.hi)) return {0, b.hi - 1};
  IInterval r = remainder(a, b);
  if (r.lo == r.hi && r.lo != 0 && ((r.lo < 0) != (b.lo < 0))) r = {r.lo + b.lo, r.lo + b.lo};
  return r;
}

IInterval abs(IInterval a) {
  if (a.lo >= 0) return a;
  const IInterval n = negate(a);
  if (is_any(n)) return n;
  return a.hi <= 0 ? n : IInterval{0, std::max(a.hi, n.hi)};
}

}  // namespace tauto::num
