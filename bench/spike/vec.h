// A vector of f32 at the width of the build (8 lanes: AVX2+FMA, 16 lanes: AVX-512), just enough for the
// spike.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/spike/spike.h"

#ifdef __AVX512F__
#define SPIKE_ISA avx512
#define SPIKE_NAME(x) x##_avx512
#else
#define SPIKE_ISA avx2
#define SPIKE_NAME(x) x##_avx2
#endif
#define SPIKE_STR2(x) #x
#define SPIKE_STR(x) SPIKE_STR2(x)
#define INLINE inline __attribute__((always_inline))

namespace spike {
namespace {

constexpr const char* kIsa = SPIKE_STR(SPIKE_ISA);

#ifdef __AVX512F__
constexpr int W = 16;
using V = __m512;
using I = __m512i;
using M = __mmask16;
INLINE V zero() { return _mm512_setzero_ps(); }
INLINE V set1(float x) { return _mm512_set1_ps(x); }
INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
INLINE void store(float* p, V v) { _mm512_storeu_ps(p, v); }
INLINE V load_first(const float* p, int n) { return _mm512_maskz_loadu_ps((1u << n) - 1, p); }
INLINE void store_first(float* p, V v, int n) { _mm512_mask_storeu_ps(p, (1u << n) - 1, v); }
INLINE V add(V a, V b) { return _mm512_add_ps(a, b); }
INLINE V sub(V a, V b) { return _mm512_sub_ps(a, b); }
INLINE V mul(V a, V b) { return _mm512_mul_ps(a, b); }
INLINE V div(V a, V b) { return _mm512_div_ps(a, b); }
INLINE V sqrt(V a) { return _mm512_sqrt_ps(a); }
INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
INLINE V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
INLINE V vmax(V a, V b) { return _mm512_max_ps(a, b); }  // a > b ? a : b
INLINE V vmin(V a, V b) { return _mm512_min_ps(a, b); }  // a < b ? a : b
INLINE V rcp(V a) { return _mm512_rcp14_ps(a); }
INLINE V rsqrt(V a) { return _mm512_rsqrt14_ps(a); }
INLINE V round(V a) { return _mm512_roundscale_ps(a, 8); }
INLINE V abs(V a) { return _mm512_abs_ps(a); }
INLINE V bit_or(V a, V b) { return _mm512_or_ps(a, b); }
INLINE V bit_and(V a, V b) { return _mm512_and_ps(a, b); }
INLINE M lt(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE M not_lt(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }
INLINE M not_ge(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_NGE_UQ); }
INLINE M unordered(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
INLINE V select(M m, V a, V b) { return _mm512_mask_blend_ps(m, b, a); }
INLINE M either(M a, M b) { return a | b; }
INLINE bool any(M m) { return m != 0; }
INLINE bool all(M m) { return m == 0xffff; }
// 2^n * x for n integer-valued; one instruction that is exact except for one correct rounding.
INLINE V scale2(V x, V n) { return _mm512_scalef_ps(x, n); }

// Rows of W partial sums each -> one vector: lane r = row r's tree, s[p] + s[p + W/2], then halving.
INLINE V tree(const V* r) {
  V u[4];
  for (int q = 0; q < 4; ++q) {  // rows q*4 .. q*4+3 give quads, one row each
    V a = add(_mm512_shuffle_f32x4(r[4 * q], r[4 * q + 1], 0x44),
              _mm512_shuffle_f32x4(r[4 * q], r[4 * q + 1], 0xEE));
    V b = add(_mm512_shuffle_f32x4(r[4 * q + 2], r[4 * q + 3], 0x44),
              _mm512_shuffle_f32x4(r[4 * q + 2], r[4 * q + 3], 0xEE));
    u[q] = add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  }
  V a = add(_mm512_shuffle_ps(u[0], u[1], 0x44), _mm512_shuffle_ps(u[0], u[1], 0xEE));
  V b = add(_mm512_shuffle_ps(u[2], u[3], 0x44), _mm512_shuffle_ps(u[2], u[3], 0xEE));
  V w = add(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xDD));  // lane 4q+j = row 4j+q
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), w);
}
INLINE float tree1(V v) {
  __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
#else
constexpr int W = 8;
using V = __m256;
using I = __m256i;
using M = __m256;
INLINE V zero() { return _mm256_setzero_ps(); }
INLINE V set1(float x) { return _mm256_set1_ps(x); }
INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
INLINE void store(float* p, V v) { _mm256_storeu_ps(p, v); }
INLINE __m256i first_mask(int n) {
  static const int table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table + 8 - n));
}
INLINE V load_first(const float* p, int n) { return _mm256_maskload_ps(p, first_mask(n)); }
INLINE void store_first(float* p, V v, int n) { _mm256_maskstore_ps(p, first_mask(n), v); }
INLINE V add(V a, V b) { return _mm256_add_ps(a, b); }
INLINE V sub(V a, V b) { return _mm256_sub_ps(a, b); }
INLINE V mul(V a, V b) { return _mm256_mul_ps(a, b); }
INLINE V div(V a, V b) { return _mm256_div_ps(a, b); }
INLINE V sqrt(V a) { return _mm256_sqrt_ps(a); }
INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
INLINE V fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
INLINE V vmax(V a, V b) { return _mm256_max_ps(a, b); }
INLINE V vmin(V a, V b) { return _mm256_min_ps(a, b); }
INLINE V rcp(V a) { return _mm256_rcp_ps(a); }
INLINE V rsqrt(V a) { return _mm256_rsqrt_ps(a); }
INLINE V round(V a) { return _mm256_round_ps(a, 8); }
INLINE V abs(V a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }
INLINE V bit_or(V a, V b) { return _mm256_or_ps(a, b); }
INLINE V bit_and(V a, V b) { return _mm256_and_ps(a, b); }
INLINE M lt(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
INLINE M not_lt(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_NLT_UQ); }
INLINE M not_ge(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_NGE_UQ); }
INLINE M unordered(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
INLINE V select(M m, V a, V b) { return _mm256_blendv_ps(b, a, m); }
INLINE M either(M a, M b) { return _mm256_or_ps(a, b); }
INLINE bool any(M m) { return _mm256_movemask_ps(m) != 0; }
INLINE bool all(M m) { return _mm256_movemask_ps(m) == 0xff; }

INLINE V tree(const V* r) {
  V u[4];
  for (int q = 0; q < 4; ++q) {
    u[q] = add(_mm256_permute2f128_ps(r[2 * q], r[2 * q + 1], 0x20),
               _mm256_permute2f128_ps(r[2 * q], r[2 * q + 1], 0x31));
  }
  V a = add(_mm256_shuffle_ps(u[0], u[1], 0x44), _mm256_shuffle_ps(u[0], u[1], 0xEE));
  V b = add(_mm256_shuffle_ps(u[2], u[3], 0x44), _mm256_shuffle_ps(u[2], u[3], 0xEE));
  V w = add(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xDD));  // rows 0 2 4 6 | 1 3 5 7
  return _mm256_permutevar8x32_ps(w, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
INLINE float tree1(V v) {
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
#endif

// s[i] = s[i] + s[i + n/2], halving, over n vectors; the result is s[0].
template <int n>
INLINE V fold(V* s) {
#pragma GCC unroll 16
  for (int h = n / 2; h >= 1; h /= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < h; ++i) s[i] = add(s[i], s[i + h]);
  }
  return s[0];
}

// The definition of a sum, as text would say it.
inline float ref_sum(int L, long n, const std::function<float(long)>& at) {
  std::vector<float> s(static_cast<size_t>(L), 0.0f);
  for (long i = 0; i < n; ++i) s[i % L] = s[i % L] + at(i);
  for (int h = L / 2; h >= 1; h /= 2)
    for (int p = 0; p < h; ++p) s[p] = s[p] + s[p + h];
  return s[0];
}

// The same with each chain cut after q terms (0: not at all) and the pieces added left to right.
inline float ref_sum2(int L, int q, long n, const std::function<float(long)>& at) {
  if (q == 0) return ref_sum(L, n, at);
  std::vector<float> s(static_cast<size_t>(L), 0.0f);
  for (long i0 = 0; i0 < n; i0 += q * L) {
    std::vector<float> t(static_cast<size_t>(L), 0.0f);
    for (long i = i0; i < std::min(n, i0 + q * L); ++i) t[i % L] = t[i % L] + at(i);
    for (int p = 0; p < L; ++p) s[p] = s[p] + t[p];
  }
  for (int h = L / 2; h >= 1; h /= 2)
    for (int p = 0; p < h; ++p) s[p] = s[p] + s[p + h];
  return s[0];
}

}  // namespace
}  // namespace spike
