// erf(x), the error function, and erfc(x) = 1 - erf(x).
//
//   erf, f32:  |x| <= 1: |x| + |x| P(x^2), P of degree 6;  else 1 - e^p(|x| - 1), p of degree 7 is log erfc
//   erf, f64:  |x| <= 3/4: the same with degree 10;  else 1 - erfc(|x|)
//   erfc, f64: |x| <= 1/4: 1 - erf x;  else, for x > 0, e^(-x^2) g(t) / (1 + 2x), t = (x - 4) / (x + 4),
//              g of degree 22 (after Shepherd and Laframboise, Math. Comp. 36, 1981), every step but the
//              last ones with its low part;  erfc(-x) = 2 - erfc x
//   erfc, f32: the same in f64, up to 1/2 by erf of degree 5, with g of degree 12; rounded once
// The sign of x is copied to erf's result. Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/exp.h"

namespace tauto::math {

template <Single F>
TAUTO_TREE F erf(F x) {
  const F a = at_most(abs(x), 4);
  const F z = a * a;
  const F small = fma(a, polynomial(z, kErfF32), a);
  const F one = constant<F>(1);
  const ExpSplit<F> e = exp_split(polynomial(a - one, kLogErfcF32));
  const F large = fma(-e.s, e.h, one - e.s);
  return copysign(select(less_equal(a, one), small, large), x);
}

// erfc(x) for x >= 1/4.
template <bool kShort, Double F>
TAUTO_TREE F erfc_tail(F a) {
  const F one = constant<F>(1);
  const F two = constant<F>(2);
  const F four = constant<F>(4);
  const F x = at_most(a, kShort ? 10.25 : 27.5);
  const F below = x - four;
  const F above = x + four;
  const F t = below / above;
  const F square = x * x;
  const ExpReduced<F> v = exp_reduce(-square);
  if constexpr (kShort) {
    const F g = polynomial(t, kErfcxShort) / fma(two, x, one);
    const F h = fma(v.r * v.r, polynomial(v.r, kExpShort), v.r);
    return fma(g, h, g) * power(v.t);
  } else {
    // g(t) = g + g_lo, with what the rounding of t loses; q + q_lo = g(t) / (1 + 2x).
    const F rise = polynomial(t, kErfcxF64);
    const F below_lo = x - (below + four);
    const F above_lo = x - (above - four);
    const F t_lo = (fma(-t, above, below) + (below_lo - t * above_lo)) / above;
    const F head = constant<F>(kErfcxF64Head[0]);
    const F step = t * rise;
    const F g = head + step;
    const F g_lo = (step - (g - head)) + fma(t, rise, -step) +
                   fma(t_lo, polynomial(t, kErfcxSlope), constant<F>(kErfcxF64Head[1]));
    const ExactSum<F> divisor = exact_sum(two * x, one);
    const F q = g / divisor.sum;
    const F q_lo = (fma(-q, divisor.sum, g) + (g_lo - q * divisor.error)) / divisor.sum;
    const F square_lo = fma(x, x, -square);
    const F tail = exp_tail(v.r, v.r_lo - square_lo);
    return scale(q + fma(q, v.r, fma(q, tail, fma(q_lo, v.r, q_lo))), v.t);
  }
}

template <Double F>
TAUTO_TREE F erf(F x) {
  const F a = abs(x);
  const F small = fma(a, polynomial(a * a, kErfF64), a);
  const F large = constant<F>(1) - erfc_tail<false>(a);
  return copysign(select(less_equal(a, constant<F>(0.75)), small, large), x);
}

template <bool kShort, Double F>
TAUTO_TREE F erfc_tree(F x) {
  const F a = abs(x);
  const F one = constant<F>(1);
  F p;
  if constexpr (kShort) {
    p = polynomial(a * a, kErfShort);
  } else {
    p = polynomial(a * a, kErfF64);
  }
  const F small = one - fma(x, p, x);
  const F tail = erfc_tail<kShort>(a);
  const F large = select(less(x, constant<F>(0)), constant<F>(2) - tail, tail);
  return select(less_equal(a, constant<F>(kShort ? 0.5 : 0.25)), small, large);
}

template <Double F>
TAUTO_TREE F erfc(F x) {
  return erfc_tree<false>(x);
}
template <Single F>
TAUTO_TREE F erfc(F x) {
  return narrow(erfc_tree<true>(widen(x)));
}

}  // namespace tauto::math
