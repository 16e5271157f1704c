// The vocabulary of the elementary functions: the few operations out of which every tree of this folder is
// built.
//
// A tree is a template over its number F, so that one source is evaluated by the interpreter (F = float,
// double), emitted by code generation and run by proofs (F = a symbolic type). A new F provides
//   Format<F>                     its parameters and companion types (below)
//   + - * /, unary -              IEEE, nearest-even; unary - flips the sign bit
//   fma sqrt abs copysign         correctly rounded; abs and copysign act on the sign bit
//   round_even                    to the nearest integer, ties to even, in the same format
//   less less_equal equal         false if either is NaN; give a Mask
//   both either negated           of masks;  select(mask, a, b) of floats and of integers
//   bits from_bits                the bit pattern as an integer of the same width, and back
//   + - & | on integers           modulo 2^n;  shift_left, shift_right (logical) by a constant
//   widen narrow                  f32 -> f64 exactly, f64 -> f32 rounded once
//   lookup                        table[i] of at most 32 constants, i in range
// Nothing else: no branches on values, no conversions between floats and integers of other widths (not every
// instruction set has them for 64 bits). The derived words after the scalar overloads need no overload of
// their own.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

// A tree is inlined whole, or a loop over it would not vectorise.
#define TAUTO_TREE [[gnu::always_inline]] inline

namespace tauto::math {

// Parameters and companions of a number type. Also: Wide (of an f32 type), Narrow (of an f64 type).
template <class F>
struct Format;

template <>
struct Format<float> {
  using Int = int32_t;
  using Mask = bool;
  using Wide = double;
  static constexpr int kBits = 32, kMantissa = 23, kBias = 127;
  static float constant(double v) { return static_cast<float>(v); }
  static int32_t integer(int64_t v) { return static_cast<int32_t>(v); }
};

template <>
struct Format<double> {
  using Int = int64_t;
  using Mask = bool;
  using Narrow = float;
  static constexpr int kBits = 64, kMantissa = 52, kBias = 1023;
  static double constant(double v) { return v; }
  static int64_t integer(int64_t v) { return v; }
};

template <class F>
concept Single = Format<F>::kBits == 32;
template <class F>
concept Double = Format<F>::kBits == 64;

template <class F>
using IntOf = typename Format<F>::Int;
template <class F>
using MaskOf = typename Format<F>::Mask;
template <class F>
using WideOf = typename Format<F>::Wide;
template <class F>
using NarrowOf = typename Format<F>::Narrow;

// The constant v of format F (an f32 constant is written so that it is exact).
template <class F>
TAUTO_TREE F constant(double v) {
  return Format<F>::constant(v);
}
template <class F>
TAUTO_TREE IntOf<F> integer(int64_t v) {
  return Format<F>::integer(v);
}

// ---- scalars ----------------------------------------------------------------------------------------------
TAUTO_TREE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
TAUTO_TREE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
TAUTO_TREE float sqrt(float x) { return __builtin_sqrtf(x); }
TAUTO_TREE double sqrt(double x) { return __builtin_sqrt(x); }
TAUTO_TREE float abs(float x) { return __builtin_fabsf(x); }
TAUTO_TREE double abs(double x) { return __builtin_fabs(x); }
TAUTO_TREE float copysign(float x, float s) { return __builtin_copysignf(x, s); }
TAUTO_TREE double copysign(double x, double s) { return __builtin_copysign(x, s); }
TAUTO_TREE float round_even(float x) { return __builtin_rintf(x); }
TAUTO_TREE double round_even(double x) { return __builtin_rint(x); }

TAUTO_TREE bool less(float a, float b) { return a < b; }
TAUTO_TREE bool less(double a, double b) { return a < b; }
TAUTO_TREE bool less_equal(float a, float b) { return a <= b; }
TAUTO_TREE bool less_equal(double a, double b) { return a <= b; }
TAUTO_TREE bool equal(float a, float b) { return a == b; }
TAUTO_TREE bool equal(double a, double b) { return a == b; }
TAUTO_TREE bool both(bool a, bool b) { return a & b; }
TAUTO_TREE bool either(bool a, bool b) { return a | b; }
TAUTO_TREE bool negated(bool a) { return !a; }
TAUTO_TREE float select(bool m, float a, float b) { return m ? a : b; }
TAUTO_TREE double select(bool m, double a, double b) { return m ? a : b; }
TAUTO_TREE int32_t select(bool m, int32_t a, int32_t b) { return m ? a : b; }
TAUTO_TREE int64_t select(bool m, int64_t a, int64_t b) { return m ? a : b; }

TAUTO_TREE int32_t bits(float x) { return std::bit_cast<int32_t>(x); }
TAUTO_TREE int64_t bits(double x) { return std::bit_cast<int64_t>(x); }
TAUTO_TREE float from_bits(int32_t i) { return std::bit_cast<float>(i); }
TAUTO_TREE double from_bits(int64_t i) { return std::bit_cast<double>(i); }
TAUTO_TREE int32_t shift_left(int32_t i, int n) { return i << n; }
TAUTO_TREE int64_t shift_left(int64_t i, int n) { return i << n; }
TAUTO_TREE int32_t shift_right(int32_t i, int n) {
  return static_cast<int32_t>(static_cast<uint32_t>(i) >> n);
}
TAUTO_TREE int64_t shift_right(int64_t i, int n) {
  return static_cast<int64_t>(static_cast<uint64_t>(i) >> n);
}

TAUTO_TREE double widen(float x) { return x; }
TAUTO_TREE float narrow(double x) { return static_cast<float>(x); }

template <size_t N>
TAUTO_TREE double lookup(const double (&table)[N], int64_t i) {
  static_assert(N <= 32);
  return table[i];
}

// ---- derived words ----------------------------------------------------------------------------------------
template <class F>
TAUTO_TREE F infinity() {
  return constant<F>(__builtin_inf());
}
template <class F>
TAUTO_TREE F not_a_number() {
  return constant<F>(__builtin_nan(""));
}
template <class F>
TAUTO_TREE MaskOf<F> is_nan(F x) {
  return negated(equal(x, x));
}

// min(x, high) and max(x, low) that pass a NaN in x on.
template <class F>
TAUTO_TREE F at_most(F x, double high) {
  const F h = constant<F>(high);
  return select(less(h, x), h, x);
}
template <class F>
TAUTO_TREE F at_least(F x, double low) {
  const F l = constant<F>(low);
  return select(less(x, l), l, x);
}

// a + b = sum + error.
template <class F>
struct ExactSum {
  F sum;
  F error;
};
template <class F>
TAUTO_TREE ExactSum<F> exact_sum(F a, F b) {
  const F sum = a + b;
  const F part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

// c[0] + x (c[1] + x (c[2] + ...)), one fma per step.
template <size_t I = 0, class F, size_t N>
TAUTO_TREE F polynomial(F x, const double (&c)[N]) {
  if constexpr (I + 1 == N) {
    return constant<F>(c[I]);
  } else {
    return fma(polynomial<I + 1>(x, c), x, constant<F>(c[I]));
  }
}

// 1.5 * 2^mantissa: x + shifter rounds |x| < 2^(mantissa - 1) to an integer, which its low bits then hold.
template <class F>
TAUTO_TREE F shifter() {
  return constant<F>(Format<F>::kBits == 32 ? 0x1.8p23 : 0x1.8p52);
}

// An integer of magnitude < 2^(mantissa - 1) as a float.
template <class F>
TAUTO_TREE F to_float(IntOf<F> i) {
  return from_bits(i + bits(shifter<F>())) - shifter<F>();
}

// 2^(i - bias): a power of two from its biased exponent, 0 < i < 2 bias + 1.
template <class F>
TAUTO_TREE F power_of_two(IntOf<F> biased) {
  return from_bits(shift_left(biased, Format<F>::kMantissa));
}

// What the exponential functions add to their argument to round it: the sum t holds n + 2 bias in its low
// bits.
template <class F>
constexpr double kExponentShift = Single<F> ? 0x1.8p23 + 2 * 127 : 0x1.8p52 + 2 * 1023;

// n + 2 bias, and 2^(n + k) for a result in the normal range, from t = n + kExponentShift.
template <class F>
TAUTO_TREE IntOf<F> biased_exponent(F t) {
  return bits(t) - bits(shifter<F>());
}
template <class F>
TAUTO_TREE F power(F t, int k = 0) {
  return power_of_two<F>(biased_exponent(t) - integer<F>(Format<F>::kBias - k));
}

// p * 2^n rounded once, for p in [2^-64, 2] and |n| < 2 bias, from t = n + kExponentShift: in two steps,
// since 2^n alone may be out of range; the first is exact.
template <class F>
TAUTO_TREE F scale(F p, F t) {
  const IntOf<F> e = biased_exponent(t);
  const IntOf<F> half = shift_right(e, 1);
  return p * power_of_two<F>(half) * power_of_two<F>(e - half);
}

}  // namespace tauto::math
