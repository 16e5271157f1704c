// Max and average pools, maxima over rows, relu: what the rules for NaN and the order of additions cost.
//
// NaN: x86's maximum(a, b) is exactly "a if a > b, else b", so a NaN in b is kept and one in a is lost. relu
// and clip need nothing more; a chain max(acc, x) must look for NaN itself. The cheap way is the processor's
// own: maximum raises the sticky "invalid" flag for a quiet NaN, so the plain kernel runs, the flag is read
// once, and only if it is up the careful kernel runs over the same data. Since max is associative under the
// rule (of equals, the last), rows of a window may be shared between windows. All kernels: no padding, layout
// [C/W][H][Wd][W].
#include "bench/spike/vec.h"

namespace spike {
namespace {

struct Shape {
  long blocks, h, w;
};

void clear_invalid() { _mm_setcsr(_mm_getcsr() & ~1u); }
bool invalid() { return (_mm_getcsr() & 1u) != 0; }

INLINE V nan_or(V value, M nan) { return select(nan, set1(NAN), value); }
INLINE M none() { return lt(zero(), zero()); }

// 3 x 3, stride S, all nine taps per output. Nan: 0 ignored, 1 compared pairwise, 2 the rows were checked
// before.
template <int S, int Nan>
INLINE V window_max(const float* p, long wide) {
  V m = set1(-INFINITY), x[9];
  M nan = none();
#pragma GCC unroll 9
  for (int t = 0; t < 9; ++t) x[t] = load(p + (t / 3 * wide + t % 3) * W);
#pragma GCC unroll 9
  for (int t = 0; t < 9; ++t) m = vmax(m, x[t]);
  if constexpr (Nan == 1) {
#pragma GCC unroll 5
    for (int t = 0; t < 9; t += 2) nan = either(nan, unordered(x[t], x[std::min(t + 1, 8)]));
    m = nan_or(m, nan);
  }
  return m;
}

INLINE bool row_has_nan(const float* p, long n) {
  M nan[2] = {none(), none()};
  long i = 0;
  for (; i + 4 <= n; i += 4) {
    nan[0] = either(nan[0], unordered(load(p + i * W), load(p + (i + 1) * W)));
    nan[1] = either(nan[1], unordered(load(p + (i + 2) * W), load(p + (i + 3) * W)));
  }
  for (; i < n; ++i) nan[0] = either(nan[0], unordered(load(p + i * W), load(p + i * W)));
  return any(either(nan[0], nan[1]));
}

template <int S, int Nan>
__attribute__((noinline)) void max_pool(const float* x, float* y, Shape d) {
  long oh = (d.h - 3) / S + 1, ow = (d.w - 3) / S + 1;
  for (long b = 0; b < d.blocks; ++b) {
    bool bad[3] = {};
    long seen = 0;
    for (long r = 0; r < oh; ++r) {
      const float* p = x + (b * d.h + r * S) * d.w * W;
      float* o = y + (b * oh + r) * ow * W;
      if constexpr (Nan == 2) {
        for (; seen < r * S + 3; ++seen) bad[seen % 3] = row_has_nan(x + (b * d.h + seen) * d.w * W, d.w);
        if (bad[0] | bad[1] | bad[2]) {
          for (long q = 0; q < ow; ++q) store(o + q * W, window_max<S, 1>(p + q * S * W, d.w));
          continue;
        }
      }
      for (long q = 0; q < ow; ++q) store(o + q * W, window_max<S, Nan>(p + q * S * W, d.w));
    }
  }
}

// 3 x 3, stride 1, walking down: the maximum of each row of a window is used by three windows.
// Nan: 0 ignored, 1 kept exactly (order of the row-major chain, NaN marked in the row maxima).
template <int Nan>
__attribute__((noinline)) void max_pool_shared(const float* x, float* y, Shape d) {
  long oh = d.h - 2, ow = d.w - 2;
  for (long b = 0; b < d.blocks; ++b)
    for (long q = 0; q < ow; ++q) {
      V row[3];
      M nan[3];
      for (long r = 0; r < d.h; ++r) {
        const float* p = x + ((b * d.h + r) * d.w + q) * W;
        V x0 = load(p), x1 = load(p + W), x2 = load(p + 2 * W);
        row[0] = row[1], row[1] = row[2], row[2] = vmax(vmax(x0, x1), x2);
        if constexpr (Nan == 1)
          nan[0] = nan[1], nan[1] = nan[2], nan[2] = either(unordered(x0, x1), unordered(x2, x2));
        if (r < 2) continue;
        V m = vmax(vmax(row[0], row[1]), row[2]);
        if constexpr (Nan == 1) m = nan_or(m, either(either(nan[0], nan[1]), nan[2]));
        store(y + ((b * oh + r - 2) * ow + q) * W, m);
      }
    }
}
// The same after one look at the whole plane for NaN.
__attribute__((noinline)) void max_pool_shared_checked(const float* x, float* y, Shape d) {
  for (long b = 0; b < d.blocks; ++b) {
    const float* p = x + b * d.h * d.w * W;
    float* o = y + b * (d.h - 2) * (d.w - 2) * W;
    if (row_has_nan(p, d.h * d.w))
      max_pool_shared<1>(p, o, {1, d.h, d.w});
    else
      max_pool_shared<0>(p, o, {1, d.h, d.w});
  }
}

// The plain kernel, then the flag.
__attribute__((noinline)) void max_pool_shared_flag(const float* x, float* y, Shape d) {
  clear_invalid();
  max_pool_shared<0>(x, y, d);
  if (invalid()) max_pool_shared<1>(x, y, d);
}
template <int S>
__attribute__((noinline)) void max_pool_flag(const float* x, float* y, Shape d) {
  clear_invalid();
  max_pool<S, 0>(x, y, d);
  if (invalid()) max_pool<S, 1>(x, y, d);
}

float max_rule(float a, float b) { return a != a || b != b ? NAN : a > b ? a : b; }

void max_reference(const float* x, float* y, Shape d, int S) {
  long oh = (d.h - 3) / S + 1, ow = (d.w - 3) / S + 1;
  for (long i = 0; i < d.blocks * oh * ow * W; ++i) {
    long lane = i % W, q = i / W % ow, r = i / W / ow % oh, b = i / W / ow / oh;
    float m = -INFINITY;
    for (int t = 0; t < 9; ++t)
      m = max_rule(m, x[((b * d.h + r * S + t / 3) * d.w + q * S + t % 3) * W + lane]);
    y[i] = m;
  }
}

// Average, 3 x 3. How: the chain and the quotient.
enum How { kDivide, kReciprocal, kReciprocalPlusZero, kExactQuotient };
template <How H>
INLINE V ninth(V s) {
  if constexpr (H == kDivide) return div(s, set1(9));
  V r = set1(1.0f / 9.0f), q = mul(s, r);
  if constexpr (H == kReciprocal) return q;
  if constexpr (H == kReciprocalPlusZero) return fma(s, r, zero());  // chains that began without +0 end here
  // The quotient rounded correctly by one fma correction, where nothing over- or underflows; else the
  // division.
  V e = fnma(q, set1(9), s), c = fma(e, r, q);
  M fine = lt(abs(sub(abs(s), set1(0x1p60f))),
              set1(0x1p60f));  // 0 < |s| < 2^61; below 2^-60 the difference is 2^60
  if (__builtin_expect(!all(fine), 0)) return div(s, set1(9));
  return c;
}
template <int S, How H>
__attribute__((noinline)) void average_pool(const float* x, float* y, Shape d) {
  long oh = (d.h - 3) / S + 1, ow = (d.w - 3) / S + 1;
  for (long b = 0; b < d.blocks; ++b)
    for (long r = 0; r < oh; ++r)
      for (long q = 0; q < ow; ++q) {
        const float* p = x + ((b * d.h + r * S) * d.w + q * S) * W;
        V s = H == kReciprocalPlusZero ? load(p) : add(zero(), load(p));
#pragma GCC unroll 9
        for (int t = 1; t < 9; ++t) s = add(s, load(p + (t / 3 * d.w + t % 3) * W));
        store(y + ((b * oh + r) * ow + q) * W, ninth<H>(s));
      }
}
// Row sums first (a chain over kx), then a chain over ky: they may be shared. Free and defined differ in +0 +
// ...
template <bool free, How H>
__attribute__((noinline)) void average_pool_shared(const float* x, float* y, Shape d) {
  long oh = d.h - 2, ow = d.w - 2;
  for (long b = 0; b < d.blocks; ++b)
    for (long q = 0; q < ow; ++q) {
      V row[3] = {zero(), zero(), zero()};
      for (long r = 0; r < d.h; ++r) {
        const float* p = x + ((b * d.h + r) * d.w + q) * W;
        V s = add(free || H == kReciprocalPlusZero ? load(p) : add(zero(), load(p)), load(p + W));
        row[0] = row[1], row[1] = row[2], row[2] = add(s, load(p + 2 * W));
        if (r < 2) continue;
        store(y + ((b * oh + r - 2) * ow + q) * W, ninth<H>(add(add(row[0], row[1]), row[2])));
      }
    }
}
// Rows first where no row is shared: three chains of three.
template <int S>
__attribute__((noinline)) void average_pool_rows(const float* x, float* y, Shape d) {
  long oh = (d.h - 3) / S + 1, ow = (d.w - 3) / S + 1;
  for (long b = 0; b < d.blocks; ++b)
    for (long r = 0; r < oh; ++r)
      for (long q = 0; q < ow; ++q) {
        V s[3];
#pragma GCC unroll 3
        for (int k = 0; k < 3; ++k) {
          const float* p = x + ((b * d.h + r * S + k) * d.w + q * S) * W;
          s[k] = add(add(load(p), load(p + W)), load(p + 2 * W));
        }
        store(y + ((b * oh + r) * ow + q) * W, ninth<kReciprocalPlusZero>(add(add(s[0], s[1]), s[2])));
      }
}
void average_reference(const float* x, float* y, Shape d, int S, bool rows, bool divide) {
  long oh = (d.h - 3) / S + 1, ow = (d.w - 3) / S + 1;
  for (long i = 0; i < d.blocks * oh * ow * W; ++i) {
    long lane = i % W, q = i / W % ow, r = i / W / ow % oh, b = i / W / ow / oh;
    float s = 0;
    for (int ky = 0; ky < 3; ++ky) {
      float t = rows ? 0 : s;
      for (int kx = 0; kx < 3; ++kx) t = t + x[((b * d.h + r * S + ky) * d.w + q * S + kx) * W + lane];
      s = rows ? s + t : t;
    }
    y[i] = divide ? s / 9.0f : s * (1.0f / 9.0f);
  }
}

void pools(Shape d) {
  Buffer x(static_cast<size_t>(d.blocks * d.h * d.w * W), 1);
  const float* p = x.data();
  std::string shape = std::to_string(d.blocks * W) + ", " + std::to_string(d.h) + " x " + std::to_string(d.w);
  for (int S : {1, 2}) {
    long outs = d.blocks * ((d.h - 3) / S + 1) * ((d.w - 3) / S + 1) * W;
    Buffer y(static_cast<size_t>(outs));
    float* o = y.data();
    auto max_ref = [=](Buffer& r) { max_reference(p, r.data(), d, S); };
    auto avg_ref = [=](bool rows, bool divide) {
      return [=](Buffer& r) { average_reference(p, r.data(), d, S, rows, divide); };
    };
    Case m{"max pool 3x3 stride " + std::to_string(S),
           shape,
           "Gelem/s",
           static_cast<double>(outs),
           &y,
           1e-6,
           {}};
    Case a{"average pool 3x3 stride " + std::to_string(S),
           shape,
           "Gelem/s",
           static_cast<double>(outs),
           &y,
           1e-6,
           {}};
    if (S == 1) {
      m.forms = {{"free", [=] { max_pool_shared<0>(p, o, d); }, nullptr},
                 {"NaN compared pairwise, 9 taps", [=] { max_pool<1, 1>(p, o, d); }, max_ref},
                 {"rows shared, NaN marked", [=] { max_pool_shared<1>(p, o, d); }, max_ref},
                 {"rows shared, flag read once", [=] { max_pool_shared_flag(p, o, d); }, max_ref},
                 {"plane checked for NaN, rows shared", [=] { max_pool_shared_checked(p, o, d); }, max_ref}};
      a.forms = {
          {"free", [=] { average_pool_shared<true, kReciprocal>(p, o, d); }, nullptr},
          {"chain of 9, division", [=] { average_pool<1, kDivide>(p, o, d); }, avg_ref(false, true)},
          {"chain of 9, times 1/9", [=] { average_pool<1, kReciprocal>(p, o, d); }, avg_ref(false, false)},
          {"rows first, division", [=] { average_pool_shared<false, kDivide>(p, o, d); },
           avg_ref(true, true)},
          {"rows first, times 1/9", [=] { average_pool_shared<false, kReciprocal>(p, o, d); },
           avg_ref(true, false)},
          {"rows first, times 1/9, as fma(., 1/9, +0)",
           [=] { average_pool_shared<false, kReciprocalPlusZero>(p, o, d); }, avg_ref(true, false)},
          {"rows first, division by fma correction",
           [=] { average_pool_shared<false, kExactQuotient>(p, o, d); }, avg_ref(true, true)}};
    } else {
      m.forms = {{"free", [=] { max_pool<2, 0>(p, o, d); }, nullptr},
                 {"NaN compared pairwise", [=] { max_pool<2, 1>(p, o, d); }, max_ref},
                 {"flag read once", [=] { max_pool_flag<2>(p, o, d); }, max_ref},
                 {"rows checked for NaN first", [=] { max_pool<2, 2>(p, o, d); }, max_ref}};
      a.forms = {
          {"free", [=] { average_pool<2, kReciprocal>(p, o, d); }, nullptr},
          {"chain of 9, division", [=] { average_pool<2, kDivide>(p, o, d); }, avg_ref(false, true)},
          {"chain of 9, division by fma correction", [=] { average_pool<2, kExactQuotient>(p, o, d); },
           avg_ref(false, true)},
          {"chain of 9, times 1/9", [=] { average_pool<2, kReciprocal>(p, o, d); }, avg_ref(false, false)},
          {"rows first, times 1/9", [=] { average_pool_rows<2>(p, o, d); }, avg_ref(true, false)}};
    }
    bench(kIsa, m);
    bench(kIsa, a);
  }
}

// Maxima of rows: 4 chains (L = 16 interleaved on AVX2 is 2, abreast rows give more).
template <bool nan>
__attribute__((noinline)) void row_max(const float* x, float* y, long rows, long n) {
  for (long r = 0; r < rows; ++r, x += n) {
    V m[4];
    M bad[2] = {none(), none()};
    for (V& v : m) v = set1(-INFINITY);
    for (long i = 0; i < n; i += 4 * W) {
      V a = load(x + i), b = load(x + i + W), c = load(x + i + 2 * W), d = load(x + i + 3 * W);
      m[0] = vmax(m[0], a), m[1] = vmax(m[1], b), m[2] = vmax(m[2], c), m[3] = vmax(m[3], d);
      if (nan) bad[0] = either(bad[0], unordered(a, b)), bad[1] = either(bad[1], unordered(c, d));
    }
    alignas(64) float t[W];
    store(t, vmax(vmax(m[0], m[1]), vmax(m[2], m[3])));
    float best = t[0];
    for (int i = 1; i < W; ++i) best = best > t[i] ? best : t[i];
    if (nan && any(either(bad[0], bad[1]))) best = NAN;
    y[r] = best;
  }
}

__attribute__((noinline)) void row_max_flag(const float* x, float* y, long rows, long n) {
  clear_invalid();
  row_max<false>(x, y, rows, n);
  if (invalid()) row_max<true>(x, y, rows, n);
}

void row_max_case(long rows, long n) {
  Buffer x(static_cast<size_t>(rows * n), 1), y(static_cast<size_t>(rows));
  const float* p = x.data();
  float* o = y.data();
  Case c{"maximum of rows",
         std::to_string(rows) + " x " + std::to_string(n),
         "GB/s",
         4.0 * static_cast<double>(rows * n),
         &y,
         1e-6,
         {}};
  auto ref = [=](Buffer& r) {
    for (long k = 0; k < rows; ++k) {
      r[k] = -INFINITY;
      for (long i = 0; i < n; ++i) r[k] = max_rule(r[k], p[k * n + i]);
    }
  };
  c.forms = {{"free", [=] { row_max<false>(p, o, rows, n); }, nullptr},
             {"NaN compared pairwise", [=] { row_max<true>(p, o, rows, n); }, ref},
             {"flag read once", [=] { row_max_flag(p, o, rows, n); }, ref}};
  bench(kIsa, c);
}

template <int Nan>
__attribute__((noinline)) void max_two(const float* a, const float* b, float* y, long n) {
  for (long i = 0; i < n; i += W) {
    V x = load(a + i), m = vmax(x, load(b + i));
    store(y + i, Nan ? select(unordered(x, x), x, m) : m);
  }
}
__attribute__((noinline)) void max_two_flag(const float* a, const float* b, float* y, long n) {
  clear_invalid();
  max_two<0>(a, b, y, n);
  if (invalid()) max_two<1>(a, b, y, n);
}
void max_two_case(long n) {
  Buffer a(static_cast<size_t>(n), 1), b(static_cast<size_t>(n), 2), y(static_cast<size_t>(n));
  const float *p = a.data(), *q = b.data();
  float* o = y.data();
  Case c{"max of two tensors", std::to_string(n), "GB/s", 12.0 * static_cast<double>(n), &y, 1e-6, {}};
  auto ref = [=](Buffer& r) {
    for (long i = 0; i < n; ++i) r[i] = max_rule(p[i], q[i]);
  };
  c.forms = {{"free", [=] { max_two<0>(p, q, o, n); }, nullptr},
             {"NaN compared", [=] { max_two<1>(p, q, o, n); }, ref},
             {"flag read once", [=] { max_two_flag(p, q, o, n); }, ref}};
  bench(kIsa, c);
}

// Every way to treat NaN gives the defined result where there are some.
void check_nan() {
  Shape d{2, 9, 11};
  Buffer x(static_cast<size_t>(d.blocks * d.h * d.w * W), 1), y(x.size()), z(x.size());
  for (size_t i = 0; i < x.size(); i += 97) x[i] = i % 2 ? NAN : -NAN;
  auto same = [&](int S) {
    max_reference(x.data(), z.data(), d, S);
    long n = d.blocks * ((d.h - 3) / S + 1) * ((d.w - 3) / S + 1) * W, wrong = 0;
    for (long i = 0; i < n; ++i)
      wrong += std::isnan(z[i]) ? !std::isnan(y[i]) : std::memcmp(y.data() + i, z.data() + i, 4) != 0;
    check_that(wrong == 0, "max pool with NaN");
  };
  max_pool<1, 1>(x.data(), y.data(), d), same(1);
  max_pool_shared<1>(x.data(), y.data(), d), same(1);
  max_pool_shared_checked(x.data(), y.data(), d), same(1);
  max_pool_shared_flag(x.data(), y.data(), d), same(1);
  max_pool<2, 2>(x.data(), y.data(), d), same(2);
  max_pool_flag<2>(x.data(), y.data(), d), same(2);
}

}  // namespace

void SPIKE_NAME(pool)() {
  check_nan();
  pools({1, 14, 14});
  pools({64 / W, 57, 57});
  row_max_case(4, 2048), row_max_case(64, 1024);
  max_two_case(2048), max_two_case(65536);
}

}  // namespace spike
