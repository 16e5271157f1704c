// Elementary functions in the vocabulary of references: num::exp(x), … on every number.
//
// Native numbers: the published trees (ops/math). Intervals: every result of an implementation within
// kFunctionUlps of the true value, and for functions bounded by 1 also within kFunctionUlps half units of 1
// (functions.cpp). Terms: uninterpreted.
#pragma once

#include "ops/math/math.h"
#include "ops/number.h"

namespace tauto::num {

// X(name)
#define TAUTO_FUNCTIONS(X) \
  X(exp)                   \
  X(expm1)                 \
  X(log)                   \
  X(log1p)                 \
  X(sin)                   \
  X(cos)                   \
  X(tan)                   \
  X(asin)                  \
  X(acos)                  \
  X(atan)                  \
  X(sinh)                  \
  X(cosh)                  \
  X(tanh)                  \
  X(asinh)                 \
  X(acosh)                 \
  X(atanh)                 \
  X(erf)                   \
  X(sigmoid)

#define TAUTO_FUNCTION(name)                                 \
  template <NativeFloat T>                                   \
  T name(T x) {                                              \
    return math::name(x);                                    \
  }                                                          \
  template <class T>                                         \
  FInterval<T> name(FInterval<T> x);                         \
  extern template FInterval<float> name(FInterval<float>);   \
  extern template FInterval<double> name(FInterval<double>); \
  inline Term name(Term x) { return term_apply(#name, term_type(x), {x}); }
TAUTO_FUNCTIONS(TAUTO_FUNCTION)
#undef TAUTO_FUNCTION

template <NativeFloat T>
T pow(T x, T y) {
  return math::pow(x, y);
}
// Integers: y factors, modulo 2^n; 1 / x^-y truncated for negative y, where 1 / 0 = 0.
template <NativeInt T>
T pow(T x, T y) {
  if constexpr (std::is_signed_v<T>)
    if (y < 0) return x == 1 ? T(1) : x == -1 ? static_cast<T>(y % 2 ? -1 : 1) : T(0);
  using U = std::make_unsigned_t<T>;
  uint64_t r = 1, power = static_cast<uint64_t>(x);
  for (U n = static_cast<U>(y); n != 0; n = static_cast<U>(n >> 1)) {
    if (n & 1) r *= power;
    power *= power;
  }
  return static_cast<T>(r);
}
template <class T>
FInterval<T> pow(FInterval<T> x, FInterval<T> y);
extern template FInterval<float> pow(FInterval<float>, FInterval<float>);
extern template FInterval<double> pow(FInterval<double>, FInterval<double>);
inline IInterval pow(IInterval x, IInterval y) {
  if (x.lo != x.hi || y.lo != y.hi) return any_int();
  const int64_t r = pow(x.lo, y.lo);
  return {r, r};
}
inline Term pow(Term x, Term y) { return term_apply("pow", term_type(x), {x, y}); }

}  // namespace tauto::num
