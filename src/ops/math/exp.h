// exp(x), exp2(x) = 2^x, expm1(x) = e^x - 1, and the reduction that they share.
//
//   n = round(x log2 e),  r = x - n ln2_hi (exact),  r_lo = -n ln2_lo,  u = r + r_lo,  |u| <= ln2 / 2
//   e^u = 1 + (r + (r_lo + u^2 q(u))),  q of degree 4 (f32), 9 (f64)
//   e^x = e^u 2^n in two multiplications by powers of two: one rounding also where the result is denormal
//   2^x:       n = round(x),  r + r_lo = (x - n) ln2
//   e^x - 1:   2 (2^(n-1) (e^u - 1) + (2^(n-1) - 1/2)), the inner sum's rounding error added back;
//              x where |x| is tiny
// x is first clamped to where the result overflows or vanishes, which gives exp(+inf) = inf and exp(-inf) =
// +0. Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/polynomials.h"
#include "ops/math/vocabulary.h"

namespace tauto::math {

// x = n ln2 + r + r_lo but for the error of ln2 (2^-55 n in f32, 2^-110 n in f64); t = n + kExponentShift.
// Requires |n| < 2 bias.
template <class F>
struct ExpReduced {
  F r;
  F r_lo;
  F t;
};

template <class F>
TAUTO_TREE ExpReduced<F> exp_reduce(F x) {
  constexpr bool kSingle = Single<F>;
  const F shift = constant<F>(kExponentShift<F>);
  const F log2e = constant<F>(kSingle ? 0x1.715476p0 : 0x1.71547652b82fep0);
  const F ln2_hi = constant<F>(kSingle ? 0x1.62e43p-1 : 0x1.62e42fefa39efp-1);
  const F ln2_lo = constant<F>(kSingle ? -0x1.05c61p-29 : 0x1.abc9e3b39803fp-56);
  const F t = fma(x, log2e, shift);
  const F n = t - shift;
  return {fma(-n, ln2_hi, x), n * -ln2_lo, t};
}

// e^(r + r_lo) - 1 = r + (r_lo + u^2 q(u)) with u = r + r_lo; this is what follows r.
template <class F>
TAUTO_TREE F exp_tail(F r, F r_lo) {
  const F u = r + r_lo;
  if constexpr (Single<F>) {
    return fma(u * u, polynomial(u, kExpF32), r_lo);
  } else {
    return fma(u * u, polynomial(u, kExpF64), r_lo);
  }
}

template <class F>
TAUTO_TREE F exp(F x) {
  const F inside = at_least(at_most(x, Single<F> ? 89 : 710), Single<F> ? -104 : -746);
  const ExpReduced<F> v = exp_reduce(inside);
  return scale((v.r + exp_tail(v.r, v.r_lo)) + constant<F>(1), v.t);
}

template <class F>
TAUTO_TREE F exp2(F x) {
  constexpr bool kSingle = Single<F>;
  const F shift = constant<F>(kExponentShift<F>);
  const F ln2 = constant<F>(kSingle ? 0x1.62e43p-1 : 0x1.62e42fefa39efp-1);
  const F ln2_lo = constant<F>(kSingle ? -0x1.05c61p-29 : 0x1.abc9e3b39803fp-56);
  const F inside = at_least(at_most(x, kSingle ? 129 : 1025), kSingle ? -151 : -1076);
  const F t = inside + shift;
  const F f = inside - (t - shift);
  const F r = f * ln2;
  const F r_lo = fma(f, ln2, -r) + f * ln2_lo;
  return scale((r + exp_tail(r, r_lo)) + constant<F>(1), t);
}

template <class F>
TAUTO_TREE F expm1(F x) {
  const F inside = at_least(at_most(x, Single<F> ? 89 : 710), -50);
  const ExpReduced<F> v = exp_reduce(inside);
  const F tail = exp_tail(v.r, v.r_lo);
  const F p = v.r + tail;
  // The last term is what rounding u = r + r_lo, which the tail depends on, did: d(e^u - 1 - u) = (e^u - 1)
  // du.
  const F p_lo = fma((v.r - (v.r + v.r_lo)) + v.r_lo, p, tail - (p - v.r));
  const F s = power(v.t, -1);
  const F half = constant<F>(0.5);
  const F low = s - half;
  const F lost = (s - low) - half;
  const F sum = fma(s, p, low);
  const F y = constant<F>(2) * (sum + (fma(s, p, low - sum) + fma(s, p_lo, lost)));
  return select(less(abs(x), constant<F>(0x1p-60)), x, y);
}

// e^x = s (1 + h) with s = 2^n, where x is so far from the ends of the range that s is a normal number. A
// caller that adds 1 does it as fma(s, h, s + 1): e^x itself is then never rounded.
template <class F>
struct ExpSplit {
  F s;
  F h;
};

template <class F>
TAUTO_TREE ExpSplit<F> exp_split(F x) {
  const ExpReduced<F> v = exp_reduce(x);
  return {power(v.t), v.r + exp_tail(v.r, v.r_lo)};
}

// e^x - 1 and e^x + 1 as unevaluated sums hi + lo, for 0 <= x <= 40 (below 2^-30 x keeps its relative
// accuracy).
template <class F>
struct ExpParts {
  F minus_one, minus_one_lo;
  F plus_one, plus_one_lo;
};

template <class F>
TAUTO_TREE ExpParts<F> exp_parts(F x) {
  const ExpReduced<F> v = exp_reduce(x);
  const F one = constant<F>(1);
  const F tail = exp_tail(v.r, v.r_lo);
  const F p = v.r + tail;
  const F p_lo = tail - (p - v.r);
  const F s = power(v.t);
  const F low = s - one;
  const F high = s + one;
  const F low_lo = (s - low) - one;
  const F high_lo = one - (high - s);
  const F a = fma(s, p, low);
  const F b = fma(s, p, high);
  return {a, fma(s, p, low - a) + fma(s, p_lo, low_lo), b, fma(s, p, high - b) + fma(s, p_lo, high_lo)};
}

}  // namespace tauto::math
