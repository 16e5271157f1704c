// erf(x), the error function, and erfc(x) = 1 - erf(x).
//
//   erf, f32:  |x| <= 1: |x| + |x| P(x^2), P of degree 6;  else 1 - e^p(|x| - 1), p of degree 7 is log erfc
//   erf, f64:  |x| <= 3/4: the same with degree 10;  else 1 - erfc(|x|)
//   erfc, f64: e^(-x^2) g(t) / (1 + 2x), t = (x - 4) / (x + 4), g of degree 22 (after Shepherd and
//   Laframboise,
//              Math. Comp. 36, 1981); x^2 is an exact product, whose low part enters the exponential's series
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

// erfc(a) for a >= 1/2.
template <Double F>
TAUTO_TREE F erfc_tail(F a) {
  const F one = constant<F>(1);
  const F four = constant<F>(4);
  const F x = at_most(a, 27.5);
  const F t = (x - four) / (x + four);
  const F g = polynomial(t, kErfcxF64) / fma(constant<F>(2), x, one);
  const F square = x * x;
  const F square_lo = fma(x, x, -square);
  const ExpReduced<F> v = exp_reduce(-square);
  const F e = (exp_tail(v.r, v.r_lo - square_lo) + v.r) + one;
  return scale_two_steps(e * g, v.e);
}

template <Double F>
TAUTO_TREE F erf(F x) {
  const F a = abs(x);
  const F small = fma(a, polynomial(a * a, kErfF64), a);
  const F large = constant<F>(1) - erfc_tail(a);
  return copysign(select(less_equal(a, constant<F>(0.75)), small, large), x);
}

}  // namespace tauto::math
