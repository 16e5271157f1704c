// tanh(x) and sigmoid(x) = 1 / (1 + e^-x).
//
//   tanh, f32: |x| <= 1: |x| + |x|^3 P(x^2), P of degree 6;  else 1 - 2 / (e^(2|x|) + 1)
//   tanh, f64: E / (E + 2) with E = e^(2|x|) - 1; both as unevaluated sums, one division and its remainder
//   sigmoid:   1 / (1 + e^-x) = 1 / ((2^n + 1) + 2^n h), where e^-x = 2^n (1 + h) is never rounded by itself
// The sign of x is copied to tanh's result, so tanh(-0) = -0. Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/exp.h"

namespace tauto::math {

template <Single F>
TAUTO_TREE F tanh(F x) {
  const F a = at_most(abs(x), 10);
  const F z = a * a;
  const F one = constant<F>(1);
  const F small = fma(a * z, polynomial(z, kTanhF32), a);
  const ExpSplit<F> e = exp_split(a + a);
  const F large = one - constant<F>(2) / fma(e.s, e.h, e.s + one);
  return copysign(select(less_equal(a, one), small, large), x);
}

template <Double F>
TAUTO_TREE F tanh(F x) {
  const F a = at_most(abs(x), 20);
  const ExpParts<F> e = exp_parts(a + a);
  const F inverse = constant<F>(1) / e.plus_one;
  const F q = e.minus_one * inverse;
  const F rest = fma(-q, e.plus_one, e.minus_one) + (e.minus_one_lo - q * e.plus_one_lo);
  const F y = fma(rest, inverse, q);
  return copysign(select(less(a, constant<F>(0x1p-30)), a, y), x);
}

template <class F>
TAUTO_TREE F sigmoid(F x) {
  const F inside = at_least(at_most(x, 40), Single<F> ? -105 : -747);
  const ExpReduced<F> v = exp_reduce(-inside);
  const F h = v.r + exp_tail(v.r, v.r_lo);
  // Where 2^n nears the end of the range everything is scaled by c.
  const MaskOf<F> far = less(inside, constant<F>(-40));
  const F c = select(far, constant<F>(Single<F> ? 0x1p-64 : 0x1p-512), constant<F>(1));
  const IntOf<F> bias =
      select(far, integer<F>(Single<F> ? 127 + 64 : 1023 + 512), integer<F>(Format<F>::kBias));
  const F s = power_of_two<F>(biased_exponent(v.t) - bias);
  const F sum = s + c;
  const F lost = c - (sum - s);  // exact for n >= 0, zero for the n < 0 that matter
  return constant<F>(1) / (sum + fma(s, h, lost)) * c;
}

}  // namespace tauto::math
