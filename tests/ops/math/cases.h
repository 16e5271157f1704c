// The elementary functions as a table: each with its tree run over arrays, and independent evaluations to
// hold it against: the C library in double and long double (fast, error assumed below 2^-45 and 2^-58
// relative), and MPFR.
#pragma once

#include <mpfr.h>

#include <cstddef>
#include <string>
#include <vector>

#include "ops/math/accuracy.h"

namespace tauto::testing {

struct UnaryCase {
  std::string name;
  math::Accuracy bound;
  void (*f32)(const float*, float*, size_t);
  void (*f64)(const double*, double*, size_t);
  double (*reference)(double);
  long double (*reference_long)(long double);
  int (*exact)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
};

const std::vector<UnaryCase>& unary_cases();

// |y - r| in ulp of r; 0 if both are the same infinity or NaN, huge if only one is NaN or infinite beyond r's
// rounding.
double ulp_error(float y, double r);
double ulp_error(double y, long double r);

// The same against MPFR.
double exact_error(const UnaryCase& c, float x, float y);
double exact_error(const UnaryCase& c, double x, double y);

}  // namespace tauto::testing
