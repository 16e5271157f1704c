// log(x), and the decomposition that its relatives share.
//
//   x = 2^k (1 + f),  sqrt(1/2) <= 1 + f < sqrt(2)   (denormals are first scaled up)
//   log(1 + f) = f + u;   f32: u = f^2 (-1/2 + f Q(f)), Q of degree 7
//                         f64: s = f / (2 + f), u = s (f^2/2 + s^2 R(s^2)) - f^2/2, R of degree 6
//   log x = (k ln2_hi + f) + (what that sum lost + u + k ln2_lo);  k ln2_hi is exact
// log(0) = -inf, log(x < 0) = NaN, log(inf) = inf.
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

// log(1 + f) - f, for sqrt(1/2) <= 1 + f <= sqrt(2).
template <class F>
TAUTO_TREE F log_tail(F f) {
  if constexpr (Single<F>) {
    return f * f * fma(f, polynomial(f, kLogF32), constant<F>(-0.5));
  } else {
    const F s = f / (constant<F>(2) + f);
    const F z = s * s;
    const F h = constant<F>(0.5) * f * f;
    return s * fma(z, polynomial(z, kLogF64), h) - h;
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

template <class F>
TAUTO_TREE F log(F x) {
  const LogReduced<F> v = log_reduce(x);
  return log_ends(x, log_sum(v.k, v.f, log_tail(v.f)));
}

}  // namespace tauto::math
