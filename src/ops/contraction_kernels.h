// The inner loops of contractions: a tile of rows × lanes over the terms of one block, and how operands are
// brought into the order that tiles read. Plain loops over outputs, which a C++ compiler vectorises without
// touching a bit.
#pragma once

#include <cstring>

#include "ops/number.h"

namespace tauto::contraction {

template <class C>
inline constexpr int kVector = 32 / static_cast<int>(sizeof(C));
inline constexpr int kRows = 4;         // of a full tile
inline constexpr int kTileVectors = 2;  // of a tile with kRows rows
inline constexpr int kThinVectors = 4;  // where there are fewer rows

template <class C>
inline C multiply_add(C a, C b, C c) {
  if constexpr (std::is_same_v<C, float>)
    return __builtin_fmaf(a, b, c);
  else if constexpr (std::is_same_v<C, double>)
    return __builtin_fma(a, b, c);
  else
    return static_cast<C>(c + a * b);  // wraps
}

// sums[r][j] += Σ a[t][r] · b[t][j] in one chain from +0. b lies in rows of W lanes, or at b + taps[t].
template <class C, int R, int W, bool kTaps>
void tile(const C* a, const C* b, const int64_t* taps, int64_t terms, C* __restrict sums) {
  C acc[R][W];
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < W; ++j) acc[r][j] = 0;
  for (int64_t t = 0; t < terms; ++t, a += R) {
    const C* v = kTaps ? b + taps[t] : b + t * W;
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const C s = a[r];
#pragma GCC unroll 32
      for (int j = 0; j < W; ++j) acc[r][j] = multiply_add(s, v[j], acc[r][j]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < W; ++j) sums[r * W + j] = sums[r * W + j] + acc[r][j];
}

// sums[j] += Σ a[t][j] · b[t][j]: outputs that share no operand.
template <class C, int W>
void pairs(const C* a, const C* b, int64_t terms, C* __restrict sums) {
  C acc[W];
  for (int j = 0; j < W; ++j) acc[j] = 0;
  for (int64_t t = 0; t < terms; ++t, a += W, b += W)
#pragma GCC unroll 32
    for (int j = 0; j < W; ++j) acc[j] = multiply_add(a[j], b[j], acc[j]);
  for (int j = 0; j < W; ++j) sums[j] = sums[j] + acc[j];
}

template <class C>
using Tile = void (*)(const C*, const C*, const int64_t*, int64_t, C*);

template <class C, int W, bool kTaps>
Tile<C> tile_of(int rows) {
  static constexpr Tile<C> all[kRows] = {tile<C, 1, W, kTaps>, tile<C, 2, W, kTaps>, tile<C, 3, W, kTaps>,
                                         tile<C, 4, W, kTaps>};
  return all[rows - 1];
}

template <class C>
inline void copy(const C* from, C* to, int64_t n) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(C));
}

template <int N, class C>
void gather_rows_of(const C* from, const int64_t* taps, int64_t terms, C* to, int64_t width) {
  for (int64_t t = 0; t < terms; ++t) copy(from + taps[t], to + t * width, N);
}

// to[t][0 … count) = from[taps[t] …): whole panels with copies of known length.
template <class C>
void gather_rows(const C* from, const int64_t* taps, int64_t terms, int64_t count, C* to, int64_t width) {
  switch (count) {
    case kRows:
      return gather_rows_of<kRows>(from, taps, terms, to, width);
    case kTileVectors* kVector<C>:
      return gather_rows_of<kTileVectors * kVector<C>>(from, taps, terms, to, width);
    case kThinVectors* kVector<C>:
      return gather_rows_of<kThinVectors * kVector<C>>(from, taps, terms, to, width);
    default:
      for (int64_t t = 0; t < terms; ++t)
        for (int64_t j = 0; j < count; ++j) to[t * width + j] = from[taps[t] + j];
  }
}

// to[t][j] = from[j · step + t], eight by eight in registers where it can.
template <class C>
void transpose(const C* from, int64_t step, C* to, int64_t width, int64_t terms, int64_t lanes) {
  constexpr int64_t n = kVector<C>;
  typedef C V __attribute__((vector_size(32)));
  const auto plain = [&](int64_t t0, int64_t t1, int64_t j0, int64_t j1) {
    for (int64_t t = t0; t < t1; ++t)
      for (int64_t j = j0; j < j1; ++j) to[t * width + j] = from[j * step + t];
  };
  const int64_t full = lanes / n * n, whole = terms / n * n;
  for (int64_t j = 0; j < full; j += n)
    for (int64_t t = 0; t < whole; t += n) {
      const C* p = from + j * step + t;
      C* q = to + t * width + j;
      if constexpr (n == 8) {
        V r[8], s[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) std::memcpy(&r[i], p + i * step, 32);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 2) {
          s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
          s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 4) {
          r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
          r[i + 1] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
          r[i + 2] = __builtin_shufflevector(s[i + 1], s[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
          r[i + 3] = __builtin_shufflevector(s[i + 1], s[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 4; ++i) {
          s[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
          s[i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) std::memcpy(q + i * width, &s[i], 32);
      } else {
        V r[4], s[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) std::memcpy(&r[i], p + i * step, 32);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i += 2) {
          s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 2, 6);
          s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 5, 3, 7);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 2; ++i) {
          r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 4, 5);
          r[i + 2] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 6, 7);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) std::memcpy(q + i * width, &r[i], 32);
      }
    }
  plain(whole, terms, 0, full);
  plain(0, terms, full, lanes);
}

}  // namespace tauto::contraction
