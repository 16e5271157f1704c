// sin(x), cos(x), tan(x) over the whole range.
//
// Reduction (after Payne and Hanek, 1983): |x| = (n + f) pi/2, |f| <= 1/2, n modulo 4. 2/pi is cut into
// pieces T[0], T[1], ... of 48 bits (f32: 29 bits, the work is done in f64). Products |x| T[i] that are
// multiples of 4 are skipped; from the first other one, i = q(exponent of x), five (f32: four) are summed,
// the leading ones reduced modulo 4 by themselves. Every product is exact (f64: as a sum of two numbers) but
// the last, and so is every sum that matters.
//   r = f pi/2 as r + r_lo; r = |x| where |x| < pi/4, z = r^2
//   sin r = r + (r z S(z) + r_lo (1 - z/2)),  S of degree 5      (f32: r + r z S(z), degree 3)
//   cos r = 1 - z/2 + (z^2 C(z) - r r_lo),  C of degree 5        (f32: degree 2)
//   sin x, cos x: one of +-sin r, +-cos r by n;  tan x: their quotient, with both low parts and the
//   division's rest
// Infinities give NaN. Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/polynomials.h"
#include "ops/math/vocabulary.h"

namespace tauto::math {

// a = n pi/2 + r + r_lo for finite a >= 0; n is modulo 4, in [-2, 2].
template <class F>
struct Turn {
  F n;
  F r;
  F r_lo;
};

// The first index i for which a T[i] may be no multiple of 4: floor((e - first) / width), at least 0, where e
// is the exponent of a + 2^first: that of a, or one more. Infinity and NaN give some index.
template <int kWidth, int kFirst, Double F>
TAUTO_TREE IntOf<F> first_piece(F a) {
  const F raised = a + from_bits(integer<F>(int64_t{1023 + kFirst} << 52));
  const F exponent = to_float<F>(shift_right(bits(raised), 52) - integer<F>(1023 + kFirst));
  const F q = fma(exponent, constant<F>(1.0 / kWidth), constant<F>(0.5 / kWidth - 0.5));
  return bits(q + shifter<F>()) - bits(shifter<F>());
}

template <Double F>
TAUTO_TREE F modulo_4(F a) {
  return fma(constant<F>(-4), round_even(a * constant<F>(0.25)), a);
}

// For a of 24 bits, a < 2^128.
template <Double F>
TAUTO_TREE Turn<F> reduce_short(F a) {
  const IntOf<F> q = first_piece<29, 26>(a) & integer<F>(3);
  const F x = a * constant<F>(0x1p-200);  // the table is scaled up by 2^200
  const F p0 = modulo_4(x * lookup(kTwoOverPi29, q));
  const F p1 = modulo_4(x * lookup(kTwoOverPi29, q + integer<F>(1)));
  const F p2 = x * lookup(kTwoOverPi29, q + integer<F>(2));
  const F p3 = x * lookup(kTwoOverPi29, q + integer<F>(3));
  const F n = round_even(p0 + p1 + p2);
  const ExactSum<F> f = exact_sum(p0 - n, p1);
  const F turns = (f.sum + p2) + (f.error + p3);
  const F zero = constant<F>(0);
  const MaskOf<F> small = less(a, constant<F>(0x1.921fb5p-1));
  return {select(small, zero, n), select(small, a, turns * constant<F>(0x1.921fb54442d18p0)), zero};
}

template <Double F>
TAUTO_TREE Turn<F> reduce(F a) {
  const IntOf<F> q = first_piece<48, 55>(a);
  const F x = a * constant<F>(0x1p-200);
  const F t0 = lookup(kTwoOverPi48, q);
  const F t1 = lookup(kTwoOverPi48, q + integer<F>(1));
  const F t2 = lookup(kTwoOverPi48, q + integer<F>(2));
  const F t3 = lookup(kTwoOverPi48, q + integer<F>(3));
  const F t4 = lookup(kTwoOverPi48, q + integer<F>(4));
  const F p0 = x * t0;
  const F p1 = x * t1;
  const F p2 = x * t2;
  const F p3 = x * t3;
  const F p0_lo = fma(x, t0, -p0);
  const F p1_lo = fma(x, t1, -p1);
  const F p2_lo = fma(x, t2, -p2);
  const F p3_lo = fma(x, t3, -p3);
  // Down from the largest, each sum with its error; then the integer leaves, and the errors follow.
  const ExactSum<F> s0 = exact_sum(modulo_4(p0), modulo_4(p0_lo));
  const ExactSum<F> s1 = exact_sum(s0.sum, modulo_4(p1));
  const ExactSum<F> s2 = exact_sum(s1.sum, p1_lo);
  const ExactSum<F> s3 = exact_sum(s2.sum, p2);
  const F n = round_even(s3.sum);
  const ExactSum<F> f0 = exact_sum(s3.sum - n, s0.error);
  const ExactSum<F> f1 = exact_sum(f0.sum, s1.error);
  const ExactSum<F> f2 = exact_sum(f1.sum, s2.error);
  const ExactSum<F> f3 = exact_sum(f2.sum, s3.error);
  const ExactSum<F> f4 = exact_sum(f3.sum, p2_lo);
  const ExactSum<F> f5 = exact_sum(f4.sum, p3);
  const F errors = ((f0.error + f1.error) + (f2.error + f3.error)) + (f4.error + f5.error);
  const ExactSum<F> f = exact_sum(f5.sum, errors + fma(x, t4, p3_lo));
  const F quarter = constant<F>(0x1.921fb54442d18p0);
  const F quarter_lo = constant<F>(0x1.1a62633145c07p-54);
  const F r = f.sum * quarter;
  const F r_lo = fma(f.sum, quarter, -r) + fma(f.sum, quarter_lo, f.error * quarter);
  const F zero = constant<F>(0);
  const MaskOf<F> small = less(a, constant<F>(0x1.921fb54442d18p-1));
  return {select(small, zero, modulo_4(n)), select(small, a, r), select(small, zero, r_lo)};
}

// sin and cos of r + r_lo as hi + lo; in the short form lo is 0.
template <class F>
struct SinCos {
  F sin, sin_lo;
  F cos, cos_lo;
};

template <bool kShort, Double F>
TAUTO_TREE SinCos<F> sin_cos(F r, F r_lo) {
  const F one = constant<F>(1);
  const F half = constant<F>(0.5);
  const F zero = constant<F>(0);
  const F z = r * r;
  if constexpr (kShort) {
    const F s = fma(r * z, polynomial(z, kSinShort), r);
    const F c = fma(z, fma(z, polynomial(z, kCosShort), -half), one);
    return {s, zero, c, zero};
  } else {
    const F tail = fma(r * z, polynomial(z, kSinF64), r_lo * fma(-half, z, one));
    const F s = r + tail;
    const F h = half * z;
    const F w = one - h;
    const F z_lo = fma(r, r, -z);
    const F rest = ((one - w) - h) + fma(z * z, polynomial(z, kCosF64), -fma(r, r_lo, half * z_lo));
    const F c = w + rest;
    return {s, tail - (s - r), c, rest - (c - w)};
  }
}

// Is the integer n odd?
template <class F>
TAUTO_TREE MaskOf<F> is_odd(F n) {
  const F half = n * constant<F>(0.5);
  return negated(equal(half, round_even(half)));
}

// y with its sign flipped where the integer n is 2 or 3 modulo 4.
template <class F>
TAUTO_TREE F flip_in_lower_half(F y, F n) {
  const F from_multiple = modulo_4(n);  // -2 and -1 stand for 2 and 3
  const MaskOf<F> lower = either(less(from_multiple, constant<F>(0)), less(constant<F>(1), from_multiple));
  return select(lower, -y, y);
}

// y or, where x is negative (a is its magnitude), -y: adding the sign bit flips the sign bit.
template <class F>
TAUTO_TREE F flip_by_sign_of(F y, F x, F a) {
  return from_bits(bits(y) + (bits(x) - bits(a)));
}

template <bool kShort, Double F>
TAUTO_TREE Turn<F> turn_of(F a) {
  if constexpr (kShort) {
    return reduce_short(a);
  } else {
    return reduce(a);
  }
}

template <bool kShort, Double F>
TAUTO_TREE F sin_tree(F x) {
  const F a = abs(x);
  const Turn<F> t = turn_of<kShort>(a);
  const SinCos<F> v = sin_cos<kShort>(t.r, t.r_lo);
  const F y = flip_in_lower_half(select(is_odd(t.n), v.cos, v.sin), t.n);
  return flip_by_sign_of(y, x, a);
}

template <bool kShort, Double F>
TAUTO_TREE F cos_tree(F x) {
  const F a = abs(x);
  const Turn<F> t = turn_of<kShort>(a);
  const SinCos<F> v = sin_cos<kShort>(t.r, t.r_lo);
  return flip_in_lower_half(select(is_odd(t.n), v.sin, v.cos), t.n + constant<F>(1));
}

template <bool kShort, Double F>
TAUTO_TREE F tan_tree(F x) {
  const F a = abs(x);
  const Turn<F> t = turn_of<kShort>(a);
  const SinCos<F> v = sin_cos<kShort>(t.r, t.r_lo);
  const MaskOf<F> odd = is_odd(t.n);
  const F top = select(odd, -v.cos, v.sin);
  const F bottom = select(odd, v.sin, v.cos);
  F y;
  if constexpr (kShort) {
    y = top / bottom;
  } else {
    const F top_lo = select(odd, -v.cos_lo, v.sin_lo);
    const F bottom_lo = select(odd, v.sin_lo, v.cos_lo);
    const F inverse = constant<F>(1) / bottom;
    const F q = top * inverse;
    const F rest = fma(-q, bottom, top) + (top_lo - q * bottom_lo);
    y = fma(rest, inverse, q);
  }
  return flip_by_sign_of(y, x, a);
}

template <Double F>
TAUTO_TREE F sin(F x) {
  return sin_tree<false>(x);
}
template <Single F>
TAUTO_TREE F sin(F x) {
  return narrow(sin_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F cos(F x) {
  return cos_tree<false>(x);
}
template <Single F>
TAUTO_TREE F cos(F x) {
  return narrow(cos_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F tan(F x) {
  return tan_tree<false>(x);
}
template <Single F>
TAUTO_TREE F tan(F x) {
  return narrow(tan_tree<true>(widen(x)));
}

}  // namespace tauto::math
