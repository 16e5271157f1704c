// How far each elementary function may be from its exact value.
//
// |computed - exact| <= bound * ulp(exact), where ulp(v) is the distance between the format's numbers around
// v (v in [2^e, 2^(e+1)): 2^(e-23) or 2^(e-52), and never below the least denormal).
//
// Beside each function stands the largest error met so far, in f32 and f64: over all 2^32 inputs where it
// says "all" (the bound then is that number rounded up, and so guaranteed), else over a million samples or
// more (the bound then is the limit that docs/semantics.md sets). tests/ops/math/functions_long.cpp measures
// them.
#pragma once

namespace tauto::math {

struct Accuracy {
  double f32_ulp;
  double f64_ulp;
};

// X(name, f32 bound, f64 bound)
#define TAUTO_MATH_UNARY(X)                    \
  X(exp, 0.88, 2.0)     /* 0.8750 all, 0.86 */ \
  X(exp2, 0.87, 2.0)    /* 0.8665 all, 0.86 */ \
  X(expm1, 0.96, 2.0)   /* 0.9537 all, 1.13 */ \
  X(log, 0.93, 2.0)     /* 0.9229 all, 0.90 */ \
  X(log2, 0.99, 2.0)    /* 0.9824 all, 0.89 */ \
  X(log1p, 0.93, 2.0)   /* 0.9286 all, 0.90 */ \
  X(sin, 0.51, 2.0)     /* 0.5018 all, 0.73 */ \
  X(cos, 0.51, 2.0)     /* 0.5018 all, 0.72 */ \
  X(tan, 0.51, 2.0)     /* 0.5018 all, 0.85 */ \
  X(asin, 0.51, 2.0)    /* 0.5003 all, 0.61 */ \
  X(acos, 0.51, 2.0)    /* 0.5003 all, 0.76 */ \
  X(atan, 0.51, 2.0)    /* 0.5004 all, 0.76 */ \
  X(sinh, 0.93, 2.0)    /* 0.9280 all, 0.92 */ \
  X(cosh, 0.90, 2.0)    /* 0.8980 all, 0.88 */ \
  X(tanh, 0.94, 2.0)    /* 0.9377 all, 0.90 */ \
  X(asinh, 0.51, 2.0)   /* 0.5001 all, 1.09 */ \
  X(acosh, 0.51, 2.0)   /* 0.5000 all, 0.86 */ \
  X(atanh, 0.51, 2.0)   /* 0.5001 all, 0.89 */ \
  X(sigmoid, 1.66, 2.0) /* 1.6586 all, 1.65 */ \
  X(erf, 0.99, 2.0)     /* 0.9855 all, 0.82 */ \
  X(erfc, 0.51, 2.0)    /* 0.5009 all, 1.15 */

#define TAUTO_MATH_BINARY(X)             \
  X(pow, 1.00, 2.0)   /* 0.5067, 0.95 */ \
  X(atan2, 1.00, 2.0) /* 0.5004, 0.77 */

namespace accuracy {
#define TAUTO_ACCURACY(name, f32, f64) inline constexpr Accuracy name{f32, f64};
TAUTO_MATH_UNARY(TAUTO_ACCURACY)
TAUTO_MATH_BINARY(TAUTO_ACCURACY)
#undef TAUTO_ACCURACY
}  // namespace accuracy

}  // namespace tauto::math
