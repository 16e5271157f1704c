// The numbers a reference computes with, and the one vocabulary it is written in (namespace tauto::num).
//
// A reference is a generic lambda, e.g. `[](auto x, auto y) { return num::max(x, y); }`. Per Rep
// (graph/tensor.h):
//   Exact     float, double, intN_t, uintN_t, bool          the definition; f16 and bf16 compute in float
//   Ideal     double for every float type                   the value without rounding, nearly
//   Interval  FInterval<float|double>, IInterval            every legal execution's result (ops/interval.h)
//   Term      Term                                          symbolic terms (ops/term.h)
//   Dims      Dim                                           integer expressions; Unknown where undecided
// This header holds the native numbers and Dim; it includes the other two.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "graph/dim.h"
#include "graph/op.h"
#include "ops/interval.h"
#include "ops/term.h"

namespace tauto::dim_words {  // found by argument only: names that num has too
inline Dim larger(const Dim& a, const Dim& b) { return max(a, b); }
inline Dim smaller(const Dim& a, const Dim& b) { return min(a, b); }
}  // namespace tauto::dim_words

namespace tauto::num {

template <class T>
concept Native = std::is_arithmetic_v<T>;
template <class T>
concept NativeFloat = std::is_floating_point_v<T>;
template <class T>
concept NativeInt = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// The literal v in the number of x (only its type counts).
template <Native T>
T like(T, double v) {
  return static_cast<T>(v);
}
inline Dim like(const Dim&, double v) { return Dim(static_cast<int64_t>(v)); }

// select(c, a, b): c ? a : b.  Natives: c is a bool.
template <Native T>
T select(bool c, T a, T b) {
  return c ? a : b;
}
inline Dim select(const Dim& c, const Dim& a, const Dim& b) {
  if (!c.is_literal()) throw Unknown{};
  return c.literal() ? a : b;
}

// max(a, b): NaN if either is NaN, a if a > b, else b.  min mirrored.
template <Native T>
T max(T a, T b) {
  if constexpr (NativeFloat<T>) {
    const T m = a > b ? a : b;  // b also when a is NaN or b is
    return a != a ? a : m;
  } else {
    return a > b ? a : b;
  }
}
template <Native T>
T min(T a, T b) {
  if constexpr (NativeFloat<T>) {
    const T m = a < b ? a : b;
    return a != a ? a : m;
  } else {
    return a < b ? a : b;
  }
}
inline Dim max(const Dim& a, const Dim& b) { return dim_words::larger(a, b); }
inline Dim min(const Dim& a, const Dim& b) { return dim_words::smaller(a, b); }

template <Native T>
auto less(T a, T b) {
  return a < b;
}
template <Native T>
auto less_equal(T a, T b) {
  return a <= b;
}
template <Native T>
auto equal(T a, T b) {
  return a == b;
}
inline Dim decided(bool b) { return Dim(b ? 1 : 0); }
inline Dim less(const Dim& a, const Dim& b) {
  const Dim d = b - a;
  if (const auto lo = lower_bound(d); lo && *lo > 0) return decided(true);
  if (const auto hi = upper_bound(d); hi && *hi <= 0) return decided(false);
  throw Unknown{};
}
inline Dim less_equal(const Dim& a, const Dim& b) { return Dim(1) - less(b, a); }
inline Dim equal(const Dim& a, const Dim& b) {
  const Dim d = a - b;
  if (d.is_literal()) return decided(d.literal() == 0);
  if (const auto lo = lower_bound(d); lo && *lo > 0) return decided(false);
  if (const auto hi = upper_bound(d); hi && *hi < 0) return decided(false);
  throw Unknown{};
}

inline bool logical_not(bool a) { return !a; }
inline bool logical_and(bool a, bool b) { return a & b; }
inline bool logical_or(bool a, bool b) { return a | b; }
inline bool logical_xor(bool a, bool b) { return a != b; }
inline Dim logical_not(const Dim& a) { return Dim(1) - a; }
inline Dim logical_and(const Dim& a, const Dim& b) { return a * b; }
inline Dim logical_or(const Dim& a, const Dim& b) { return a + b - a * b; }
inline Dim logical_xor(const Dim& a, const Dim& b) { return a + b - Dim(2) * a * b; }

template <NativeFloat T>
T fma(T a, T b, T c) {
  return std::fma(a, b, c);
}
template <NativeInt T>
T fma(T a, T b, T c) {
  return static_cast<T>(a * b + c);
}
inline Dim fma(const Dim& a, const Dim& b, const Dim& c) { return a * b + c; }

// Division: integers truncate, x/0 = 0, MIN/-1 = MIN.  Floats IEEE.
template <Native T>
T divide(T a, T b) {
  if constexpr (NativeFloat<T>) {
    return a / b;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a));
    return static_cast<T>(a / b);
  }
}
inline Dim divide(const Dim& a, const Dim& b) {
  if (b.is_literal() && b.literal() == 0) return Dim(0);
  const auto lo = lower_bound(b);
  if (!lo || *lo < 1) throw Unknown{};
  const auto alo = lower_bound(a);
  if (!alo || *alo < 0) return trunc_div(a, b);
  return floor_div(a, b);
}

// Remainder with the sign of the dividend (C's fmod and %); x%0 = 0 for integers.
template <Native T>
T remainder(T a, T b) {
  if constexpr (NativeFloat<T>) {
    return std::fmod(a, b);  // exact by definition: no rounding, so no library dependence
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return 0;
    return static_cast<T>(a % b);
  }
}
// Remainder with the sign of the divisor (Python's %); x%0 = 0 for integers.
template <Native T>
T modulo(T a, T b) {
  const T r = remainder(a, b);
  return r != 0 && ((r < 0) != (b < 0)) ? static_cast<T>(r + b) : r;
}
inline Dim modulo(const Dim& a, const Dim& b) {
  const auto lo = lower_bound(b);
  if (!lo || *lo < 1) throw Unknown{};
  return mod(a, b);
}
inline Dim remainder(const Dim& a, const Dim& b) {
  const auto lo = lower_bound(a);
  if (!lo || *lo < 0) throw Unknown{};
  return modulo(a, b);
}

template <NativeFloat T>
bool is_nan(T x) {
  return x != x;
}
template <NativeFloat T>
bool is_infinite(T x) {
  return x == std::numeric_limits<T>::infinity() || x == -std::numeric_limits<T>::infinity();
}

// Abs, Neg, Sign of NaN give NaN.
template <Native T>
T abs(T x) {
  if constexpr (NativeFloat<T>)
    return std::fabs(x);
  else if constexpr (std::is_signed_v<T>)
    return static_cast<T>(x < 0 ? T(0 - static_cast<std::make_unsigned_t<T>>(x)) : x);
  else
    return x;
}
inline Dim abs(const Dim& x) { return dim_words::larger(x, -x); }
template <Native T>
T negate(T x) {
  return static_cast<T>(-x);
}
inline Dim negate(const Dim& x) { return -x; }
template <Native T>
T sign(T x) {
  if constexpr (std::is_unsigned_v<T>)
    return x != 0;
  else
    return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;
}
inline Dim sign(const Dim& x) { return less(Dim(0), x) - less(x, Dim(0)); }

template <NativeFloat T>
T sqrt(T x) {
  return std::sqrt(x);
}
template <NativeFloat T>
T floor(T x) {
  return std::floor(x);
}
template <NativeFloat T>
T ceil(T x) {
  return std::ceil(x);
}
template <NativeFloat T>
T truncate(T x) {
  return std::trunc(x);
}
template <NativeFloat T>
T round_even(T x) {
  return std::nearbyint(x);
}

template <NativeInt T>
T bit_and(T a, T b) {
  return static_cast<T>(a & b);
}
template <NativeInt T>
T bit_or(T a, T b) {
  return static_cast<T>(a | b);
}
template <NativeInt T>
T bit_xor(T a, T b) {
  return static_cast<T>(a ^ b);
}
template <NativeInt T>
T bit_not(T a) {
  return static_cast<T>(~a);
}
// How many bits are set.
template <NativeInt T>
T count_bits(T a) {
  return static_cast<T>(__builtin_popcountll(static_cast<std::make_unsigned_t<T>>(a)));
}
// Shifts by the width or more give 0 (-1 for an arithmetic shift of a negative number).
template <NativeInt T>
T shift_left(T a, T n) {
  using U = std::make_unsigned_t<T>;
  return static_cast<U>(n) >= sizeof(T) * 8 ? T(0) : static_cast<T>(static_cast<U>(a) << n);
}
template <NativeInt T>
T shift_right(T a, T n) {
  using U = std::make_unsigned_t<T>;
  return static_cast<U>(n) >= sizeof(T) * 8 ? static_cast<T>(a < 0 ? -1 : 0) : static_cast<T>(a >> n);
}

}  // namespace tauto::num
