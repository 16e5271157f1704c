// The table of elementary functions under test, see cases.h.
#include "ops/math/cases.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "ops/math/math.h"

#if defined(__x86_64__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#include <immintrin.h>
#define TAUTO_HAS_LIBMVEC
#endif
#endif

namespace tauto::testing {
namespace {

// The trees over arrays: these loops vectorise.
#define TAUTO_KERNELS(name, ...)                                        \
  template <class F>                                                    \
  void name##_array(const F* __restrict x, F* __restrict y, size_t n) { \
    for (size_t i = 0; i < n; ++i) y[i] = math::name(x[i]);             \
  }
TAUTO_MATH_UNARY(TAUTO_KERNELS)
#undef TAUTO_KERNELS
#define TAUTO_KERNELS(name, ...)                                                               \
  template <class F>                                                                           \
  void name##_array(const F* __restrict a, const F* __restrict b, F* __restrict y, size_t n) { \
    for (size_t i = 0; i < n; ++i) y[i] = math::name(a[i], b[i]);                              \
  }
TAUTO_MATH_BINARY(TAUTO_KERNELS)
#undef TAUTO_KERNELS

// What the C library and MPFR lack.
namespace extra {
using namespace std;
template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
int mpfr_sigmoid(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) {
  mpfr_neg(y, x, rounding);
  mpfr_exp(y, y, rounding);
  mpfr_add_ui(y, y, 1, rounding);
  return mpfr_ui_div(y, 1, y, rounding);
}

#define TAUTO_REFERENCES(name, ...) \
  template <class T>                \
  T name##_reference(T x) {         \
    return name(x);                 \
  }                                 \
  int name##_exact(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) { return mpfr_##name(y, x, rounding); }
TAUTO_MATH_UNARY(TAUTO_REFERENCES)
#undef TAUTO_REFERENCES
#define TAUTO_REFERENCES(name, ...)                                                 \
  template <class T>                                                                \
  T name##_reference(T a, T b) {                                                    \
    return name(a, b);                                                              \
  }                                                                                 \
  int name##_exact(mpfr_ptr y, mpfr_srcptr a, mpfr_srcptr b, mpfr_rnd_t rounding) { \
    return mpfr_##name(y, a, b, rounding);                                          \
  }
TAUTO_MATH_BINARY(TAUTO_REFERENCES)
#undef TAUTO_REFERENCES
}  // namespace extra

// The references over arrays: libmvec's functions (at most 4 ulp), four at a time; within a quarter of an
// hour they cover what takes the scalar functions hours.
#ifdef TAUTO_HAS_LIBMVEC
#define TAUTO_DECLARE(name, ...) extern "C" __m256d _ZGVdN4v_##name(__m256d);
TAUTO_MATH_UNARY(TAUTO_DECLARE)
#undef TAUTO_DECLARE
#define TAUTO_DECLARE(name, ...) extern "C" __m256d _ZGVdN4vv_##name(__m256d, __m256d);
TAUTO_MATH_BINARY(TAUTO_DECLARE)
#undef TAUTO_DECLARE
__m256d vector_sigmoid(__m256d x) {
  const __m256d one = _mm256_set1_pd(1);
  return _mm256_div_pd(one, _mm256_add_pd(one, _ZGVdN4v_exp(_mm256_xor_pd(x, _mm256_set1_pd(-0.0)))));
}
#define _ZGVdN4v_sigmoid vector_sigmoid
#define TAUTO_ARRAYS(name, ...)                                                                  \
  void name##_references(const double* x, double* y, size_t n) {                                 \
    size_t i = 0;                                                                                \
    for (; i + 4 <= n; i += 4) _mm256_storeu_pd(y + i, _ZGVdN4v_##name(_mm256_loadu_pd(x + i))); \
    for (; i < n; ++i) y[i] = extra::name##_reference(x[i]);                                     \
  }
TAUTO_MATH_UNARY(TAUTO_ARRAYS)
#undef TAUTO_ARRAYS
#define TAUTO_ARRAYS(name, ...)                                                                  \
  void name##_references(const double* a, const double* b, double* y, size_t n) {                \
    size_t i = 0;                                                                                \
    for (; i + 4 <= n; i += 4)                                                                   \
      _mm256_storeu_pd(y + i, _ZGVdN4vv_##name(_mm256_loadu_pd(a + i), _mm256_loadu_pd(b + i))); \
    for (; i < n; ++i) y[i] = extra::name##_reference(a[i], b[i]);                               \
  }
TAUTO_MATH_BINARY(TAUTO_ARRAYS)
#undef TAUTO_ARRAYS
#else
#define TAUTO_ARRAYS(name, ...)                                          \
  void name##_references(const double* x, double* y, size_t n) {         \
    for (size_t i = 0; i < n; ++i) y[i] = extra::name##_reference(x[i]); \
  }
TAUTO_MATH_UNARY(TAUTO_ARRAYS)
#undef TAUTO_ARRAYS
#define TAUTO_ARRAYS(name, ...)                                                   \
  void name##_references(const double* a, const double* b, double* y, size_t n) { \
    for (size_t i = 0; i < n; ++i) y[i] = extra::name##_reference(a[i], b[i]);    \
  }
TAUTO_MATH_BINARY(TAUTO_ARRAYS)
#undef TAUTO_ARRAYS
#endif

template <class F>
constexpr int kMantissa = std::is_same_v<F, float> ? 23 : 52;
template <class F>
constexpr int kLeast = std::is_same_v<F, float> ? -149 : -1074;

template <class F, class T>
double error_of(F y, T r) {
  if (std::isnan(r) || std::isnan(y)) return std::isnan(r) && std::isnan(y) ? 0 : HUGE_VAL;
  const F rounded = static_cast<F>(r);
  if (std::isinf(y) || std::isinf(rounded)) return y == rounded ? 0 : HUGE_VAL;
  if (y == 0 && std::signbit(y) != std::signbit(r)) return HUGE_VAL;
  if (r == 0) return y == 0 ? 0 : HUGE_VAL;
  const int e = std::max(std::ilogb(r) - kMantissa<F>, kLeast<F>);
  return static_cast<double>(std::ldexp(std::abs(static_cast<T>(y) - r), -e));
}

// MPFR's exponents are wider than any format's here: nothing overflows, and what would be denormal is not
// rounded.
constexpr mpfr_prec_t kPrecision = 96;

class Number {
 public:
  Number() { mpfr_init2(v_, kPrecision); }
  explicit Number(double d) : Number() { mpfr_set_d(v_, d, MPFR_RNDN); }
  ~Number() { mpfr_clear(v_); }
  Number(const Number&) = delete;
  mpfr_ptr get() { return v_; }

 private:
  mpfr_t v_;
};

template <class F>
double error_of_exact(F y, mpfr_ptr exact) {
  if (!mpfr_number_p(exact) || mpfr_zero_p(exact) || !std::isfinite(y)) {
    const F rounded =
        std::is_same_v<F, float> ? mpfr_get_flt(exact, MPFR_RNDN) : mpfr_get_d(exact, MPFR_RNDN);
    return rounded == y || (std::isnan(rounded) && std::isnan(y)) ? 0 : HUGE_VAL;
  }
  const int e = static_cast<int>(mpfr_get_exp(exact)) - 1;
  mpfr_sub_d(exact, exact, y, MPFR_RNDN);
  mpfr_mul_2si(exact, exact, -std::max(e - kMantissa<F>, kLeast<F>), MPFR_RNDN);
  return std::abs(mpfr_get_d(exact, MPFR_RNDA));
}

template <class F>
double unary_exact_error(const UnaryCase& c, F x, F y) {
  Number input(x), output;
  c.exact(output.get(), input.get(), MPFR_RNDN);
  return error_of_exact(y, output.get());
}

template <class F>
double binary_exact_error(const BinaryCase& c, F a, F b, F y) {
  Number first(a), second(b), output;
  c.exact(output.get(), first.get(), second.get(), MPFR_RNDN);
  return error_of_exact(y, output.get());
}

template <class F>
F any_bits(std::mt19937_64& random) {
  if constexpr (std::is_same_v<F, float>) {
    return std::bit_cast<float>(static_cast<uint32_t>(random()));
  } else {
    return std::bit_cast<double>(random());
  }
}

}  // namespace

const std::vector<UnaryCase>& unary_cases() {
#define TAUTO_CASE(name, ...)            \
  {#name,                                \
   math::accuracy::name,                 \
   name##_array<float>,                  \
   name##_array<double>,                 \
   extra::name##_reference<double>,      \
   name##_references,                    \
   extra::name##_reference<long double>, \
   extra::name##_exact},
  static const std::vector<UnaryCase> cases = {TAUTO_MATH_UNARY(TAUTO_CASE)};
  return cases;
}

const std::vector<BinaryCase>& binary_cases() {
  static const std::vector<BinaryCase> cases = {TAUTO_MATH_BINARY(TAUTO_CASE)};
#undef TAUTO_CASE
  return cases;
}

double ulp_error(float y, double r) { return error_of(y, r); }
double ulp_error(double y, long double r) { return error_of(y, r); }
double exact_error(const UnaryCase& c, float x, float y) { return unary_exact_error(c, x, y); }
double exact_error(const UnaryCase& c, double x, double y) { return unary_exact_error(c, x, y); }
double exact_error(const BinaryCase& c, float a, float b, float y) { return binary_exact_error(c, a, b, y); }
double exact_error(const BinaryCase& c, double a, double b, double y) {
  return binary_exact_error(c, a, b, y);
}

template <class F>
std::vector<F> unary_samples(size_t n, std::mt19937_64& random) {
  // Where trees change from one piece to another, or are at their worst.
  static constexpr double kBreaks[] = {0.25,
                                       0.3465735902799726,
                                       0.375,
                                       0.41421356237309503,
                                       0.5,
                                       0.7071067811865476,
                                       0.75,
                                       0.7853981633974483,
                                       1,
                                       1.4142135623730951,
                                       2,
                                       2.414213562373095,
                                       4,
                                       10,
                                       30,
                                       87.33654,
                                       88.72284,
                                       103.97208,
                                       709.782712893384};
  std::uniform_real_distribution<double> unit(-1, 1);
  std::vector<F> x(n);
  for (size_t i = 0; i < n; ++i) {
    const double u = unit(random);
    switch (i % 8) {
      case 0:
        x[i] = any_bits<F>(random);
        break;
      case 1:
        x[i] = static_cast<F>(u);
        break;
      case 2:
        x[i] = static_cast<F>(u * 4);
        break;
      case 3:
        x[i] = static_cast<F>(u * 30);
        break;
      case 4:
        x[i] = static_cast<F>(u * (sizeof(F) == 4 ? 110 : 760));
        break;
      case 5:
        x[i] = static_cast<F>(std::copysign(std::exp2(u * 30), unit(random)));
        break;
      case 6:
        x[i] = static_cast<F>(1 + u * 0.6);
        break;
      default: {
        const double at = kBreaks[random() % std::size(kBreaks)];
        const double step = std::numeric_limits<F>::epsilon() * at * static_cast<double>(random() % 64);
        x[i] = static_cast<F>(std::copysign(at + std::copysign(step, u), unit(random)));
      }
    }
  }
  return x;
}

template <class F>
Pairs<F> binary_samples(size_t n, std::mt19937_64& random) {
  const double range = sizeof(F) == 4 ? 88.0 : 709.0;
  std::uniform_real_distribution<double> unit(-1, 1);
  Pairs<F> p{std::vector<F>(n), std::vector<F>(n)};
  for (size_t i = 0; i < n; ++i) {
    const double u = unit(random), v = unit(random);
    F& a = p.a[i];
    F& b = p.b[i];
    switch (i % 8) {
      case 0:
        a = any_bits<F>(random);
        b = any_bits<F>(random);
        break;
      case 1:  // a^b anywhere in the range, its ends included
        a = static_cast<F>(std::exp2(u * 40));
        b = static_cast<F>(v * 1.2 * range / std::log(static_cast<double>(a)));
        break;
      case 2:  // a near 1
        a = static_cast<F>(1 + u * std::exp2(-20 * std::abs(v)));
        b = static_cast<F>(unit(random) * range / std::log(static_cast<double>(a)));
        break;
      case 3:  // small integers of either sign
        a = static_cast<F>(std::rint(u * 40));
        b = static_cast<F>(std::rint(v * 40));
        break;
      case 4:  // integer and half-integer exponents of any base
        a = any_bits<F>(random);
        b = static_cast<F>(std::rint(v * 8) / 2);
        break;
      case 5:  // denormal results
        a = static_cast<F>(std::exp2(u * 3));
        b = static_cast<F>(-(1 + 0.17 * std::abs(v)) * range / std::log(static_cast<double>(a)));
        break;
      case 6:
        a = static_cast<F>(std::exp2(u * 100) * v);
        b = static_cast<F>(unit(random) * std::exp2(unit(random) * 10));
        break;
      default:
        a = static_cast<F>(u * 4);
        b = static_cast<F>(v * 4);
    }
  }
  return p;
}

template std::vector<float> unary_samples<float>(size_t, std::mt19937_64&);
template std::vector<double> unary_samples<double>(size_t, std::mt19937_64&);
template Pairs<float> binary_samples<float>(size_t, std::mt19937_64&);
template Pairs<double> binary_samples<double>(size_t, std::mt19937_64&);

}  // namespace tauto::testing
