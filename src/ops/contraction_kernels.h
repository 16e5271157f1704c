// The inner loops of contractions: a tile of rows × lanes over the terms of one block, and how operands are
// brought into the order that tiles read. Plain loops over outputs, which a C++ compiler vectorises without
// touching a bit.
#pragma once

#include <array>
#include <cstring>
#ifdef __FMA__
#include <immintrin.h>
#endif

#include "ops/number.h"
#include "support/lanes.h"

namespace tauto::contraction {

template <class C>
inline constexpr int kVector = 32 / static_cast<int>(sizeof(C));
inline constexpr int kRows = 4;         // of a full tile
inline constexpr int kTileVectors = 2;  // of a tile with kRows rows
inline constexpr int kThinVectors = 4;  // where there are fewer rows

// Only fma has no operator on lanes, and written as a loop over lanes GCC 12 keeps the sums of a tile in memory
// (a third of the speed).
inline Lanes<float> multiply_add(float s, Lanes<float> x, Lanes<float> sum) {
#ifdef __FMA__
  return _mm256_fmadd_ps(_mm256_set1_ps(s), x, sum);
#else
  for (int j = 0; j < kVector<float>; ++j) sum[j] = __builtin_fmaf(s, x[j], sum[j]);
  return sum;
#endif
}
inline Lanes<float> multiply_add(Lanes<float> a, Lanes<float> x, Lanes<float> sum) {
#ifdef __FMA__
  return _mm256_fmadd_ps(a, x, sum);
#else
  for (int j = 0; j < kVector<float>; ++j) sum[j] = __builtin_fmaf(a[j], x[j], sum[j]);
  return sum;
#endif
}
inline Lanes<double> multiply_add(double s, Lanes<double> x, Lanes<double> sum) {
#ifdef __FMA__
  return _mm256_fmadd_pd(_mm256_set1_pd(s), x, sum);
#else
  for (int j = 0; j < kVector<double>; ++j) sum[j] = __builtin_fma(s, x[j], sum[j]);
  return sum;
#endif
}
inline Lanes<double> multiply_add(Lanes<double> a, Lanes<double> x, Lanes<double> sum) {
#ifdef __FMA__
  return _mm256_fmadd_pd(a, x, sum);
#else
  for (int j = 0; j < kVector<double>; ++j) sum[j] = __builtin_fma(a[j], x[j], sum[j]);
  return sum;
#endif
}
template <class A, class V>  // integers wrap
V multiply_add(A a, V x, V sum) {
  return sum + a * x;
}

// Half a vector from p, half from q.
template <class C>
Lanes<C> halves(const C* p, const C* q) {
  typedef C Half __attribute__((vector_size(16)));
  Half a, b;
  std::memcpy(&a, p, sizeof a);
  std::memcpy(&b, q, sizeof b);
  if constexpr (kVector<C> == 8)
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  else
    return __builtin_shufflevector(a, b, 0, 1, 2, 3);
}

// sums[r][j] += Σ a[t][r] · b[t][j] in one chain from +0. b lies in rows of W lanes, or at b + taps[t].
template <class C, int R, int W, bool kTaps>
void tile(const C* a, const C* b, const int64_t* taps, int64_t terms, C* sums) {
  constexpr int n = kVector<C>, V = W / n;
  Lanes<C> acc[R][V] = {};
  for (int64_t t = 0; t < terms; ++t, a += R) {
    const C* p = kTaps ? b + taps[t] : b + t * W;
    Lanes<C> x[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) x[v] = load_lanes(p + v * n);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = multiply_add(a[r], x[v], acc[r][v]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      C* p = sums + r * W + v * n;
      store_lanes<C>(load_lanes(p) + acc[r][v], p);
    }
}

// sums[j] += Σ a[t][j] · b[t][j]: outputs that share no operand.
template <class C, int W>
void pairs(const C* a, const C* b, int64_t terms, C* sums) {
  constexpr int n = kVector<C>, V = W / n;
  Lanes<C> acc[V] = {};
  for (int64_t t = 0; t < terms; ++t, a += W, b += W)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) acc[v] = multiply_add(load_lanes(a + v * n), load_lanes(b + v * n), acc[v]);
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) store_lanes<C>(load_lanes(sums + v * n) + acc[v], sums + v * n);
}

template <class C>
using Tile = void (*)(const C*, const C*, const int64_t*, int64_t, C*);

template <class C, int W, bool kTaps>
Tile<C> tile_of(int rows) {
  static constexpr Tile<C> all[kRows] = {tile<C, 1, W, kTaps>, tile<C, 2, W, kTaps>, tile<C, 3, W, kTaps>,
                                         tile<C, 4, W, kTaps>};
  return all[rows - 1];
}

// Short copies are two moves that may overlap.
template <class C>
inline void copy(const C* from, C* to, int64_t n) {
  const size_t bytes = static_cast<size_t>(n) * sizeof(C);
  const auto two = [&](auto move) {
    decltype(move) last;
    const char* p = reinterpret_cast<const char*>(from);
    char* q = reinterpret_cast<char*>(to);
    std::memcpy(&move, p, sizeof move);
    std::memcpy(&last, p + bytes - sizeof move, sizeof move);
    std::memcpy(q, &move, sizeof move);
    std::memcpy(q + bytes - sizeof move, &last, sizeof move);
  };
  if (bytes > 64)
    std::memcpy(to, from, bytes);
  else if (bytes >= 32)
    two(Lanes<uint64_t>{});
  else if (bytes >= 16)
    two(std::array<uint64_t, 2>{});
  else if (bytes >= 8)
    two(uint64_t{});
  else if (n > 0)
    *to = *from;
}

// to[i] = from[i · step].
template <class C>
void copy_steps(const C* from, int64_t step, C* to, int64_t n) {
  constexpr int64_t v = kVector<C>;
  int64_t i = 0;
  if (step == 1) return copy(from, to, n);
  if (step == 2) {
    using V = Lanes<C>;
    for (; i + v < n;
         i += v) {  // the last element of the second vector may lie outside: leave it to the loop below
      V a, b;
      std::memcpy(&a, from + 2 * i, 32);
      std::memcpy(&b, from + 2 * i + v, 32);
      if constexpr (v == 8)
        a = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
      else
        a = __builtin_shufflevector(a, b, 0, 2, 4, 6);
      std::memcpy(to + i, &a, 32);
    }
  }
  for (; i < n; ++i) to[i] = from[i * step];
}

template <int N, class C>
void gather_rows_of(const C* from, const int64_t* taps, int64_t terms, C* to, int64_t width) {
  for (int64_t t = 0; t < terms; ++t) std::memcpy(to + t * width, from + taps[t], N * sizeof(C));
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
      for (int64_t t = 0; t < terms; ++t) copy(from + taps[t], to + t * width, count);
  }
}

// Terms t … t + n / 2 of n lanes, from[j · step + t], as a vector each: a vector's halves hold n / 2 terms of
// lane j and of lane j + n / 2, so that all that is left to do stays within halves.
template <class C>
inline std::array<Lanes<C>, kVector<C> / 2> square(const C* from, int64_t step) {
  constexpr int h = kVector<C> / 2;
  std::array<Lanes<C>, h> r;
#pragma GCC unroll 4
  for (int i = 0; i < h; ++i) r[i] = halves(from + i * step, from + (i + h) * step);
  if constexpr (h == 4) {
    const auto a = __builtin_shufflevector(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13),
               b = __builtin_shufflevector(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15),
               c = __builtin_shufflevector(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13),
               d = __builtin_shufflevector(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
    return {__builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13),
            __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15),
            __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13),
            __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15)};
  } else {
    return {__builtin_shufflevector(r[0], r[1], 0, 4, 2, 6), __builtin_shufflevector(r[0], r[1], 1, 5, 3, 7)};
  }
}

// to[t][j] = from[j · step + t].
template <class C>
void transpose(const C* from, int64_t step, C* to, int64_t width, int64_t terms, int64_t lanes) {
  constexpr int64_t n = kVector<C>, h = n / 2;
  const int64_t full = lanes / n * n, whole = terms / h * h;
  for (int64_t j = 0; j < full; j += n)
    for (int64_t t = 0; t < whole; t += h) {
      const auto x = square(from + j * step + t, step);
#pragma GCC unroll 4
      for (size_t i = 0; i < h; ++i) store_lanes<C>(x[i], to + (t + static_cast<int64_t>(i)) * width + j);
    }
  for (int64_t t = 0; t < terms; ++t)
    for (int64_t j = t < whole ? full : 0; j < lanes; ++j) to[t * width + j] = from[j * step + t];
}

// pairs of n lanes where they lie: sums[j] += Σ a[j · a_step + t] · b[j · b_step + t].
template <class C>
void pairs_apart(const C* a, int64_t a_step, const C* b, int64_t b_step, int64_t terms, C* sums) {
  constexpr int64_t n = kVector<C>, h = n / 2;
  Lanes<C> acc = {};
  int64_t t = 0;
  for (; t + h <= terms; t += h) {
    const auto x = square(a + t, a_step), y = square(b + t, b_step);
#pragma GCC unroll 4
    for (size_t i = 0; i < h; ++i) acc = multiply_add(x[i], y[i], acc);
  }
  C chain[n];
  store_lanes<C>(acc, chain);
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t u = t; u < terms; ++u) chain[j] = num::fma(a[j * a_step + u], b[j * b_step + u], chain[j]);
    sums[j] = sums[j] + chain[j];
  }
}

}  // namespace tauto::contraction
