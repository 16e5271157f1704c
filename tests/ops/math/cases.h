// The elementary functions as a table: each with its tree run over arrays, and independent evaluations to
// hold it against: the C library in double and long double, and MPFR. Also the inputs that tests of any size
// draw from.
#pragma once

#include <mpfr.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "ops/math/accuracy.h"

namespace tauto::testing {

struct UnaryCase {
  std::string name;
  math::Accuracy bound;
  void (*f32)(const float* x, float* y, size_t n);
  void (*f64)(const double* x, double* y, size_t n);
  double (*reference)(double);
  void (*references)(const double* x, double* y, size_t n);  // glibc's vector functions where there are any
  long double (*reference_long)(long double);
  int (*exact)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
};

// y[i] = f(a[i], b[i])
struct BinaryCase {
  std::string name;
  math::Accuracy bound;
  void (*f32)(const float* a, const float* b, float* y, size_t n);
  void (*f64)(const double* a, const double* b, double* y, size_t n);
  double (*reference)(double, double);
  void (*references)(const double* a, const double* b, double* y, size_t n);
  long double (*reference_long)(long double, long double);
  int (*exact)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);
};

const std::vector<UnaryCase>& unary_cases();
const std::vector<BinaryCase>& binary_cases();

// |y - r| in ulp of r; 0 if both are NaN or the same infinity, huge if only one is NaN, infinite or zero
// (after rounding r to y's format), or if they are zeros of different sign.
double ulp_error(float y, double r);
double ulp_error(double y, long double r);

// The same against MPFR (but for the sign of zeros).
double exact_error(const UnaryCase& c, float x, float y);
double exact_error(const UnaryCase& c, double x, double y);
double exact_error(const BinaryCase& c, float a, float b, float y);
double exact_error(const BinaryCase& c, double a, double b, double y);

// n inputs: random bit patterns, random numbers where the functions do something, neighbours of the trees'
// breakpoints.
template <class F>
std::vector<F> unary_samples(size_t n, std::mt19937_64& random);

// n pairs: random bit patterns, integers and halves, and for pow: results near the ends of the range, bases
// near 1.
template <class F>
struct Pairs {
  std::vector<F> a, b;
};
template <class F>
Pairs<F> binary_samples(size_t n, std::mt19937_64& random);

}  // namespace tauto::testing
