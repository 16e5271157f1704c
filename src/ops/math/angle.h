// asin(x), acos(x), atan(x), atan2(y, x).
//
//   asin: |x| <= 1/2: |x| + |x|^3 P(x^2), P of degree 12
//         else pi/2 - 2 (s + s^3 P(z)),  z = (1 - |x|) / 2,  s = sqrt(z) with its low part
//   acos: the same pieces: pi/2 - asin x, or 2 (s + ...) for x > 1/2, pi - 2 (s + ...) for x < -1/2
//   atan2(y, x), small = min(|x|, |y|), big = max(|x|, |y|): atan(small / big) is q + q^3 P(q^2), P of
//   degree 10, with
//         q = small / big                             where that is at most tan(pi/8)
//         q = (small - big) / (small + big), + pi/4   elsewhere; both terms and the quotient keep low parts
//         and pi/2 - that if |y| > |x|, pi - that if x < 0
//   atan(x) = atan2(x, 1)
// In f32 the same trees run in f64 with shorter P (degree 6, 5) and are rounded once.
// Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/polynomials.h"
#include "ops/math/vocabulary.h"

namespace tauto::math {

// The two shapes of asin: small of |x| <= 1/2, tail = 2 asin(sqrt((1 - |x|) / 2)) otherwise, as hi + lo.
template <class F>
struct AsinParts {
  MaskOf<F> inner;  // |x| <= 1/2
  F hi;
  F lo;
};

template <bool kShort, Double F>
TAUTO_TREE AsinParts<F> asin_parts(F x) {
  const F a = abs(x);
  const F half = constant<F>(0.5);
  const MaskOf<F> inner = less_equal(a, half);
  const F z = select(inner, a * a, (constant<F>(1) - a) * half);
  const F s = select(inner, a, sqrt(z));
  if constexpr (kShort) {
    return {inner, s, s * z * polynomial(z, kAsinShort)};
  } else {
    const F s_lo = fma(-s, s, z) / at_least(s + s, 0x1p-200);  // what the square root lost
    return {inner, s, fma(s * z, polynomial(z, kAsinF64), select(inner, constant<F>(0), s_lo))};
  }
}

template <bool kShort, Double F>
TAUTO_TREE F asin_tree(F x) {
  const AsinParts<F> v = asin_parts<kShort>(x);
  const F two = constant<F>(2);
  const F quarter = constant<F>(0x1.921fb54442d18p0);
  const F quarter_lo = constant<F>(0x1.1a62633145c07p-54);
  const F twice = two * v.hi;
  const F rest = two * v.lo - quarter_lo;
  F outer;
  if constexpr (kShort) {
    outer = quarter - (twice + rest);
  } else {
    const F difference = quarter - twice;
    outer = difference + (((quarter - difference) - twice) - rest);
  }
  return copysign(select(v.inner, v.hi + v.lo, outer), x);
}

template <bool kShort, Double F>
TAUTO_TREE F acos_tree(F x) {
  const AsinParts<F> v = asin_parts<kShort>(x);
  const F two = constant<F>(2);
  const MaskOf<F> negative = less(x, constant<F>(0));
  const F hi = select(v.inner, copysign(v.hi, x), two * v.hi);
  const F lo = select(v.inner, copysign(v.lo, x), two * v.lo);
  const F whole = select(v.inner, constant<F>(0x1.921fb54442d18p0), constant<F>(0x1.921fb54442d18p1));
  const F whole_lo = select(v.inner, constant<F>(0x1.1a62633145c07p-54), constant<F>(0x1.1a62633145c07p-53));
  const F subtracted = whole - (hi + (lo - whole_lo));
  return select(both(negated(v.inner), negated(negative)), hi + lo, subtracted);
}

// The angle of (x, y) for 0 <= x, y, not both 0, both finite, and x + y neither tiny nor huge unless y / x
// does not underflow; negative: of (-x, y).
template <bool kShort, Double F>
TAUTO_TREE F angle_tree(F y, F x, MaskOf<F> negative) {
  const F zero = constant<F>(0);
  const MaskOf<F> steep = less(x, y);
  const F small = select(steep, x, y);
  const F big = select(steep, y, x);
  const MaskOf<F> turned = less(constant<F>(0x1.a827999fcef32p-2) * big, small);
  const F minus = select(turned, big, zero);
  const F plus = select(turned, small, zero);
  const F numerator = minus - small;  // of -q
  const F numerator_lo = (minus - numerator) - small;
  const F denominator = big + plus;
  const F denominator_lo = plus - (denominator - big);
  const F q = numerator / denominator;
  const F rest = fma(-q, denominator, numerator) + (numerator_lo - q * denominator_lo);
  const F q_lo = rest / denominator;
  const F z = q * q;
  F p;
  if constexpr (kShort) {
    p = polynomial(z, kAtanShort);
  } else {
    p = polynomial(z, kAtanF64);
  }
  const F tail = fma(q * z, p, q_lo);
  // The angle is a multiple of pi/4, from 0 to 4, plus or minus q + tail; up = the sign of q + tail (which is
  // -atan).
  const F one = constant<F>(1);
  const F eighths = select(turned, one, zero);
  const F quarter = select(steep, constant<F>(2) - eighths, eighths);
  const F multiple = select(negative, constant<F>(4) - quarter, quarter);
  const F up = select(steep, one, -one) * select(negative, -one, one);
  const F base = multiple * constant<F>(0x1.921fb54442d1p-1);  // exact: pi/4 to 49 bits
  const F base_lo = multiple * constant<F>(0x1.08d313198a2ep-50);
  const F turn = up * q;
  const F sum = base + turn;
  return sum + ((turn - (sum - base)) + fma(up, tail, base_lo));
}

template <bool kShort, Double F>
TAUTO_TREE F atan_tree(F x) {
  const F one = constant<F>(1);
  return copysign(angle_tree<kShort>(at_most(abs(x), 0x1p200), one, less(one, constant<F>(0))), x);
}

template <bool kShort, Double F>
TAUTO_TREE F atan2_tree(F y, F x) {
  const F zero = constant<F>(0);
  const F one = constant<F>(1);
  const F a = abs(x);
  const F b = abs(y);
  // Two zeros or two infinities stand for (1, 0) and (1, 1); one infinity makes the other coordinate 0.
  const F far = select(less(a, b), b, a);
  const MaskOf<F> infinite = equal(far, infinity<F>());
  F scale = one;
  if constexpr (!kShort) {
    scale = select(less(far, constant<F>(0x1p-800)), constant<F>(0x1p200),
                   select(less(constant<F>(0x1p800), far), constant<F>(0x1p-200), one));
  }
  const F flat = select(infinite, select(equal(a, far), one, zero), select(equal(far, zero), one, a * scale));
  const F high = select(infinite, select(equal(b, far), one, zero), b * scale);
  const MaskOf<F> negative = less(copysign(one, x), zero);
  const F angle = copysign(angle_tree<kShort>(high, flat, negative), y);
  return select(either(is_nan(x), is_nan(y)), not_a_number<F>(), angle);
}

template <Double F>
TAUTO_TREE F asin(F x) {
  return asin_tree<false>(x);
}
template <Single F>
TAUTO_TREE F asin(F x) {
  return narrow(asin_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F acos(F x) {
  return acos_tree<false>(x);
}
template <Single F>
TAUTO_TREE F acos(F x) {
  return narrow(acos_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F atan(F x) {
  return atan_tree<false>(x);
}
template <Single F>
TAUTO_TREE F atan(F x) {
  return narrow(atan_tree<true>(widen(x)));
}
template <Double F>
TAUTO_TREE F atan2(F y, F x) {
  return atan2_tree<false>(y, x);
}
template <Single F>
TAUTO_TREE F atan2(F y, F x) {
  return narrow(atan2_tree<true>(widen(y), widen(x)));
}

}  // namespace tauto::math
