// Contractions under "blocks of at most B terms, each one fma chain from +0, block sums added left to right".
//
// Lanes and register tiles run over outputs, so the chain order costs no parallelism; what the blocks cost is
// one pass over the tile of partial results (load, add, store) per block. Free forms keep one chain per
// output over all of K, or over 512 steps with the running sum reloaded where the panels would not stay in
// cache.
#include "bench/spike/vec.h"

namespace spike {
namespace {

constexpr int MR = W == 16 ? 14 : 6;  // rows or pixels of a register tile; 2 vectors wide
constexpr int NR = 2 * W;

// c[MR][NR] (row stride ldc) = or += sum over k steps of a[k][MR] * b[k][NR]. B = 0: free.
template <int B>
INLINE void tile(const float* a, const float* b, float* c, long ldc, long k, bool more) {
  long step = B ? B : k;
  for (long k0 = 0; k0 < k; k0 += step) {
    V s[MR][2];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      s[i][0] = B == 0 && more ? load(c + i * ldc) : zero();
      s[i][1] = B == 0 && more ? load(c + i * ldc + W) : zero();
    }
    long end = std::min(k, k0 + step);
    for (long j = k0; j < end; ++j) {
      V b0 = load(b + j * NR), b1 = load(b + j * NR + W);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        V x = set1(a[j * MR + i]);
        s[i][0] = fma(x, b0, s[i][0]);
        s[i][1] = fma(x, b1, s[i][1]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      float* p = c + i * ldc;
      if constexpr (B != 0) {
        bool later = more || k0 > 0;
        store(p, add(later ? load(p) : zero(), s[i][0]));
        store(p + W, add(later ? load(p + W) : zero(), s[i][1]));
      } else {
        store(p, s[i][0]);
        store(p + W, s[i][1]);
      }
    }
  }
}

// Packed A [m/MR][k][MR], packed B [n/NR][k][NR]; kc steps of k per sweep over the tiles.
template <int B>
__attribute__((noinline)) void gemm(const float* a, const float* b, float* c, long m, long n, long k,
                                    long kc) {
  for (long k0 = 0; k0 < k; k0 += kc) {
    long steps = std::min(kc, k - k0);
    for (long j = 0; j < n; j += NR)
      for (long i = 0; i < m; i += MR)
        tile<B>(a + i * k + k0 * MR, b + j * k + k0 * NR, c + i * n + j, n, steps, k0 > 0);
  }
}

void gemm_reference(const float* a, const float* b, float* c, long m, long n, long k, int B) {
  std::vector<float> s(static_cast<size_t>(n));
  for (long i = 0; i < m; ++i) {
    std::fill_n(c + i * n, n, 0.0f);
    for (long k0 = 0; k0 < k; k0 += B) {
      std::fill(s.begin(), s.end(), 0.0f);
      for (long j = k0; j < std::min<long>(k, k0 + B); ++j) {
        float x = a[i / MR * MR * k + j * MR + i % MR];
        for (long t = 0; t < n; ++t) s[t] = __builtin_fmaf(x, b[t / NR * NR * k + j * NR + t % NR], s[t]);
      }
      for (long t = 0; t < n; ++t) c[i * n + t] = c[i * n + t] + s[t];
    }
  }
}

void gemm_case(const char* name, long m, long n, long k) {
  Buffer a(static_cast<size_t>(m * k), 1), b(static_cast<size_t>(n * k), 2), c(static_cast<size_t>(m * n));
  const float *pa = a.data(), *pb = b.data();
  float* pc = c.data();
  Case t{name,      std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k),
         "GFLOP/s", 2.0 * static_cast<double>(m * n * k),
         &c,        1e-4,
         {}};
  auto ref = [=](int B) { return [=](Buffer& r) { gemm_reference(pa, pb, r.data(), m, n, k, B); }; };
  long kc = k > 1024 ? 512 : k;
  t.forms = {{"free", [=] { gemm<0>(pa, pb, pc, m, n, k, kc); }, nullptr},
             {"B=512", [=] { gemm<512>(pa, pb, pc, m, n, k, kc); }, ref(512)},
             {"B=256", [=] { gemm<256>(pa, pb, pc, m, n, k, kc); }, ref(256)},
             {"B=128", [=] { gemm<128>(pa, pb, pc, m, n, k, kc); }, ref(128)},
             {"B=64", [=] { gemm<64>(pa, pb, pc, m, n, k, kc); }, ref(64)}};
  bench(kIsa, t);
}

// One row times packed [k][n] for few outputs: the latency of a chain shows. Free: 8 chains per vector of
// outputs. Defined: the blocks of a long K are independent, 8 of them run abreast.
template <int B>
__attribute__((noinline)) void gemv_narrow(const float* x, const float* w, float* y, long k, long n) {
  for (long j = 0; j < n; j += W) {
    V total = zero();
    if constexpr (B == 0) {
      V s[8];
      for (int i = 0; i < 8; ++i) s[i] = zero();
      for (long p = 0; p < k; p += 8)
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) s[i] = fma(set1(x[p + i]), load(w + (p + i) * n + j), s[i]);
      total = fold<8>(s);
    } else {
      for (long k0 = 0; k0 < k; k0 += 8 * B) {
        V s[8];
        for (int i = 0; i < 8; ++i) s[i] = zero();
        long blocks = std::min<long>(8, (k - k0) / B);
        if (blocks == 8) {
          for (long p = 0; p < B; ++p)
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i)
              s[i] = fma(set1(x[k0 + i * B + p]), load(w + (k0 + i * B + p) * n + j), s[i]);
        } else if (blocks % 4 == 0) {
          for (long p = 0; p < B; ++p)
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
              s[i] = fma(set1(x[k0 + i * B + p]), load(w + (k0 + i * B + p) * n + j), s[i]);
        } else if (blocks % 2 == 0) {
          for (long p = 0; p < B; ++p)
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i)
              s[i] = fma(set1(x[k0 + i * B + p]), load(w + (k0 + i * B + p) * n + j), s[i]);
        } else {
          for (long p = 0; p < B; ++p) s[0] = fma(set1(x[k0 + p]), load(w + (k0 + p) * n + j), s[0]);
        }
        for (int i = 0; i < blocks; ++i) total = add(total, s[i]);
      }
    }
    store(y + j, total);
  }
}

void gemv_case(long k, long n) {
  Buffer x(static_cast<size_t>(k), 1), w(static_cast<size_t>(n * k), 2), y(static_cast<size_t>(n));
  const float *px = x.data(), *pw = w.data();
  float* py = y.data();
  Case t{"one row x few columns",
         "1 x " + std::to_string(n) + " x " + std::to_string(k),
         "GFLOP/s",
         2.0 * static_cast<double>(n * k),
         &y,
         1e-4,
         {}};
  auto ref = [=](int B) {
    return [=](Buffer& r) {
      for (long j = 0; j < n; ++j) {
        r[j] = 0;
        for (long k0 = 0; k0 < k; k0 += B) {
          float s = 0;
          for (long p = k0; p < std::min<long>(k, k0 + B); ++p) s = __builtin_fmaf(px[p], pw[p * n + j], s);
          r[j] = r[j] + s;
        }
      }
    };
  };
  t.forms = {{"free", [=] { gemv_narrow<0>(px, pw, py, k, n); }, nullptr},
             {"B=512", [=] { gemv_narrow<512>(px, pw, py, k, n); }, ref(512)},
             {"B=256", [=] { gemv_narrow<256>(px, pw, py, k, n); }, ref(256)},
             {"B=128", [=] { gemv_narrow<128>(px, pw, py, k, n); }, ref(128)},
             {"B=64", [=] { gemv_narrow<64>(px, pw, py, k, n); }, ref(64)}};
  bench(kIsa, t);
}

// Direct convolution, K x K, stride 1, input padded: x [C/W][H+K-1][Wd+K-1][W], w [Co/NR][C][K][K][NR],
// y [Co/W][H][Wd][W]. CB = channels per block (0: free, which also walks taps outside of channels).
struct ConvShape {
  long c, co, h, w;
};
template <int K, int CB>
__attribute__((noinline)) void conv(const float* x, const float* w, float* y, ConvShape d) {
  long pw = d.w + K - 1, plane = (d.h + K - 1) * pw * W, taps = K * K;
  for (long o = 0; o < d.co; o += NR)
    for (long r = 0; r < d.h; ++r)
      for (long q = 0; q < d.w; q += MR) {
        const float* wo = w + o * d.c * taps;
        const float* xo = x + (r * pw + q) * W;
        float* yo = y + (o / W * d.h * d.w + r * d.w + q) * W;
        long high = d.h * d.w * W;
        constexpr int kSteps = CB < W ? std::max(CB, 1) : W;  // channels that lie side by side
        V s[MR][2];
        if constexpr (CB == 0) {
#pragma GCC unroll 16
          for (int i = 0; i < MR; ++i) s[i][0] = s[i][1] = zero();
          for (long b = 0; b < d.c / W; ++b)
            for (int ky = 0; ky < K; ++ky)
              for (int kx = 0; kx < K; ++kx) {
                const float* p = xo + b * plane + (ky * pw + kx) * W;
                const float* v = wo + (b * taps + ky * K + kx) * W * NR;
                for (int c = 0; c < W; ++c) {
                  V w0 = load(v + c * NR), w1 = load(v + c * NR + W);
#pragma GCC unroll 16
                  for (int i = 0; i < MR; ++i) {
                    V a = set1(p[i * W + c]);
                    s[i][0] = fma(a, w0, s[i][0]);
                    s[i][1] = fma(a, w1, s[i][1]);
                  }
                }
              }
#pragma GCC unroll 16
          for (int i = 0; i < MR; ++i) store(yo + i * W, s[i][0]), store(yo + high + i * W, s[i][1]);
        } else {
          for (long c0 = 0; c0 < d.c; c0 += CB) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) s[i][0] = s[i][1] = zero();
            if constexpr (K == 1) {
              for (long b = c0 / W; b < std::min<long>(d.c, c0 + CB) / W; ++b) {
                const float *p = xo + b * plane, *v = wo + b * W * NR;
                for (int c = 0; c < W; ++c) {
                  V w0 = load(v + c * NR), w1 = load(v + c * NR + W);
#pragma GCC unroll 16
                  for (int i = 0; i < MR; ++i) {
                    V a = set1(p[i * W + c]);
                    s[i][0] = fma(a, w0, s[i][0]);
                    s[i][1] = fma(a, w1, s[i][1]);
                  }
                }
              }
            }
            const float* v = wo + c0 * taps * NR;
            for (long b = K == 1 ? d.c : c0; b < std::min<long>(d.c, c0 + CB); b += kSteps) {
              const float* row[3] = {xo + b / W * plane + b % W,
                                     xo + b / W * plane + b % W + (K > 1 ? pw * W : 0),
                                     xo + b / W * plane + b % W + (K > 2 ? 2 * pw * W : 0)};
              auto channel = [&](int c) __attribute__((always_inline)) {
#pragma GCC unroll 3
                for (int ky = 0; ky < K; ++ky)
#pragma GCC unroll 3
                  for (int kx = 0; kx < K; ++kx) {
                    asm volatile("" ::: "memory");  // a broadcast is a load: do not keep it for the next tap
                    V w0 = load(v + (ky * K + kx) * NR), w1 = load(v + (ky * K + kx) * NR + W);
#pragma GCC unroll 16
                    for (int i = 0; i < MR; ++i) {
                      V a = set1(row[ky][c + (kx + i) * W]);
                      s[i][0] = fma(a, w0, s[i][0]);
                      s[i][1] = fma(a, w1, s[i][1]);
                    }
                  }
                v += taps * NR;
              };
#pragma GCC unroll 1
              for (int c = 0; c < kSteps; ++c) channel(c);
            }
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) {
              float *p0 = yo + i * W, *p1 = p0 + high;
              store(p0, add(c0 ? load(p0) : zero(), s[i][0]));
              store(p1, add(c0 ? load(p1) : zero(), s[i][1]));
            }
          }
        }
      }
}

template <int K>
void conv_reference(const float* x, const float* w, float* y, ConvShape d, int CB) {
  long pw = d.w + K - 1, plane = (d.h + K - 1) * pw * W;
  for (long o = 0; o < d.co; o += W)
    for (long r = 0; r < d.h; ++r)
      for (long q = 0; q < d.w; ++q) {
        float total[W] = {};
        for (long c0 = 0; c0 < d.c; c0 += CB) {
          float s[W] = {};
          for (long c = c0; c < std::min<long>(d.c, c0 + CB); ++c)
            for (int ky = 0; ky < K; ++ky)
              for (int kx = 0; kx < K; ++kx) {
                float a = x[c / W * plane + ((r + ky) * pw + q + kx) * W + c % W];
                const float* v = w + o / NR * NR * d.c * K * K + (c * K * K + ky * K + kx) * NR + o % NR;
                for (int t = 0; t < W; ++t) s[t] = __builtin_fmaf(a, v[t], s[t]);
              }
          for (int t = 0; t < W; ++t) total[t] = total[t] + s[t];
        }
        std::copy_n(total, W, y + (o / W * d.h * d.w + r * d.w + q) * W);
      }
}

template <int K, int... CB>
void conv_case(const char* name, ConvShape d) {
  d.w = d.w / MR * MR;
  long terms = d.c * K * K;
  Buffer x(static_cast<size_t>(d.c * (d.h + K - 1) * (d.w + K - 1)), 1),
      w(static_cast<size_t>(d.co * terms), 2), y(static_cast<size_t>(d.co * d.h * d.w));
  const float *px = x.data(), *pw = w.data();
  // The free form wants its taps outside of the channels of a vector: same numbers, other order.
  Buffer w2(w.size());
  for (long o = 0; o < d.co; o += NR)
    for (long c = 0; c < d.c; ++c)
      for (int t = 0; t < K * K; ++t)
        std::copy_n(pw + o * terms + (c * K * K + t) * NR, NR,
                    w2.data() + o * terms + ((c / W * K * K + t) * W + c % W) * NR);
  const float* pw2 = w2.data();
  float* py = y.data();
  Case t{name,
         std::to_string(d.c) + " -> " + std::to_string(d.co) + ", " + std::to_string(d.h) + " x " +
             std::to_string(d.w),
         "GFLOP/s",
         2.0 * static_cast<double>(d.co * d.h * d.w * terms),
         &y,
         1e-4,
         {}};
  t.forms.push_back({"free", [=] { conv<K, 0>(px, pw2, py, d); }, nullptr});
  (t.forms.push_back({"blocks of " + std::to_string(CB) + " channels", [=] { conv<K, CB>(px, pw, py, d); },
                      [=](Buffer& r) { conv_reference<K>(px, pw, r.data(), d, CB); }}),
   ...);
  bench(kIsa, t);
}

// Depthwise 3 x 3, stride 1, padded input [C/W][H+2][Wd+2][W]. Epilogue: scale, shift, relu.
enum Depthwise { kFree, kChain, kChainThenZero };
template <Depthwise D, bool epilogue>
__attribute__((noinline)) void depthwise(const float* x, const float* w, const float* st, float* y,
                                         ConvShape d) {
  long pw = d.w + 2, plane = (d.h + 2) * pw * W;
  for (long b = 0; b < d.c / W; ++b) {
    V k[9], sc = load(st + b * 2 * W), sh = load(st + b * 2 * W + W);
#pragma GCC unroll 9
    for (int t = 0; t < 9; ++t) k[t] = load(w + (b * 9 + t) * W);
    for (long r = 0; r < d.h; ++r)
      for (long q = 0; q < d.w; q += 2) {
        const float* p = x + b * plane + (r * pw + q) * W;
        float* o = y + ((b * d.h + r) * d.w + q) * W;
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          V s = D == kFree ? mul(load(p + i * W), k[0]) : fma(load(p + i * W), k[0], zero());
#pragma GCC unroll 9
          for (int t = 1; t < 9; ++t) s = fma(load(p + (t / 3 * pw + t % 3 + i) * W), k[t], s);
          if (D == kChainThenZero) s = add(zero(), s);
          if (epilogue) s = vmax(zero(), fma(s, sc, sh));
          store(o + i * W, s);
        }
      }
  }
}

template <bool epilogue>
void depthwise_case(ConvShape d) {
  Buffer x(static_cast<size_t>(d.c * (d.h + 2) * (d.w + 2)), 1), w(static_cast<size_t>(d.c * 9), 2),
      st(static_cast<size_t>(d.c * 2), 3), y(static_cast<size_t>(d.c * d.h * d.w));
  const float *px = x.data(), *pw = w.data(), *ps = st.data();
  float* py = y.data();
  Case t{epilogue ? "depthwise 3x3, scale, shift, relu" : "depthwise 3x3",
         std::to_string(d.c) + ", " + std::to_string(d.h) + " x " + std::to_string(d.w),
         "GFLOP/s",
         18.0 * static_cast<double>(d.c * d.h * d.w),
         &y,
         1e-4,
         {}};
  auto ref = [=](Buffer& r) {
    long wide = d.w + 2, plane = (d.h + 2) * wide * W;
    for (long i = 0; i < d.c * d.h * d.w; ++i) {
      long lane = i % W, q = i / W % d.w, row = i / W / d.w % d.h, b = i / W / d.w / d.h;
      float s = 0;
      for (int k = 0; k < 9; ++k)
        s = __builtin_fmaf(px[b * plane + ((row + k / 3) * wide + q + k % 3) * W + lane],
                           pw[(b * 9 + k) * W + lane], s);
      s = 0.0f + s;
      if (epilogue)
        s = __builtin_fmaf(s, ps[b * 2 * W + lane], ps[b * 2 * W + W + lane]), s = 0.0f > s ? 0.0f : s;
      r[i] = s;
    }
  };
  t.forms = {
      {"free", [=] { depthwise<kFree, epilogue>(px, pw, ps, py, d); }, nullptr},
      {"chain from +0, then + block", [=] { depthwise<kChainThenZero, epilogue>(px, pw, ps, py, d); }, ref},
      {"the same, first addition proved away", [=] { depthwise<kChain, epilogue>(px, pw, ps, py, d); }, ref}};
  bench(kIsa, t);
}

}  // namespace

void SPIKE_NAME(contract)() {
  gemm_case("GEMM, packed", 252, 256, 256);
  gemm_case("GEMM, packed", 504, 512, 512);
  gemm_case("GEMM, packed", 1008, 1024, 1024);
  gemm_case("GEMM, packed", 210, 512, 4608);
  gemm_case("GEMM, packed", 42, 64, 4608);
  gemv_case(512, 16), gemv_case(1024, 16), gemv_case(2048, 16), gemv_case(4096, 16), gemv_case(4096, 128);
  conv_case<3, 32, 16, 8>("convolution 3x3", {64, 64, 56, 56});
  conv_case<3, 32, 16, 8>("convolution 3x3", {256, 64, 14, 14});
  conv_case<3, 32, 16, 8>("convolution 3x3", {512, 32, 14, 14});
  conv_case<1, 512, 256, 128>("convolution 1x1", {64, 64, 56, 56});
  conv_case<1, 512, 256, 128>("convolution 1x1", {256, 64, 56, 56});
  conv_case<1, 512, 256, 128>("convolution 1x1", {1024, 256, 14, 14});
  depthwise_case<false>({W, W, 14, 14}), depthwise_case<false>({64, 64, 56, 56});
  depthwise_case<true>({W, W, 14, 14}), depthwise_case<true>({64, 64, 56, 56});
}

}  // namespace spike
