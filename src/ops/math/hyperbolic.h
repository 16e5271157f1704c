// sinh(x), cosh(x), asinh(x), acosh(x), atanh(x). (tanh has a header of its own.)
//
//   sinh: |x| <= 1: |x| + |x|^3 P(x^2), P of degree 3 (f32), 6 (f64)
//   cosh: |x| <= 1: 1 + x^2 P(x^2), degrees as above
//   else with e^|x| / 4 = s (1 + r + t) as in exp.h, s a power of two:
//         2 (s + (s r + (s t -+ 1 / (16 s (1 + r + t)))))
//   asinh = log1p(a + a^2 / (1 + sqrt(1 + a^2))), a = |x|;  acosh = log1p(t + sqrt(t^2 + 2t)), t = x - 1;
//   atanh = log1p(2a / (1 - a)) / 2;  each log1p of an unevaluated sum
//   asinh, acosh of huge x: log(x) + ln2
// In f32 the last three run in f64, with the shorter log (degree 3), and are rounded once.
// Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/exp.h"
#include "ops/math/log.h"

namespace tauto::math {

// e^a / 4 = s (1 + r + tail), s a power of two, and e^-a / 4, for a where e^a is at least 1. Where e^a / 2
// overflows, twice the sum does.
template <class F>
struct QuarterExp {
  F s;
  F r;
  F tail;
  F inverse;
};

template <class F>
TAUTO_TREE QuarterExp<F> quarter_exp(F a) {
  const ExpReduced<F> v = exp_reduce(at_most(a, Single<F> ? 89.5 : 710.5));
  const F tail = exp_tail(v.r, v.r_lo);
  const F s = power(v.t, -2);
  return {s, v.r, tail, constant<F>(0.0625) / fma(s, v.r + tail, s)};
}

template <class F>
TAUTO_TREE F sinh(F x) {
  const F a = abs(x);
  const F z = a * a;
  F p;
  if constexpr (Single<F>) {
    p = polynomial(z, kSinhF32);
  } else {
    p = polynomial(z, kSinhF64);
  }
  const QuarterExp<F> e = quarter_exp(a);
  const F large = constant<F>(2) * (e.s + fma(e.s, e.r, fma(e.s, e.tail, -e.inverse)));
  return copysign(select(less_equal(a, constant<F>(1)), fma(a * z, p, a), large), x);
}

template <class F>
TAUTO_TREE F cosh(F x) {
  const F a = abs(x);
  const F z = a * a;
  const F one = constant<F>(1);
  F p;
  if constexpr (Single<F>) {
    p = polynomial(z, kCoshF32);
  } else {
    p = polynomial(z, kCoshF64);
  }
  const QuarterExp<F> e = quarter_exp(a);
  const F large = constant<F>(2) * (e.s + fma(e.s, e.r, fma(e.s, e.tail, e.inverse)));
  return select(less_equal(a, one), fma(z, p, one), large);
}

template <bool kShort, Double F>
TAUTO_TREE F asinh_tree(F x) {
  const F a = abs(x);
  const F one = constant<F>(1);
  const MaskOf<F> huge = less(constant<F>(0x1p60), a);
  const F z = a * a;
  const F w = select(huge, constant<F>(0), z / (one + sqrt(one + z)));
  const F hi = a + w;
  return copysign(log1p_sum<kShort>(hi, w - (hi - a), select(huge, one, constant<F>(0))), x);
}

template <bool kShort, Double F>
TAUTO_TREE F acosh_tree(F x) {
  const F t = x - constant<F>(1);
  const F zero = constant<F>(0);
  const MaskOf<F> huge = less(constant<F>(0x1p60), x);
  const F square = fma(t, t, t + t);
  const F root = sqrt(square);
  const F w = select(huge, zero, root);
  const F hi = w + t;
  F lo = t - (hi - w);
  if constexpr (!kShort) {
    const F rest = fma(-root, root, square) + fma(t, t, (t + t) - square);
    lo = lo + select(huge, zero, rest / at_least(root + root, 0x1p-200));
  }
  const F y = log1p_sum<kShort>(hi, lo, select(huge, constant<F>(1), zero));
  return select(less(x, constant<F>(1)), not_a_number<F>(), y);
}

template <bool kShort, Double F>
TAUTO_TREE F atanh_tree(F x) {
  const F a = abs(x);
  const F one = constant<F>(1);
  const F under = one - a;
  const F under_lo = (one - under) - a;
  const F inverse = one / under;
  const F q = (a + a) * inverse;
  const F rest = fma(-q, under, a + a) - q * under_lo;
  const F y = constant<F>(0.5) * log1p_sum<kShort>(q, rest * inverse, constant<F>(0));
  return copysign(select(equal(a, one), infinity<F>(), y), x);
}

template <Double F>
TAUTO_TREE F asinh(F x) {
  return asinh_tree<false>(x);
}
template <Single F>
TAUTO_TREE F asinh(F x) {
  return narrow(asinh_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F acosh(F x) {
  return acosh_tree<false>(x);
}
template <Single F>
TAUTO_TREE F acosh(F x) {
  return narrow(acosh_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F atanh(F x) {
  return atanh_tree<false>(x);
}
template <Single F>
TAUTO_TREE F atanh(F x) {
  return narrow(atanh_tree<true>(widen(x)));
}

}  // namespace tauto::math
