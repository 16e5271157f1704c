// log(x), log1p(x) = log(1 + x), log2(x), and the decomposition that they share.
//
//   x = 2^k (1 + f),  sqrt(1/2) <= 1 + f < sqrt(2)   (denormals are first scaled up)
//   log(1 + f) = f + u;   f32: u = f^2 (-1/2 + f Q(f)), Q of degree 7
//                         f64: s = f / (2 + f), u = s (f^2/2 + s^2 R(s^2)) - f^2/2, R of degree 6
//   log x = (k ln2_hi + f) + (what that sum lost + u + k ln2_lo);  k ln2_hi is exact
//   log2 x: k + (f + u) log2 e, f + u and the product as unevaluated sums
//   log1p x: 1 + x as an unevaluated sum, decomposed as above; f then has a low part f_lo, whose share in
//            the result is f_lo (1 - f + f^2)
// log(0) = -inf, log(x < 0) = NaN, log(inf) = inf; log2 is exact at powers of two.
// Largest error measured: see accuracy.h.
#pragma once

#include "ops/math/polynomials.h"
#include "ops/math/vocabulary.h"

namespace tauto::math {

// x = 2^k (1 + f) for positive finite x.
template <class F>
struct LogReduced {
  F k;
  F f;
};

template <class F>
TAUTO_TREE LogReduced<F> log_reduce(F x) {
  constexpr int kMantissa = Format<F>::kMantissa;
  const F tiniest = constant<F>(Single<F> ? 0x1p-126 : 0x1p-1022);
  const F grow = constant<F>(Single<F> ? 0x1p24 : 0x1p53);
  const IntOf<F> root = bits(constant<F>(Single<F> ? 0x1.6a09e6p-1 : 0x1.6a09e667f3bcdp-1));
  const MaskOf<F> denormal = less(x, tiniest);
  const IntOf<F> i = bits(select(denormal, x * grow, x)) + (bits(constant<F>(1)) - root);
  const IntOf<F> mantissa = integer<F>((int64_t{1} << kMantissa) - 1);
  const IntOf<F> bias =
      select(denormal, integer<F>(Format<F>::kBias + kMantissa + 1), integer<F>(Format<F>::kBias));
  const F k = to_float<F>(shift_right(i, kMantissa) - bias);
  return {k, from_bits((i & mantissa) + root) - constant<F>(1)};
}

// log(1 + f) - f, for sqrt(1/2) <= 1 + f <= sqrt(2). Short: in f64 with an error of 2^-37, for results in
// f32.
template <bool kShort = false, class F>
TAUTO_TREE F log_tail(F f) {
  if constexpr (Single<F>) {
    return f * f * fma(f, polynomial(f, kLogF32), constant<F>(-0.5));
  } else {
    const F s = f / (constant<F>(2) + f);
    const F z = s * s;
    const F h = constant<F>(0.5) * f * f;
    F p;
    if constexpr (kShort) {
      p = polynomial(z, kLogShort);
    } else {
      p = polynomial(z, kLogF64);
    }
    return s * fma(z, p, h) - h;
  }
}

// k ln2 + f + u, accurate for |u| well below |f|.
template <class F>
TAUTO_TREE F log_sum(F k, F f, F u) {
  const F ln2_hi = constant<F>(Single<F> ? 0x1.62e4p-1 : 0x1.62e42fefa3p-1);  // k ln2_hi is exact
  const F ln2_lo = constant<F>(Single<F> ? 0x1.7f7d1cp-20 : 0x1.3de6af278ece6p-42);
  const F head = k * ln2_hi;
  const F sum = head + f;
  const F lost = f - (sum - head);
  return sum + fma(k, ln2_lo, lost + u);
}

// The results log(x) has outside the positive finite numbers, inside's there.
template <class F>
TAUTO_TREE F log_ends(F x, F inside) {
  const F zero = constant<F>(0);
  const F ends = select(equal(x, zero), -infinity<F>(), select(less(x, zero), not_a_number<F>(), x));
  return select(both(less(zero, x), less(x, infinity<F>())), inside, ends);
}

// log(1 + hi + lo) + extra ln2, for |lo| at most half an ulp of hi or 1.
template <bool kShort = false, class F>
TAUTO_TREE F log1p_sum(F hi, F lo, F extra) {
  constexpr int kMantissa = Format<F>::kMantissa;
  const F one = constant<F>(1);
  const F u = one + hi;
  const F part = u - one;
  const F u_lo = ((one - (u - part)) + (hi - part)) + lo;
  // u is no denormal. 2^(1 - k) is 0 where k is largest; u_lo does not matter there.
  const IntOf<F> root = bits(constant<F>(Single<F> ? 0x1.6a09e6p-1 : 0x1.6a09e667f3bcdp-1));
  const IntOf<F> i = bits(u) + (bits(one) - root);
  const IntOf<F> biased = shift_right(i, kMantissa);
  const F k = to_float<F>(biased - integer<F>(Format<F>::kBias)) + extra;
  const F m = from_bits((i & integer<F>((int64_t{1} << kMantissa) - 1)) + root) - one;
  const F m_lo = u_lo * (constant<F>(0.5) * power_of_two<F>(integer<F>(2 * Format<F>::kBias + 1) - biased));
  const F f = m + m_lo;
  const F f_lo = m_lo - (f - m);
  const F slope = fma(f, f - one, one);
  return log_ends(u, log_sum(k, f, fma(f_lo, slope, log_tail<kShort>(f))));
}

template <class F>
TAUTO_TREE F log1p(F x) {
  return copysign(log1p_sum(x, constant<F>(0), constant<F>(0)), x);
}

template <class F>
TAUTO_TREE F log2(F x) {
  const LogReduced<F> v = log_reduce(x);
  const F log2e = constant<F>(Single<F> ? 0x1.715476p0 : 0x1.71547652b82fep0);
  const F log2e_lo = constant<F>(Single<F> ? 0x1.4ae0cp-26 : 0x1.777d0ffda0d24p-56);
  const F u = log_tail(v.f);
  const F w = v.f + u;
  const F w_lo = u - (w - v.f);
  const F p = w * log2e;
  const F p_lo = fma(w, log2e, -p) + fma(w, log2e_lo, w_lo * log2e);
  const F sum = v.k + p;
  return log_ends(x, sum + ((v.k - sum) + p + p_lo));
}

template <class F>
TAUTO_TREE F log(F x) {
  const LogReduced<F> v = log_reduce(x);
  return log_ends(x, log_sum(v.k, v.f, log_tail(v.f)));
}

}  // namespace tauto::math
