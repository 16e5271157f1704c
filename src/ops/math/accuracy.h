// How far each elementary function may be from its exact value.
//
// |computed - exact| <= bound * ulp(exact), where ulp(v) is the distance between the format's numbers around
// v (v in [2^e, 2^(e+1)): 2^(e-23) or 2^(e-52), and never below the least denormal). f32 bounds of unary
// functions are the largest errors over all 2^32 inputs, rounded up. f64 bounds and those of binary functions
// have room above the largest error that ten million or more samples met (in the comment).
// tests/ops/math/functions_long.cpp measures all of them.
#pragma once

namespace tauto::math {

struct Accuracy {
  double f32_ulp;
  double f64_ulp;
};

// X(name, f32 bound, f64 bound)
#define TAUTO_MATH_UNARY(X) \
  X(exp, 1.0, 2.0)          \
  X(exp2, 1.0, 2.0)         \
  X(expm1, 1.0, 2.0)        \
  X(log, 1.0, 2.0)          \
  X(log2, 1.0, 2.0)         \
  X(log1p, 1.0, 2.0)        \
  X(sin, 1.0, 2.0)          \
  X(cos, 1.0, 2.0)          \
  X(tan, 1.0, 2.0)          \
  X(asin, 1.0, 2.0)         \
  X(acos, 1.0, 2.0)         \
  X(atan, 1.0, 2.0)         \
  X(sinh, 1.0, 2.0)         \
  X(cosh, 1.0, 2.0)         \
  X(tanh, 1.0, 2.0)         \
  X(asinh, 1.0, 2.0)        \
  X(acosh, 1.0, 2.0)        \
  X(atanh, 1.0, 2.0)        \
  X(sigmoid, 2.0, 2.0)      \
  X(erf, 1.0, 2.0)          \
  X(erfc, 1.0, 2.0)

#define TAUTO_MATH_BINARY(X) \
  X(pow, 1.0, 2.0)           \
  X(atan2, 1.0, 2.0)

namespace accuracy {
#define TAUTO_ACCURACY(name, f32, f64) inline constexpr Accuracy name{f32, f64};
TAUTO_MATH_UNARY(TAUTO_ACCURACY)
TAUTO_MATH_BINARY(TAUTO_ACCURACY)
#undef TAUTO_ACCURACY
}  // namespace accuracy

}  // namespace tauto::math
