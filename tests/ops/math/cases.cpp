// The table of elementary functions under test, see cases.h.
#include "ops/math/cases.h"

#include <cmath>

#include "ops/math/math.h"

namespace tauto::testing {
namespace {

// References the C library lacks.
template <class T>
T reference_sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

int exact_sigmoid(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) {
  mpfr_neg(y, x, rounding);
  mpfr_exp(y, y, rounding);
  mpfr_add_ui(y, y, 1, rounding);
  return mpfr_ui_div(y, 1, y, rounding);
}

#define TAUTO_KERNELS(name, ...)                                                \
  void name##_f32(const float* __restrict x, float* __restrict y, size_t n) {   \
    for (size_t i = 0; i < n; ++i) y[i] = math::name(x[i]);                     \
  }                                                                             \
  void name##_f64(const double* __restrict x, double* __restrict y, size_t n) { \
    for (size_t i = 0; i < n; ++i) y[i] = math::name(x[i]);                     \
  }
TAUTO_MATH_UNARY(TAUTO_KERNELS)
#undef TAUTO_KERNELS

// The C library's function of the same name, and MPFR's.
#define TAUTO_LIBRARY(name)                                            \
  double name##_reference(double x) { return std::name(x); }           \
  long double name##_reference(long double x) { return std::name(x); } \
  int name##_exact(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) { return mpfr_##name(y, x, rounding); }
TAUTO_LIBRARY(exp)
TAUTO_LIBRARY(log)
TAUTO_LIBRARY(tanh)
TAUTO_LIBRARY(erf)
#undef TAUTO_LIBRARY

double sigmoid_reference(double x) { return reference_sigmoid(x); }
long double sigmoid_reference(long double x) { return reference_sigmoid(x); }
constexpr auto sigmoid_exact = exact_sigmoid;

// MPFR's exponent range is wider than any format here: nothing overflows, and what would be denormal is not
// rounded.
constexpr mpfr_prec_t kPrecision = 160;

template <class T>
double ulp_of(T r, int mantissa, int least) {
  return std::ldexp(1.0, std::max(std::ilogb(r) - mantissa, least));
}

template <class F, class T>
double error_of(F y, T r, int mantissa, int least) {
  if (std::isnan(r) || std::isnan(y)) return std::isnan(r) && std::isnan(y) ? 0 : HUGE_VAL;
  const F rounded = static_cast<F>(r);
  if (std::isinf(y) || std::isinf(rounded)) return y == rounded ? 0 : HUGE_VAL;
  if (r == 0) return y == 0 ? 0 : HUGE_VAL;
  return static_cast<double>(std::abs(static_cast<T>(y) - r) / static_cast<T>(ulp_of(r, mantissa, least)));
}

template <class F>
double mpfr_error(const UnaryCase& c, F x, F y, int mantissa, int least) {
  mpfr_t a, b;
  mpfr_init2(a, 64);
  mpfr_init2(b, kPrecision);
  mpfr_set_d(a, x, MPFR_RNDN);
  c.exact(b, a, MPFR_RNDN);
  double error;
  if (!mpfr_number_p(b) || mpfr_zero_p(b) || !std::isfinite(y)) {
    const F rounded = std::is_same_v<F, float> ? mpfr_get_flt(b, MPFR_RNDN) : mpfr_get_d(b, MPFR_RNDN);
    error = rounded == y || (std::isnan(rounded) && std::isnan(y)) ? 0 : HUGE_VAL;
  } else {
    const int e = static_cast<int>(mpfr_get_exp(b)) - 1;
    mpfr_sub_d(b, b, y, MPFR_RNDN);
    mpfr_mul_2si(b, b, -std::max(e - mantissa, least), MPFR_RNDN);
    error = std::abs(mpfr_get_d(b, MPFR_RNDA));
  }
  mpfr_clear(a);
  mpfr_clear(b);
  return error;
}

}  // namespace

const std::vector<UnaryCase>& unary_cases() {
#define TAUTO_CASE(name, ...) \
  {#name, math::accuracy::name, name##_f32, name##_f64, name##_reference, name##_reference, name##_exact},
  static const std::vector<UnaryCase> cases = {TAUTO_MATH_UNARY(TAUTO_CASE)};
#undef TAUTO_CASE
  return cases;
}

double ulp_error(float y, double r) { return error_of(y, r, 23, -149); }
double ulp_error(double y, long double r) { return error_of(y, r, 52, -1074); }
double exact_error(const UnaryCase& c, float x, float y) { return mpfr_error(c, x, y, 23, -149); }
double exact_error(const UnaryCase& c, double x, double y) { return mpfr_error(c, x, y, 52, -1074); }

}  // namespace tauto::testing
