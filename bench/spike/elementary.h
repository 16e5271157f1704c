// exp and a reciprocal for the spike: a free form and a tree of correctly rounded operations.
#pragma once

#include "bench/spike/vec.h"

namespace spike {
namespace {

// The tree of exp: n = rint(x log2 e) through a magic number, r = x - n ln 2 in two steps, p = polynomial in
// r, then p * 2^n rounded once. The last step may be done in any way that rounds once; `far` arguments are
// those whose result is not normal.
struct ExpParts {
  V p, n, shifted;  // shifted = n + 1.5 * 2^23
};
template <int degree>
INLINE ExpParts exp_parts(V x) {
  V magic = set1(0x1.8p23f), t = fma(x, set1(1.44269504f), magic), n = sub(t, magic);
  V r = fnma(n, set1(0.693145752f), x);
  r = fnma(n, set1(1.42860677e-06f), r);
  V p;
  if constexpr (degree == 6) {
    p = fma(set1(0.0013933643f), r, set1(0.0083631756f));
    p = fma(p, r, set1(0.041666465f));
    p = fma(p, r, set1(0.16666577f));
    p = fma(p, r, set1(0.5f));
  } else {
    p = fma(set1(0.0083751289f), r, set1(0.04191753f));
    p = fma(p, r, set1(0.166664155f));
    p = fma(p, r, set1(0.499988689f));
  }
  p = fma(p, r, set1(1.0f));
  return {fma(p, r, set1(1.0f)), n, t};
}

#ifdef __AVX512F__
INLINE V scale_any(ExpParts e) { return _mm512_scalef_ps(e.p, e.n); }
INLINE V scale_nonpositive(ExpParts e) { return _mm512_scalef_ps(e.p, e.n); }
INLINE V scale_normal(ExpParts e) { return _mm512_scalef_ps(e.p, e.n); }
#else
INLINE V shift(V n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(n), 23)); }
// Two factors; the first product is exact.
INLINE V scale_any(ExpParts e) {
  __m256i i = _mm256_cvtps_epi32(e.n), half = _mm256_srai_epi32(i, 1), rest = _mm256_sub_epi32(i, half);
  __m256i bias = _mm256_set1_epi32(127);
  V a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  V b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return mul(mul(e.p, a), b);
}
// n <= 0: 2^(n+25) is normal, so (p 2^(n+25)) 2^-25 rounds once.
INLINE V scale_nonpositive(ExpParts e) {
  V a = _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(shift(e.shifted)), _mm256_set1_epi32((127 + 25) << 23)));
  return mul(mul(e.p, a), set1(0x1p-25f));
}
// The result is normal.
INLINE V scale_normal(ExpParts e) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(e.p), _mm256_castps_si256(shift(e.shifted))));
}
#endif

// Three ways to the same bits: all arguments; arguments <= 0 (softmax, sigmoid, tanh, erf); a branch for the
// rare.
INLINE V exp_any(V x) { return scale_any(exp_parts<6>(vmin(set1(89.0f), vmax(set1(-104.0f), x)))); }
INLINE V exp_nonpositive(V x) { return scale_nonpositive(exp_parts<6>(vmax(set1(-104.0f), x))); }
INLINE V exp_branch(V x) {
  if (__builtin_expect(any(not_lt(abs(x), set1(87.0f))), 0)) return exp_any(x);
  return scale_normal(exp_parts<6>(x));
}
INLINE V exp_nonpositive_branch(V x) {
  if (__builtin_expect(any(not_ge(x, set1(-87.0f))), 0)) return exp_nonpositive(x);
  return scale_normal(exp_parts<6>(x));
}
// Free: normal results only; the fast one is good for 2 ulp.
INLINE V exp_free(V x) { return scale_normal(exp_parts<6>(vmax(set1(-87.0f), x))); }
INLINE V exp_fast(V x) { return scale_normal(exp_parts<5>(vmax(set1(-87.0f), x))); }

// 1/d for d in [1, 2] without a division: a quadratic start (1.2e-2) and two Newton steps (2e-8).
INLINE V reciprocal_1_2(V d) {
  V r = fma(fma(set1(0.33304448f), d, set1(-1.48441482f)), d, set1(2.14274837f));
  r = fma(fnma(d, r, set1(1)), r, r);
  return fma(fnma(d, r, set1(1)), r, r);
}

}  // namespace
}  // namespace spike
