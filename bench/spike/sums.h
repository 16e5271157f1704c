// Sums of an expression, free and defined (16 partial sums, pieces of 256 terms), for use inside other
// kernels.
#pragma once

#include "bench/spike/vec.h"

#ifndef SPIKE_Q
#define SPIKE_Q 16
#endif

namespace spike {
namespace {

constexpr int kPiece = SPIKE_Q * 16;

inline float ref_sum_fma(long n, const std::function<float(long)>& at) {
  float s[16] = {};
  for (long i0 = 0; i0 < n; i0 += kPiece) {
    float t[16] = {};
    for (long i = i0; i < std::min(n, i0 + kPiece); ++i) t[i % 16] = __builtin_fmaf(at(i), at(i), t[i % 16]);
    for (int p = 0; p < 16; ++p) s[p] = s[p] + t[p];
  }
  for (int h = 8; h >= 1; h /= 2)
    for (int p = 0; p < h; ++p) s[p] = s[p] + s[p + h];
  return s[0];
}

// Along a row; at(i) gives terms i .. i + W - 1; n is a multiple of 4 W.
template <class F>
INLINE float sum_free(long n, F at) {
  V s[4] = {zero(), zero(), zero(), zero()};
  for (long i = 0; i < n; i += 4 * W)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) s[k] = add(s[k], at(i + k * W));
  return tree1(fold<4>(s));
}
// n a multiple of a piece here: three or four pieces abreast.
template <bool square, class F>
INLINE float sum_row_any(long n, F at) {
  constexpr int A = 16 / W;
  V total[A];
  for (int a = 0; a < A; ++a) total[a] = zero();
  auto pieces = [&](long i, auto count) {
    constexpr int P = decltype(count)::value;
    V s[P][A];
    for (int k = 0; k < P; ++k)
      for (int a = 0; a < A; ++a) s[k][a] = zero();
#pragma GCC unroll 2
    for (int q = 0; q < kPiece; q += 16)
#pragma GCC unroll 4
      for (int k = 0; k < P; ++k)
#pragma GCC unroll 2
        for (int a = 0; a < A; ++a) {
          V v = at(i + k * kPiece + q + a * W);
          s[k][a] = square ? fma(v, v, s[k][a]) : add(s[k][a], v);
        }
    for (int k = 0; k < P; ++k)
      for (int a = 0; a < A; ++a) total[a] = add(total[a], s[k][a]);
  };
  long i = 0;
  for (; i + 4 * kPiece <= n; i += 4 * kPiece) pieces(i, std::integral_constant<int, 4>());
  if (n - i == 3 * kPiece)
    pieces(i, std::integral_constant<int, 3>());
  else if (n - i == 2 * kPiece)
    pieces(i, std::integral_constant<int, 2>());
  else if (n - i == kPiece)
    pieces(i, std::integral_constant<int, 1>());
  return tree1(fold<A>(total));
}
template <class F>
INLINE float sum_row(long n, F at) {
  return sum_row_any<false>(n, at);
}
template <class F>
INLINE float sum_row_fma(long n, F at) {
  return sum_row_any<true>(n, at);
}

// Lanes are outputs; at(i) gives term i of each.
template <class F>
INLINE V sum_lanes_free(long n, F at) {
  V s[8];
  for (int j = 0; j < 8; ++j) s[j] = zero();
  long i = 0;
  for (; i + 8 <= n; i += 8)
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) s[j] = add(s[j], at(i + j));
  for (; i < n; ++i) s[0] = add(s[0], at(i));
  return fold<8>(s);
}
template <bool square, class F>
INLINE V sum_lanes_any(long n, F at) {
  constexpr int A = W == 16 ? 16 : 8;
  V total[16];
#pragma GCC unroll 16
  for (int p = 0; p < 16; ++p) total[p] = zero();
  for (long i0 = 0; i0 < n; i0 += kPiece) {
    long end = std::min(n, i0 + kPiece), full = (end - i0) / 16 * 16 + i0;
    for (int g = 0; g < 16; g += A) {
      V s[A];
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j) s[j] = zero();
      for (long i = i0 + g; i < full; i += 16)
#pragma GCC unroll 16
        for (int j = 0; j < A; ++j) {
          V v = at(i + j);
          s[j] = square ? fma(v, v, s[j]) : add(s[j], v);
        }
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j)
        if (full + g + j < end) {
          V v = at(full + g + j);
          s[j] = square ? fma(v, v, s[j]) : add(s[j], v);
        }
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j) total[g + j] = i0 ? add(total[g + j], s[j]) : s[j];
    }
  }
  return fold<16>(total);
}
template <class F>
INLINE V sum_lanes(long n, F at) {
  return sum_lanes_any<false>(n, at);
}
template <class F>
INLINE V sum_lanes_fma(long n, F at) {
  return sum_lanes_any<true>(n, at);
}

}  // namespace
}  // namespace spike
