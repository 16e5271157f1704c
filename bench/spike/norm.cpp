// Softmax over rows, layer norm over rows, instance norm over H, W in a blocked layout.
//
// Sums follow the definition the reductions' part of the spike arrived at: 16 partial sums by index modulo
// 16, chains cut every 256 terms, pieces added left to right, then the halving tree.
#include "bench/spike/elementary.h"
#include "bench/spike/sums.h"

namespace spike {
namespace {

INLINE float hmax(V v) {
  alignas(64) float t[W];
  store(t, v);
  for (int h = W / 2; h >= 1; h /= 2)
    for (int i = 0; i < h; ++i) t[i] = t[i] > t[i + h] ? t[i] : t[i + h];
  return t[0];
}

INLINE float row_max(const float* x, long n) {
  V low = set1(-INFINITY), m[4] = {low, low, low, low};
  long i = 0;
  for (; i + 4 * W <= n; i += 4 * W)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) m[k] = vmax(m[k], load(x + i + k * W));
  for (; i + W <= n; i += W) m[0] = vmax(m[0], load(x + i));
  if (i < n) m[1] = vmax(m[1], load(x + n - W));  // overlaps; n >= W
  return hmax(vmax(vmax(m[0], m[1]), vmax(m[2], m[3])));
}

enum Softmax { kFree, kFreeSameExp, kDivide, kReciprocal, kBranch };
template <Softmax F>
__attribute__((noinline)) void softmax(const float* x, float* y, long rows, long n) {
  constexpr int A = 16 / W;
  for (long r = 0; r < rows; ++r, x += n, y += n) {
    V m = set1(row_max(x, n));
    float sum;
    if constexpr (F == kFree || F == kFreeSameExp) {
      V s[2] = {zero(), zero()};
      long i = 0;
      for (; i + 2 * W <= n; i += 2 * W)
#pragma GCC unroll 2
        for (int a = 0; a < 2; ++a) {
          V d = sub(load(x + i + a * W), m), e = F == kFree ? exp_fast(d) : exp_free(d);
          store(y + i + a * W, e);
          s[a] = add(s[a], e);
        }
      for (; i < n; i += W) {
        int left = static_cast<int>(std::min<long>(W, n - i));
        V d = sub(load_first(x + i, left), m), e = F == kFree ? exp_fast(d) : exp_free(d);
        store_first(y + i, e, left);
        s[0] = add(s[0], load_first(y + i, left));
      }
      sum = tree1(add(s[0], s[1]));
    } else {
      V total[A], s[A];
      for (int a = 0; a < A; ++a) total[a] = zero();
      for (long i0 = 0; i0 < n; i0 += kPiece) {
        for (int a = 0; a < A; ++a) s[a] = zero();
        long end = std::min(n, i0 + kPiece), i = i0;
        for (; i + 16 <= end; i += 16)
#pragma GCC unroll 2
          for (int a = 0; a < A; ++a) {
            V d = sub(load(x + i + a * W), m),
              e = F == kBranch ? exp_nonpositive_branch(d) : exp_nonpositive(d);
            store(y + i + a * W, e);
            s[a] = add(s[a], e);
          }
        for (int a = 0; a < A; ++a) {
          int left = static_cast<int>(std::clamp<long>(end - i - a * W, 0, W));
          if (left > 0) {
            store_first(y + i + a * W, exp_nonpositive(sub(load_first(x + i + a * W, left), m)), left);
            s[a] = add(s[a], load_first(y + i + a * W, left));
          }
          total[a] = i0 ? add(total[a], s[a]) : s[a];
        }
      }
      sum = tree1(fold<A>(total));
    }
    V f = set1(F == kDivide ? sum : 1.0f / sum);
    long i = 0;
    for (; i + W <= n; i += W) store(y + i, F == kDivide ? div(load(y + i), f) : mul(load(y + i), f));
    if (i < n) {
      int left = static_cast<int>(n - i);
      V e = load_first(y + i, left);
      store_first(y + i, F == kDivide ? div(e, f) : mul(e, f), left);
    }
  }
}

void softmax_case(long rows, long n) {
  Buffer x(static_cast<size_t>(rows * n), 1), y(static_cast<size_t>(rows * n));
  for (size_t i = 0; i < x.size(); ++i) x[i] *= 8;
  const float* px = x.data();
  float* py = y.data();
  Case c{"softmax", std::to_string(rows) + " x " + std::to_string(n),
         "Gelem/s", static_cast<double>(rows * n),
         &y,        1e-6,
         {}};
  auto ref = [=](bool divide) {
    return [=](Buffer& out) {
      for (long r = 0; r < rows; ++r) {
        float m = -INFINITY;
        for (long i = 0; i < n; ++i) m = m > px[r * n + i] ? m : px[r * n + i];
        std::vector<float> e(static_cast<size_t>(n + W));
        for (long i = 0; i < n; ++i) {
          alignas(64) float t[W];
          store(t, exp_nonpositive(set1(px[r * n + i] - m)));
          e[i] = t[0];
        }
        float sum = ref_sum2(16, SPIKE_Q, n, [&](long i) { return e[i]; }), inv = 1.0f / sum;
        for (long i = 0; i < n; ++i) out[r * n + i] = divide ? e[i] / sum : e[i] * inv;
      }
    };
  };
  c.forms = {
      {"free", [=] { softmax<kFreeSameExp>(px, py, rows, n); }, nullptr},
      {"(free, less accurate exp)", [=] { softmax<kFree>(px, py, rows, n); }, nullptr},
      {"div(exp, sum)", [=] { softmax<kDivide>(px, py, rows, n); }, ref(true)},
      {"mul(exp, 1/sum)", [=] { softmax<kReciprocal>(px, py, rows, n); }, ref(false)},
      {"mul(exp, 1/sum), branch for far arguments", [=] { softmax<kBranch>(px, py, rows, n); }, ref(false)}};
  bench(kIsa, c);
}

// Layer norm. Square: mul then add, or fma; Last: mul γ then add β, or fma.
template <bool free, bool square_fma, bool last_fma>
__attribute__((noinline)) void layer_norm(const float* x, const float* g, const float* b, float* y, long rows,
                                          long n) {
  for (long r = 0; r < rows; ++r, x += n, y += n) {
    auto at = [=](long i) { return load(x + i); };
    float mean = (free ? sum_free(n, at) : sum_row(n, at)) / static_cast<float>(n);
    V m = set1(mean);
    float var;
    if constexpr (free) {
      V s[4] = {zero(), zero(), zero(), zero()};
      for (long i = 0; i < n; i += 4 * W)
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          V d = sub(load(x + i + k * W), m);
          s[k] = fma(d, d, s[k]);
        }
      var = tree1(fold<4>(s)) / static_cast<float>(n);
    } else if constexpr (square_fma) {
      var = sum_row_fma(n, [=](long i) { return sub(load(x + i), m); }) / static_cast<float>(n);
    } else {
      var = sum_row(n,
                    [=](long i) {
                      V d = sub(load(x + i), m);
                      return mul(d, d);
                    }) /
            static_cast<float>(n);
    }
    float inv = 1.0f / std::sqrt(var + 1e-5f);
    V v = set1(inv), shift = set1(-mean * inv);
    for (long i = 0; i < n; i += W) {
      V t = free ? fma(load(x + i), v, shift) : mul(sub(load(x + i), m), v);
      store(y + i,
            free || last_fma ? fma(t, load(g + i), load(b + i)) : add(mul(t, load(g + i)), load(b + i)));
    }
  }
}

// "mul, add" with the chains of R rows in flight together.
template <int R>
__attribute__((noinline)) void layer_norm_abreast(const float* x, const float* g, const float* b, float* y,
                                                  long rows, long n) {
  for (long r = 0; r < rows; r += R, x += R * n, y += R * n) {
    V m[R], v[R];
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k)
      m[k] = set1(sum_row(n, [=](long i) { return load(x + k * n + i); }) / static_cast<float>(n));
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) {
      V mean = m[k];
      float var = sum_row(n, [=](long i) {
        V d = sub(load(x + k * n + i), mean);
        return mul(d, d);
      });
      v[k] = set1(1.0f / std::sqrt(var / static_cast<float>(n) + 1e-5f));
    }
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k)
      for (long i = 0; i < n; i += W)
        store(y + k * n + i, add(mul(mul(sub(load(x + k * n + i), m[k]), v[k]), load(g + i)), load(b + i)));
  }
}

void layer_norm_case(long rows, long n) {
  Buffer x(static_cast<size_t>(rows * n), 1), g(static_cast<size_t>(n), 2), b(static_cast<size_t>(n), 3),
      y(static_cast<size_t>(rows * n));
  const float *px = x.data(), *pg = g.data(), *pb = b.data();
  float* py = y.data();
  Case c{"layer norm",
         std::to_string(rows) + " x " + std::to_string(n),
         "Gelem/s",
         static_cast<double>(rows * n),
         &y,
         1e-5,
         {}};
  auto ref = [=](bool square_fma, bool last_fma) {
    return [=](Buffer& out) {
      for (long r = 0; r < rows; ++r) {
        const float* p = px + r * n;
        float fn = static_cast<float>(n), mean = ref_sum2(16, SPIKE_Q, n, [=](long i) { return p[i]; }) / fn;
        auto d = [=](long i) { return p[i] - mean; };
        float sum =
            square_fma ? ref_sum_fma(n, d) : ref_sum2(16, SPIKE_Q, n, [=](long i) { return d(i) * d(i); });
        float inv = 1.0f / std::sqrt(sum / fn + 1e-5f);
        for (long i = 0; i < n; ++i) {
          float t = d(i) * inv;
          out[r * n + i] = last_fma ? __builtin_fmaf(t, pg[i], pb[i]) : t * pg[i] + pb[i];
        }
      }
    };
  };
  c.forms = {
      {"free, two passes", [=] { layer_norm<true, true, true>(px, pg, pb, py, rows, n); }, nullptr},
      {"mul, add", [=] { layer_norm<false, false, false>(px, pg, pb, py, rows, n); }, ref(false, false)},
      {"mul, add, four rows abreast", [=] { layer_norm_abreast<4>(px, pg, pb, py, rows / 4 * 4, n); },
       ref(false, false)},
      {"fma in the squares", [=] { layer_norm<false, true, false>(px, pg, pb, py, rows, n); },
       ref(true, false)},
      {"fma in both", [=] { layer_norm<false, true, true>(px, pg, pb, py, rows, n); }, ref(true, true)}};
  bench(kIsa, c);
}

// Instance norm, x [C/W][hw][W]: lanes are channels. Scale and shift per channel.
template <bool free, bool square_fma>
__attribute__((noinline)) void instance_norm(const float* x, const float* g, const float* b, float* y,
                                             long blocks, long hw) {
  for (long k = 0; k < blocks; ++k, x += hw * W, y += hw * W) {
    V n = set1(static_cast<float>(hw)), eps = set1(1e-5f);
    auto at = [=](long i) { return load(x + i * W); };
    V m = div(free ? sum_lanes_free(hw, at) : sum_lanes(hw, at), n);
    V var;
    if constexpr (free) {
      V s[8];
      for (int j = 0; j < 8; ++j) s[j] = zero();
      for (long i = 0; i < hw; ++i) {
        V d = sub(load(x + i * W), m);
        long q = i % 8;
        if (q == 0 && i + 8 <= hw) {
#pragma GCC unroll 8
          for (int j = 0; j < 8; ++j) {
            V e = sub(load(x + (i + j) * W), m);
            s[j] = fma(e, e, s[j]);
          }
          i += 7;
        } else {
          s[0] = fma(d, d, s[0]);
        }
      }
      var = div(fold<8>(s), n);
    } else if constexpr (square_fma) {
      var = div(sum_lanes_fma(hw, [=](long i) { return sub(load(x + i * W), m); }), n);
    } else {
      var = div(sum_lanes(hw,
                          [=](long i) {
                            V d = sub(load(x + i * W), m);
                            return mul(d, d);
                          }),
                n);
    }
    V inv = div(set1(1), sqrt(add(var, eps))), gg = load(g + k * W), bb = load(b + k * W);
    V a = mul(inv, gg), c = fnma(m, a, bb);
    for (long i = 0; i < hw; ++i) {
      V t = load(x + i * W);
      store(y + i * W, free ? fma(t, a, c) : add(mul(mul(sub(t, m), inv), gg), bb));
    }
  }
}

void instance_norm_case(long ch, long hw) {
  long blocks = ch / W;
  Buffer x(static_cast<size_t>(ch * hw), 1), g(static_cast<size_t>(ch), 2), b(static_cast<size_t>(ch), 3),
      y(static_cast<size_t>(ch * hw));
  const float *px = x.data(), *pg = g.data(), *pb = b.data();
  float* py = y.data();
  Case c{"instance norm in NCHW" + std::to_string(W) + "c",
         std::to_string(ch) + " x " + std::to_string(hw),
         "Gelem/s",
         static_cast<double>(ch * hw),
         &y,
         1e-5,
         {}};
  auto ref = [=](bool square_fma) {
    return [=](Buffer& out) {
      for (long k = 0; k < ch; ++k) {
        auto at = [=](long i) { return px[(k / W * hw + i) * W + k % W]; };
        float fn = static_cast<float>(hw), mean = ref_sum2(16, SPIKE_Q, hw, at) / fn;
        auto d = [=](long i) { return at(i) - mean; };
        float sum =
            square_fma ? ref_sum_fma(hw, d) : ref_sum2(16, SPIKE_Q, hw, [=](long i) { return d(i) * d(i); });
        float inv = 1.0f / std::sqrt(sum / fn + 1e-5f);
        for (long i = 0; i < hw; ++i) out[(k / W * hw + i) * W + k % W] = d(i) * inv * pg[k] + pb[k];
      }
    };
  };
  c.forms = {
      {"free, two passes", [=] { instance_norm<true, true>(px, pg, pb, py, blocks, hw); }, nullptr},
      {"mul, add", [=] { instance_norm<false, false>(px, pg, pb, py, blocks, hw); }, ref(false)},
      {"fma in the squares", [=] { instance_norm<false, true>(px, pg, pb, py, blocks, hw); }, ref(true)}};
  bench(kIsa, c);
}

}  // namespace

void SPIKE_NAME(norm)() {
  for (long n : {16L, 49L, 64L, 197L, 384L, 1000L}) softmax_case(std::max(1L, 8192 / n), n);
  for (long n : {256L, 768L, 1024L}) layer_norm_case(16384 / n / 4 * 4, n);
  layer_norm_case(512, 768);
  instance_norm_case(64, 196), instance_norm_case(64, 784), instance_norm_case(64, 3136);
}

}  // namespace spike
