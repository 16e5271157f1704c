// Sums of rows, columns and blocked layouts under "L interleaved partial sums, then a halving tree".
//
// The number of additions does not depend on L: n - L in the chains and L - 1 in the tree. So what L decides
// is only how many chains are independent (too few: bound by the latency of an addition) and how many partial
// sums are alive (too many: they do not fit the registers). Where lanes are outputs (columns, NCHW16c over H
// and W) an implementation need not keep all L alive: the partial sums of one residue modulo L/8 form a
// subtree, so it walks the run once per residue with 8 accumulators, and combines the L/8 results at the end.
#include "bench/spike/vec.h"

namespace spike {
namespace {

// One row; A = number of vector accumulators. L = A * W.
template <int A>
INLINE V row_vector(const float* x, long n) {
  V s[A];
  for (int a = 0; a < A; ++a) s[a] = zero();
  long i = 0;
  for (; i + A * W <= n; i += A * W) {
#pragma GCC unroll 32
    for (int a = 0; a < A; ++a) s[a] = add(s[a], load(x + i + a * W));
  }
#pragma GCC unroll 32
  for (int a = 0; a < A; ++a) {
    long left = n - i - a * W;
    if (left >= W)
      s[a] = add(s[a], load(x + i + a * W));
    else if (left > 0)
      s[a] = add(s[a], load_first(x + i + a * W, static_cast<int>(left)));
  }
  return fold<A>(s);
}

// One row in pieces of Q * L terms, four pieces at a time, their partial sums added left to right.
template <int A, int Q>
INLINE V row_pieces(const float* x, long n) {
  constexpr long kPiece = Q * A * W;
  V total[A];
  for (int a = 0; a < A; ++a) total[a] = zero();
  auto pieces = [&](long i, auto count) __attribute__((always_inline)) {
    constexpr int P = decltype(count)::value;
    V s[P][A];
    for (int k = 0; k < P; ++k)
      for (int a = 0; a < A; ++a) s[k][a] = zero();
    for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
      for (int k = 0; k < P; ++k)
#pragma GCC unroll 8
        for (int a = 0; a < A; ++a) s[k][a] = add(s[k][a], load(x + i + k * kPiece + (q * A + a) * W));
    for (int k = 0; k < P; ++k)
      for (int a = 0; a < A; ++a) total[a] = add(total[a], s[k][a]);
  };
  long i = 0;
  for (; i + 4 * kPiece <= n; i += 4 * kPiece) pieces(i, std::integral_constant<int, 4>());
  for (; i + 2 * kPiece <= n; i += 2 * kPiece) pieces(i, std::integral_constant<int, 2>());
  for (; i < n; i += kPiece) {
    long m = std::min(n - i, kPiece), full = m / (A * W) * (A * W);
    V s[A];
    for (int a = 0; a < A; ++a) s[a] = zero();
    for (long k = 0; k < full; k += A * W)
#pragma GCC unroll 8
      for (int a = 0; a < A; ++a) s[a] = add(s[a], load(x + i + k + a * W));
    for (int a = 0; a < A; ++a) {
      long left = m - full - a * W;
      if (left >= W)
        s[a] = add(s[a], load(x + i + full + a * W));
      else if (left > 0)
        s[a] = add(s[a], load_first(x + i + full + a * W, static_cast<int>(left)));
      total[a] = add(total[a], s[a]);
    }
  }
  return fold<A>(total);
}
template <int A, int Q>
__attribute__((noinline)) void rows_pieces(const float* x, float* out, long rows, long n) {
  for (long r = 0; r < rows; ++r) out[r] = tree1(row_pieces<A, Q>(x + r * n, n));
}

template <int A>
__attribute__((noinline)) void rows_single(const float* x, float* out, long rows, long n) {
  for (long r = 0; r < rows; ++r) out[r] = tree1(row_vector<A>(x + r * n, n));
}

// R rows at a time, A accumulators each: more chains than one row's L gives.
template <int A, int R>
__attribute__((noinline)) void rows_abreast(const float* x, float* out, long rows, long n) {
  for (long r = 0; r + R <= rows; r += R) {
    V s[R][A];
    for (int j = 0; j < R; ++j)
      for (int a = 0; a < A; ++a) s[j][a] = zero();
    for (long i = 0; i + A * W <= n; i += A * W) {
#pragma GCC unroll 8
      for (int j = 0; j < R; ++j) {
#pragma GCC unroll 16
        for (int a = 0; a < A; ++a) s[j][a] = add(s[j][a], load(x + (r + j) * n + i + a * W));
      }
    }
    for (int j = 0; j < R; ++j) out[r + j] = tree1(fold<A>(s[j]));
  }
}

// Short rows: n <= 64, loads fixed by n; the partial sums that stay +0 are left out (a law, not a shortcut:
// no partial sum can be -0, so one +0 at the end stands for all of them). Chain: L = W; halves: any L >= n.
template <int K, bool halves>
__attribute__((noinline)) void rows_short(const float* x, float* out, long rows, long n) {
  int last = static_cast<int>(n) - (K - 1) * W;
  for (long r = 0; r + W <= rows; r += W) {
    V v[W];
#pragma GCC unroll 16
    for (int j = 0; j < W; ++j) {
      const float* p = x + (r + j) * n;
      V t[K > 1 ? 8 : 1];
#pragma GCC unroll 8
      for (int k = 0; k < K - 1; ++k) t[k] = load(p + k * W);
      t[K - 1] = last == W ? load(p + (K - 1) * W) : load_first(p + (K - 1) * W, last);
      if (halves) {
#pragma GCC unroll 4
        for (int h = 4; h >= 1; h /= 2) {
#pragma GCC unroll 8
          for (int k = 0; k < h; ++k)
            if (k + h < K && k + h < 2 * h) t[k] = add(t[k], t[k + h]);
        }
      } else {
#pragma GCC unroll 8
        for (int k = 1; k < K; ++k) t[0] = add(t[0], t[k]);
      }
      v[j] = t[0];
    }
    store(out + r, add(zero(), tree(v)));
  }
}

template <bool halves>
void rows_short_n(const float* x, float* out, long rows, long n) {
  switch ((n + W - 1) / W) {
    case 1:
      return rows_short<1, halves>(x, out, rows, n);
    case 2:
      return rows_short<2, halves>(x, out, rows, n);
    case 3:
      return rows_short<3, halves>(x, out, rows, n);
    case 4:
      return rows_short<4, halves>(x, out, rows, n);
    case 5:
      return rows_short<5, halves>(x, out, rows, n);
    case 6:
      return rows_short<6, halves>(x, out, rows, n);
    case 7:
      return rows_short<7, halves>(x, out, rows, n);
    default:
      return rows_short<8, halves>(x, out, rows, n);
  }
}

// n vectors at a stride (in floats), lanes are outputs. Free: 8 accumulators over neighbours.
INLINE V strided_free(const float* x, long n, long stride) {
  V s[8];
  for (int j = 0; j < 8; ++j) s[j] = zero();
  long i = 0;
  for (; i + 8 <= n; i += 8) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) s[j] = add(s[j], load(x + (i + j) * stride));
  }
  for (; i < n; ++i) s[0] = add(s[0], load(x + i * stride));
  return fold<8>(s);
}

// Defined: A of the L partial sums in registers at a time, over a piece that stays in L1.
// With Q, the chain of each partial sum is cut after Q terms and the pieces are added left to right.
template <int L, int Q>
INLINE V strided(const float* x, long n, long stride) {
  constexpr int A = W == 16 ? 16 : 8;
  constexpr long kPiece = (Q ? Q : 512 / W) * L;
  V part[L];
  for (long i0 = 0; i0 < n; i0 += kPiece) {
    long end = std::min(n, i0 + kPiece), full = (end - i0) / L * L + i0;
    for (int g = 0; g < L; g += A) {
      V s[A];
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j) s[j] = Q || i0 == 0 ? zero() : part[g + j];
      for (long i = i0 + g; i < full; i += L) {
#pragma GCC unroll 16
        for (int j = 0; j < A; ++j) s[j] = add(s[j], load(x + (i + j) * stride));
      }
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j)
        if (full + g + j < end) s[j] = add(s[j], load(x + (full + g + j) * stride));
#pragma GCC unroll 16
      for (int j = 0; j < A; ++j) part[g + j] = Q && i0 > 0 ? add(part[g + j], s[j]) : s[j];
    }
  }
  return fold<L>(part);
}

// A run whose length the generator knows: all N loads and adds in the order of a depth-first walk of the
// tree.
template <int L, int N, int h>
INLINE V known_tree(const float* x, int p) {
  if constexpr (2 * h == L) {
    V a = load(x + p * W), b = p + h < N ? load(x + (p + h) * W) : zero();
#pragma GCC unroll 8
    for (int i = p + L; i < N; i += L) {
      a = add(a, load(x + i * W));
      if (i + h < N) b = add(b, load(x + (i + h) * W));
    }
    return p + h < N ? add(a, b) : a;
  } else {
    V a = known_tree<L, N, 2 * h>(x, p);
    if (p + h >= N) return a;
    return add(a, known_tree<L, N, 2 * h>(x, p + h));
  }
}
template <int L, int N>
__attribute__((noinline)) void blocked_known(const float* x, float* out, long blocks) {
  for (long b = 0; b < blocks; ++b) store(out + b * W, add(zero(), known_tree<L, N, 1>(x + b * N * W, 0)));
}
template <int N>
__attribute__((noinline)) void blocked_known_free(const float* x, float* out, long blocks) {
  for (long b = 0; b < blocks; ++b) {
    V s[8];
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) s[j] = load(x + (b * N + j) * W);
#pragma GCC unroll 64
    for (int i = 8; i < N; ++i) s[i % 8] = add(s[i % 8], load(x + (b * N + i) * W));
    store(out + b * W, fold<8>(s));
  }
}

template <int L, int Q = 0>
__attribute__((noinline)) void blocked_hw(const float* x, float* out, long blocks, long hw) {
  for (long b = 0; b < blocks; ++b) {
    const float* p = x + b * hw * W;
    if constexpr (L == 0)
      store(out + b * W, strided_free(p, hw, W));
    else
      store(out + b * W, strided<L, Q>(p, hw, W));
  }
}

// Columns of a matrix [n][cols]. Free: 8 neighbouring column vectors, one chain each.
__attribute__((noinline)) void columns_free(const float* x, float* out, long n, long cols) {
  for (long c = 0; c + 8 * W <= cols; c += 8 * W) {
    V s[8];
    for (int j = 0; j < 8; ++j) s[j] = zero();
    for (long i = 0; i < n; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) s[j] = add(s[j], load(x + i * cols + c + j * W));
    }
    for (int j = 0; j < 8; ++j) store(out + c + j * W, s[j]);
  }
}

// Defined: the tree is walked depth first, T column vectors at a time; a leaf is the chain of rows p, p + L,
// ...
template <int T, int L, int h>
INLINE void column_tree(const float* x, long n, long cols, int p, V* out) {
  if constexpr (h == L) {
#pragma GCC unroll 8
    for (int j = 0; j < T; ++j) out[j] = zero();
    for (long i = p; i < n; i += L) {
#pragma GCC unroll 8
      for (int j = 0; j < T; ++j) out[j] = add(out[j], load(x + i * cols + j * W));
    }
  } else if constexpr (2 * h == L) {  // two chains at once
    V a[T], b[T];
#pragma GCC unroll 8
    for (int j = 0; j < T; ++j) a[j] = b[j] = zero();
    long i = p;
    for (; i + h < n; i += L) {
#pragma GCC unroll 8
      for (int j = 0; j < T; ++j) a[j] = add(a[j], load(x + i * cols + j * W));
#pragma GCC unroll 8
      for (int j = 0; j < T; ++j) b[j] = add(b[j], load(x + (i + h) * cols + j * W));
    }
    if (i < n)
#pragma GCC unroll 8
      for (int j = 0; j < T; ++j) a[j] = add(a[j], load(x + i * cols + j * W));
#pragma GCC unroll 8
    for (int j = 0; j < T; ++j) out[j] = add(a[j], b[j]);
  } else {
    V b[T];
    column_tree<T, L, 2 * h>(x, n, cols, p, out);
    if (p + h >= n) return;
    column_tree<T, L, 2 * h>(x, n, cols, p + h, b);
#pragma GCC unroll 8
    for (int j = 0; j < T; ++j) out[j] = add(out[j], b[j]);
  }
}
template <int L>
__attribute__((noinline)) void columns(const float* x, float* out, long n, long cols) {
  constexpr int T = 4;
  for (long c = 0; c + T * W <= cols; c += T * W) {
    V s[T];
    column_tree<T, L, 1>(x + c, n, cols, 0, s);
    for (int j = 0; j < T; ++j) store(out + c + j * W, s[j]);
  }
}

// Defined in blocks of Q rounds: the L chains of a block one after another, 8 column vectors at a time; L * 8
// partial sums live in L1.
template <int L, int Q>
__attribute__((noinline)) void columns_blocks(const float* x, float* out, long n, long cols) {
  alignas(64) float part[L * 8 * W];
  for (long c = 0; c + 8 * W <= cols; c += 8 * W) {
    for (long i0 = 0; i0 < n; i0 += Q * L) {
      long end = std::min<long>(n, i0 + Q * L);
      for (int p = 0; p < L; ++p) {
        V s[8];
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) s[j] = zero();
        for (long i = i0 + p; i < end; i += L)
#pragma GCC unroll 8
          for (int j = 0; j < 8; ++j) s[j] = add(s[j], load(x + i * cols + c + j * W));
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) {
          float* q = part + (p * 8 + j) * W;
          store(q, i0 ? add(load(q), s[j]) : s[j]);
        }
      }
    }
    for (int h = L / 2; h >= 1; h /= 2)
      for (int k = 0; k < h * 8; ++k)
        store(part + k * W, add(load(part + k * W), load(part + (k + h * 8) * W)));
    for (int j = 0; j < 8; ++j) store(out + c + j * W, load(part + j * W));
  }
}

// Channels of a blocked layout [C/W][hw][W]: the lanes are partial sums, W pixels share the tree.
// A = L / W vectors of partial sums per pixel.
template <int A>
__attribute__((noinline)) void channels(const float* x, float* out, long blocks, long hw) {
  constexpr int P = A >= 4 ? 2 : 8 / A;  // pixels in flight
  for (long q = 0; q + W <= hw; q += W) {
    V v[W];
#pragma GCC unroll 8
    for (int j = 0; j < W; j += P) {
      V s[P][A];
#pragma GCC unroll 16
      for (int k = 0; k < P; ++k)
#pragma GCC unroll 16
        for (int a = 0; a < A; ++a) s[k][a] = zero();
      long b = 0;
      for (; b + A <= blocks; b += A) {
#pragma GCC unroll 16
        for (int a = 0; a < A; ++a)
#pragma GCC unroll 16
          for (int k = 0; k < P; ++k) s[k][a] = add(s[k][a], load(x + ((b + a) * hw + q + j + k) * W));
      }
#pragma GCC unroll 16
      for (int a = 0; a < A - 1; ++a)
        if (b + a < blocks)
#pragma GCC unroll 16
          for (int k = 0; k < P; ++k) s[k][a] = add(s[k][a], load(x + ((b + a) * hw + q + j + k) * W));
#pragma GCC unroll 16
      for (int k = 0; k < P; ++k) v[j + k] = fold<A>(s[k]);
    }
    store(out + q, tree(v));
  }
}
__attribute__((noinline)) void channels_free(const float* x, float* out, long blocks, long hw) {
  for (long q = 0; q + W <= hw; q += W) {
    V v[W];
    for (int j = 0; j < W; ++j) v[j] = zero();
    for (long b = 0; b < blocks; ++b) {
#pragma GCC unroll 16
      for (int j = 0; j < W; ++j) v[j] = add(v[j], load(x + (b * hw + q + j) * W));
    }
    store(out + q, tree(v));
  }
}

std::string text(long a, const char* s, long b) { return std::to_string(a) + s + std::to_string(b); }

using Fn = void (*)(const float*, float*, long, long);

void rows_case(const char* kernel, long rows, long n, Fn free,
               std::vector<std::tuple<int, int, Fn, const char*>> forms) {
  Buffer x(static_cast<size_t>(rows * n), 1), out(static_cast<size_t>(rows));
  const float* p = x.data();
  float* o = out.data();
  Case c{kernel, text(rows, " x ", n), "GB/s", 4.0 * static_cast<double>(rows * n), &out, 2e-3, {}};
  c.forms.push_back({"free", [=] { free(p, o, rows, n); }, nullptr});
  for (auto [L, Q, f, note] : forms) {
    int l = L, q = Q;
    Fn g = f;
    std::string name = "L=" + std::to_string(L) + (Q ? " Q=" + std::to_string(Q) : "") + note;
    c.forms.push_back({name, [=] { g(p, o, rows, n); },
                       [=](Buffer& ref) {
                         for (long r = 0; r < rows; ++r)
                           ref[r] = ref_sum2(l, q, n, [=](long i) { return p[r * n + i]; });
                       }});
  }
  bench(kIsa, c);
}

}  // namespace

void SPIKE_NAME(reduce)() {
  constexpr int A16 = 16 / W, A32 = 32 / W, A64 = 64 / W;
  for (long n : {100L, 256L, 768L, 1000L, 4096L, 65536L, 1L << 20}) {
    long rows = std::max(1L, 65536 / n);
    rows_case("row sum, one by one", rows, n, rows_single<8>,
              {{16, 8, rows_pieces<A16, 8>, ""},
               {16, 16, rows_pieces<A16, 16>, ""},
               {16, 0, rows_single<A16>, ""},
               {32, 0, rows_single<A32>, ""},
               {64, 0, rows_single<A64>, ""}});
  }
  rows_case("row sum, hot row", 4, 4096, rows_single<8>,
            {{16, 8, rows_pieces<A16, 8>, ""},
             {16, 16, rows_pieces<A16, 16>, ""},
             {16, 0, rows_single<A16>, ""},
             {16, 0, rows_abreast<A16, 4>, " four rows abreast"},
             {32, 0, rows_single<A32>, ""},
             {64, 0, rows_single<A64>, ""},
             {64, 0, rows_abreast < A64, W == 16 ? 2 : 1 >, " two rows abreast"}});
  for (long n : {8L, 12L, 16L, 24L, 32L, 49L, 64L}) {
    Fn chain = rows_short_n<false>, halves = rows_short_n<true>;
    if (W == 16)
      rows_case("short rows", 512, n, chain,
                {{16, 0, chain, ""}, {64, 0, halves, ""}, {64, 0, rows_single<A64>, " plain loop"}});
    else
      rows_case("short rows", 512, n, chain, {{64, 0, halves, ""}, {64, 0, rows_single<A64>, " plain loop"}});
  }
  for (long hw : {49L, 196L, 784L, 3136L, 12544L}) {
    long blocks = std::max(1L, 100352 / hw / W);
    Buffer x(static_cast<size_t>(blocks * hw * W), 2), out(static_cast<size_t>(blocks * W));
    const float* p = x.data();
    float* o = out.data();
    Case c{"sum over H, W in NCHW" + std::to_string(W) + "c",
           text(blocks * W, " x ", hw),
           "GB/s",
           4.0 * static_cast<double>(x.size()),
           &out,
           2e-3,
           {}};
    auto ref = [=](int L, int Q = 0) {
      return [=](Buffer& r) {
        for (long k = 0; k < blocks * W; ++k)
          r[k] = ref_sum2(L, Q, hw, [=](long i) { return p[(k / W * hw + i) * W + k % W]; });
      };
    };
    c.forms = {{"free", [=] { blocked_hw<0>(p, o, blocks, hw); }, nullptr},
               {"L=16 Q=16", [=] { blocked_hw<16, 16>(p, o, blocks, hw); }, ref(16, 16)},
               {"L=16", [=] { blocked_hw<16>(p, o, blocks, hw); }, ref(16)},
               {"L=32", [=] { blocked_hw<32>(p, o, blocks, hw); }, ref(32)},
               {"L=64", [=] { blocked_hw<64>(p, o, blocks, hw); }, ref(64)}};
    bench(kIsa, c);
    if (hw == 49) {
      c.kernel += ", known length";
      c.forms = {{"free", [=] { blocked_known_free<49>(p, o, blocks); }, nullptr},
                 {"L=16", [=] { blocked_known<16, 49>(p, o, blocks); }, ref(16)},
                 {"L=32", [=] { blocked_known<32, 49>(p, o, blocks); }, ref(32)},
                 {"L=64", [=] { blocked_known<64, 49>(p, o, blocks); }, ref(64)}};
      bench(kIsa, c);
    }
  }
  for (long n : {32L, 64L, 100L, 512L, 4096L}) {
    long cols = n >= 4096 ? 256 : 1024;
    Buffer x(static_cast<size_t>(n * cols), 3), out(static_cast<size_t>(cols));
    const float* p = x.data();
    float* o = out.data();
    Case c{"column sum", text(n, " x ", cols), "GB/s", 4.0 * static_cast<double>(x.size()), &out, 2e-3, {}};
    auto ref = [=](int L, int Q = 0) {
      return [=](Buffer& r) {
        for (long k = 0; k < cols; ++k) r[k] = ref_sum2(L, Q, n, [=](long i) { return p[i * cols + k]; });
      };
    };
    c.forms = {{"free", [=] { columns_free(p, o, n, cols); }, nullptr},
               {"L=16 Q=16",
                n > 256 ? std::function<void()>([=] { columns_blocks<16, 16>(p, o, n, cols); })
                        : [=] { columns<16>(p, o, n, cols); },
                ref(16, 16)},
               {"L=16", [=] { columns<16>(p, o, n, cols); }, ref(16)},
               {"L=32", [=] { columns<32>(p, o, n, cols); }, ref(32)},
               {"L=64", [=] { columns<64>(p, o, n, cols); }, ref(64)}};
    bench(kIsa, c);
  }
  for (long ch : {64L, 256L, 1024L}) {
    long hw = 65536 / ch, blocks = ch / W;
    hw = hw / 16 * 16;
    Buffer x(static_cast<size_t>(ch * hw), 4), out(static_cast<size_t>(hw));
    const float* p = x.data();
    float* o = out.data();
    Case c{"sum over C in NCHW" + std::to_string(W) + "c",
           text(ch, " x ", hw),
           "GB/s",
           4.0 * static_cast<double>(x.size()),
           &out,
           2e-3,
           {}};
    auto ref = [=](int L) {
      return [=](Buffer& r) {
        for (long q = 0; q < hw; ++q)
          r[q] = ref_sum(L, ch, [=](long i) { return p[(i / W * hw + q) * W + i % W]; });
      };
    };
    c.forms = {{"free", [=] { channels_free(p, o, blocks, hw); }, nullptr},
               {"L=16", [=] { channels<A16>(p, o, blocks, hw); }, ref(16)},
               {"L=32", [=] { channels<A32>(p, o, blocks, hw); }, ref(32)},
               {"L=64", [=] { channels<A64>(p, o, blocks, hw); }, ref(64)}};
    bench(kIsa, c);
  }
}

}  // namespace spike
