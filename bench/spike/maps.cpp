// Elementary functions as fixed expression trees of correctly rounded operations, against free forms of the
// same class of accuracy (shorter polynomials, rcp14 with one Newton step). The coefficients are Chebyshev
// fits, good enough to cost what the final ones will cost; the trees that ship live with the operators.
#include "bench/spike/elementary.h"

namespace spike {
namespace {

enum Form { kFree, kDivide, kPolynomial, kPlain };

template <Form F>
INLINE V sigmoid(V x) {
  if constexpr (F == kFree) {
    V d = add(set1(1), exp_free(vmin(set1(88), sub(zero(), x))));
    V r = rcp(d);
    return mul(r, fnma(d, r, set1(2)));
  }
  if constexpr (F == kPlain) {  // x < -87 ? exp(x) : 1 / (1 + exp(-x)): below -87 the 1 adds nothing
    if (__builtin_expect(any(not_ge(x, set1(-87.0f))), 0)) {
      V y = div(set1(1), add(set1(1), exp_any(sub(zero(), x))));
      return select(lt(x, set1(-87.0f)), exp_any(x), y);
    }
    return div(set1(1), add(set1(1), scale_normal(exp_parts<6>(vmax(set1(-87.0f), sub(zero(), x))))));
  }
  V t = exp_nonpositive(sub(zero(), abs(x))), d = add(set1(1), t);
  M negative = lt(x, zero());
  V n = select(negative, t, set1(1));
  return F == kDivide ? div(n, d) : mul(n, reciprocal_1_2(d));
}

template <Form F>
INLINE V tanh(V x) {
  V a = abs(x), z = mul(x, x);
  V p = set1(-0.0061049493f);
  p = fma(p, z, set1(0.0210036424f));
  p = fma(p, z, set1(-0.0538524978f));
  p = fma(p, z, set1(0.1333278227f));
  p = fma(p, z, set1(-0.333333291f));
  V small = fma(mul(x, z), p, x);
  V t = F == kFree ? exp_free(mul(set1(-2), a)) : exp_nonpositive(mul(set1(-2), a));
  V d = add(set1(1), t), q;
  if constexpr (F == kFree) {
    V r = rcp(d);
    q = mul(t, mul(r, fnma(d, r, set1(2))));
  } else if constexpr (F == kDivide) {
    q = div(t, d);
  } else {
    q = mul(t, reciprocal_1_2(d));
  }
  V big = fma(set1(-2), q, set1(1));
  V sign = bit_and(x, set1(-0.0f));
  return select(lt(a, set1(0.625f)), small, bit_or(big, sign));
}

template <Form F>
INLINE V erf(V x) {
  V a = vmin(set1(4), abs(x)), z = mul(x, x);
  V p = set1(7.882497e-05f);
  for (float c :
       {-0.0008018854f, 0.0051893119f, -0.0268543283f, 0.1128359746f, -0.3761262690f, 1.1283791659f})
    p = fma(p, z, set1(c));
  V q = set1(-4.962086e-08f);
  for (float c : {2.6941328e-06f, -5.5772105e-05f, 0.000647212f, -0.0049218400f, 0.0267558398f,
                  -0.1105209414f, -0.6314700573f, -1.1303925881f, 0.00034997922f})
    q = fma(q, a, set1(c));
  V big = sub(set1(1), F == kFree ? exp_free(q) : exp_nonpositive(q));
  V sign = bit_and(x, set1(-0.0f));
  return select(lt(a, set1(1)), mul(x, p), bit_or(big, sign));
}

template <class Fn>
__attribute__((noinline)) void map(const float* x, float* y, long n, Fn f) {
  for (long i = 0; i < n; i += 2 * W) {
    V a = f(load(x + i)), b = f(load(x + i + W));
    store(y + i, a), store(y + i + W, b);
  }
}

using Fn = void (*)(const float*, float*, long);

// Other ways to the same bits come after `defined`, `fast` is a free form of less accuracy.
void map_case(const char* name, float scale, Fn free, std::vector<std::pair<const char*, Fn>> defined,
              Fn fast) {
  Buffer x(4096, 1), y(4096);
  for (size_t i = 0; i < x.size(); ++i) x[i] = scale == 0 ? -20 * std::fabs(x[i]) : x[i] * scale;
  const float* px = x.data();
  float* py = y.data();
  Case c{name, "4096 in L1", "Gelem/s", 4096, &y, 1e-6, {}};
  c.forms.push_back({"free", [=] { free(px, py, 4096); }, nullptr, 0});
  for (auto [form, fn] : defined) {
    Fn g = fn;
    c.forms.push_back({form, [=] { g(px, py, 4096); }, nullptr, 0});
  }
  c.forms.push_back({"(free, less accurate)", [=] { fast(px, py, 4096); }, nullptr, 1e-3});
  bench(kIsa, c);
}

// Each way to the exp of the tree, over its range and its edges, against the two-factor form one value at a
// time; on AVX-512, also the two-factor arithmetic of AVX2 in scalar operations.
void check_exp() {
  long wrong = 0;
  for (uint32_t u = 0; u < 1u << 20; ++u) {
    alignas(64) float x[W], a[W], b[W], c[W];
    uint32_t bits = u << 12 | (u & 0xfff);
    std::memcpy(x, &bits, 4);
    std::fill_n(x + 1, W - 1, 0.5f);
    store(a, exp_any(load(x))), store(b, exp_branch(load(x)));
    store(c, x[0] <= 0 ? exp_nonpositive(load(x)) : load(a));
    float y = x[0] < -104.0f ? -104.0f : x[0] > 89.0f ? 89.0f : x[0];
    float n = __builtin_fmaf(y, 1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    float r = __builtin_fmaf(-n, 0.693145752f, y);
    r = __builtin_fmaf(-n, 1.42860677e-06f, r);
    float p = 0.0013933643f;
    for (float k : {0.0083631756f, 0.041666465f, 0.16666577f, 0.5f, 1.0f, 1.0f}) p = __builtin_fmaf(p, r, k);
    float want =
        static_cast<float>(std::ldexp(static_cast<double>(p), std::isnan(n) ? 0 : static_cast<int>(n)));
    bool nan = std::isnan(want);
    for (float got : {a[0], b[0], c[0]}) wrong += nan ? !std::isnan(got) : std::memcmp(&got, &want, 4) != 0;
  }
  check_that(wrong == 0, "ways to one exp");
}

}  // namespace

#define SPIKE_MAP(expression) \
  [](const float* x, float* y, long n) { map(x, y, n, [](V v) { return expression; }); }

void SPIKE_NAME(maps)() {
  check_exp();
  map_case(
      "exp", 20, SPIKE_MAP(exp_free(v)),
      {{"one tree", SPIKE_MAP(exp_any(v))}, {"one tree, branch for far arguments", SPIKE_MAP(exp_branch(v))}},
      SPIKE_MAP(exp_fast(v)));
  map_case("exp, arguments <= 0", 0, SPIKE_MAP(exp_free(v)),
           {{"one tree", SPIKE_MAP(exp_nonpositive(v))},
            {"one tree, branch for far arguments", SPIKE_MAP(exp_nonpositive_branch(v))}},
           SPIKE_MAP(exp_fast(v)));
  map_case("sigmoid", 20, SPIKE_MAP(sigmoid<kFree>(v)),
           {{"one tree, division", SPIKE_MAP(sigmoid<kDivide>(v))},
            {"x < -87 ? exp(x) : 1/(1 + exp(-x)), by branch", SPIKE_MAP(sigmoid<kPlain>(v))},
            {"one tree, reciprocal polynomial", SPIKE_MAP(sigmoid<kPolynomial>(v))}},
           SPIKE_MAP(rcp(add(set1(1), exp_fast(vmin(set1(88), sub(zero(), v)))))));
  map_case("tanh", 4, SPIKE_MAP(tanh<kFree>(v)),
           {{"one tree, division", SPIKE_MAP(tanh<kDivide>(v))},
            {"one tree, reciprocal polynomial", SPIKE_MAP(tanh<kPolynomial>(v))}},
           SPIKE_MAP(fma(set1(-2), rcp(add(set1(1), exp_fast(add(v, v)))), set1(1))));
  map_case("erf", 4, SPIKE_MAP(erf<kFree>(v)), {{"one tree", SPIKE_MAP(erf<kDivide>(v))}},
           SPIKE_MAP(erf<kFree>(v)));
}

}  // namespace spike
