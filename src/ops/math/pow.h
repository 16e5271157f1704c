// pow(x, y), after IEEE 754-2019 and C (annex F).
//
//   |x| = 2^k (1 + f),  s = f / (2 + f) with its low part
//   log |x| = k ln2 + 2 s + s^3 (2/3 + s^2 Q(s^2)), Q of degree 6, as an unevaluated sum good to about 2^-65
//   y log |x| as an unevaluated sum, e^that as in exp.h: |x|^y
//   the sign: minus where x is negative and y odd; NaN where x is negative and finite and y no integer
//   pow(x, 0) = pow(1, y) = 1 even for NaN;  pow(x, 2) = x x
// In f32: log |x| in one f64 (degree 3), e^ in f64 (degree 5), rounded once.
// Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/exp.h"
#include "ops/math/log.h"

namespace tauto::math {

template <class F>
struct LogPair {
  F hi;
  F lo;
};

// log x for positive finite x, hi + lo.
template <Double F>
TAUTO_TREE LogPair<F> log_pair(F x) {
  const LogReduced<F> v = log_reduce(x);
  const F one = constant<F>(1);
  const F two = constant<F>(2);
  const F under = two + v.f;
  const F under_lo = v.f - (under - two);
  const F inverse = one / under;
  const F s = v.f * inverse;
  const F s_lo = (fma(-s, under, v.f) - s * under_lo) * inverse;
  const F z = s * s;
  const F z_lo = fma(s, s, -z) + two * s * s_lo;
  // t = 2/3 + z Q(z)
  const F third = constant<F>(0x1.5555555555555p-1);
  const F q = z * polynomial(z, kLogPow);
  const F t = third + q;
  const F t_lo = (q - (t - third)) + constant<F>(0x1.5555555555555p-55);
  // w = s^3 t
  const F cube = s * z;
  const F cube_lo = fma(s, z, -cube) + fma(s, z_lo, s_lo * z);
  const F w = cube * t;
  const F w_lo = fma(cube, t, -w) + fma(cube, t_lo, cube_lo * t);
  // k ln2 + 2 s + w; k ln2_hi is exact and larger than 2 s, or zero; their sum is larger than w
  const F head = v.k * constant<F>(0x1.62e42fefa3p-1);
  const F first = two * s;
  const F a = head + first;
  const F a_lo = first - (a - head);
  const F b = a + w;
  const F b_lo = w - (b - a);
  const F low = ((a_lo + b_lo) + fma(v.k, constant<F>(0x1.3de6af278ece6p-42), w_lo)) + two * s_lo;
  const F hi = b + low;
  return {hi, low - (hi - b)};
}

template <Double F>
TAUTO_TREE LogPair<F> log_pair_short(F x) {
  const LogReduced<F> v = log_reduce(x);
  return {fma(v.k, constant<F>(0x1.62e42fefa39efp-1), v.f + log_tail<true>(v.f)), constant<F>(0)};
}

template <bool kShort, Double F>
TAUTO_TREE F pow_tree(F x, F y) {
  const F zero = constant<F>(0);
  const F one = constant<F>(1);
  const F two = constant<F>(2);
  const F a = abs(x);
  // |x|^y. The logarithms of 0 and infinity are infinite, and so is their product with y; y itself is kept
  // finite.
  LogPair<F> l;
  if constexpr (kShort) {
    l = log_pair_short(a);
  } else {
    l = log_pair(a);
  }
  const F log_hi = log_ends(a, l.hi);
  const F bounded = at_least(at_most(y, 0x1p200), -0x1p200);
  const F product = bounded * log_hi;
  const F p = at_least(at_most(product, kShort ? 120 : 710), kShort ? -120 : -746);
  const ExpReduced<F> v = exp_reduce(p);
  F magnitude;
  if constexpr (kShort) {
    const F h = fma(v.r * v.r, polynomial(v.r, kExpShort), v.r);
    magnitude = (h + one) * power(v.t);
  } else {
    const F product_lo = fma(bounded, log_hi, -product) + bounded * l.lo;
    const F p_lo = select(equal(p, product), product_lo, zero);
    magnitude = scale((v.r + exp_tail(v.r, v.r_lo + p_lo)) + one, v.t);
  }
  // The sign.
  const MaskOf<F> integer_y = equal(y, round_even(y));
  const F half_y = y * constant<F>(0.5);
  const MaskOf<F> odd = both(integer_y, negated(equal(half_y, round_even(half_y))));
  const MaskOf<F> negative = less(copysign(one, x), zero);
  const F with_sign = select(both(negative, odd), -magnitude, magnitude);
  const MaskOf<F> undefined = both(both(less(x, zero), less(a, infinity<F>())), negated(integer_y));
  const F general = select(undefined, not_a_number<F>(), with_sign);
  const F squared = select(equal(y, two), x * x, general);
  return select(either(equal(y, zero), equal(x, one)), one, squared);
}

template <Double F>
TAUTO_TREE F pow(F x, F y) {
  return pow_tree<false>(x, y);
}
template <Single F>
TAUTO_TREE F pow(F x, F y) {
  return narrow(pow_tree<true>(widen(x), widen(y)));
}

}  // namespace tauto::math
