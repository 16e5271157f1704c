// What the functions of the loops IR compute, on native numbers: one template, read by the folding
// constructors and by the evaluator. T is float, double, an integer type or bool (see docs/semantics.md).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "loops/loops.h"

namespace tauto::loops {

template <class T>
constexpr bool is_nan(T x) {
  return x != x;  // false for integers
}

// c + Σ of the products of the parts of a and b, lowest first; sums wrap.
inline int32_t dot_of_bytes(int32_t a, int32_t b, int32_t c) {
  auto sum = static_cast<uint32_t>(c);
  for (int s = 0; s < 32; s += 8)
    sum += static_cast<uint32_t>(static_cast<uint8_t>(a >> s) * static_cast<int8_t>(b >> s));
  return static_cast<int32_t>(sum);
}
inline int32_t dot_of_words(int32_t a, int32_t b, int32_t c) {
  auto sum = static_cast<uint32_t>(c);
  for (int s = 0; s < 32; s += 16)
    sum += static_cast<uint32_t>(static_cast<int16_t>(a >> s) * static_cast<int16_t>(b >> s));
  return static_cast<int32_t>(sum);
}

// What AVX512_BF16 computes with (docs/semantics.md, "bf16.dp"): a·b + c, rounded once to 24 bits whatever its
// exponent; then, if it is below the least normal number, the zero of its sign. Denormal operands are zeros too.
inline float flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
inline float fma_flush(float a, float b, float c) {
  a = flushed(a), b = flushed(b), c = flushed(c);
  const float r = std::fma(a, b, c);
  // 2^48 times as large it has all its bits, and where it is small nothing of it overflows.
  const float scaled = std::fma(a * 0x1p24f, b * 0x1p24f, c * 0x1p48f);
  return std::fabs(scaled) < 0x1p-78f ? std::copysign(0.0f, r) : r;
}
inline float dot_of_pairs(float a, float b, float c) {
  const auto x = std::bit_cast<uint32_t>(a), y = std::bit_cast<uint32_t>(b);
  const auto high = [](uint32_t v) { return std::bit_cast<float>(v & 0xffff0000u); };
  const auto low = [](uint32_t v) { return std::bit_cast<float>(v << 16); };
  return fma_flush(low(x), low(y), fma_flush(high(x), high(y), c));
}

// value<F>(a, b, c): arguments beyond the arity are not looked at. Choose is not among them (it is lazy).
template <Function F, class T>
auto value(T a, [[maybe_unused]] T b, [[maybe_unused]] T c) {
  constexpr bool kFloat = std::is_floating_point_v<T>;
  constexpr bool kInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  using enum Function;
  if constexpr (F == Less) {
    return a < b;
  } else if constexpr (F == LessEqual) {
    return a <= b;
  } else if constexpr (F == Equal) {
    return a == b;
  } else if constexpr (F == IsNan) {
    return is_nan(a);
  } else if constexpr (F == Max) {
    return is_nan(a) ? a : a > b ? a : b;
  } else if constexpr (F == Min) {
    return is_nan(a) ? a : a < b ? a : b;
  } else if constexpr (F == Greater2) {
    return a > b ? a : b;
  } else if constexpr (F == Lesser2) {
    return a < b ? a : b;
  } else if constexpr (std::is_same_v<T, bool>) {
    if constexpr (F == And) return a && b;
    if constexpr (F == Or) return a || b;
    if constexpr (F == Xor) return a != b;
    if constexpr (F == Not) return !a;
  } else if constexpr (F == Add) {
    return static_cast<T>(a + b);
  } else if constexpr (F == Sub) {
    return static_cast<T>(a - b);
  } else if constexpr (F == Negate) {
    return static_cast<T>(-a);
  } else if constexpr (F == Mul && kFloat) {
    return a * b;
  } else if constexpr (F == Fma && kFloat) {
    return std::fma(a, b, c);
  } else if constexpr (F == Div && kFloat) {
    return a / b;
  } else if constexpr (F == Rem && kFloat) {
    return std::fmod(a, b);  // exact by definition
  } else if constexpr (F == FloorMod && (kFloat || kInteger)) {
    const T r = value<Rem>(a, b, c);
    return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  } else if constexpr (F == Abs && kFloat) {
    return std::fabs(a);
  } else if constexpr (F == CopySign && kFloat) {
    return std::copysign(a, b);
  } else if constexpr (F == Sqrt && kFloat) {
    return std::sqrt(a);
  } else if constexpr (F == Floor && kFloat) {
    return std::floor(a);
  } else if constexpr (F == Ceil && kFloat) {
    return std::ceil(a);
  } else if constexpr (F == Truncate && kFloat) {
    return std::trunc(a);
  } else if constexpr (F == RoundEven && kFloat) {
    return std::nearbyint(a);
  } else if constexpr (F == DotBytes && std::is_same_v<T, int32_t>) {
    return dot_of_bytes(a, b, c);
  } else if constexpr (F == FmaFlush && std::is_same_v<T, float>) {
    return fma_flush(a, b, c);
  } else if constexpr (F == DotPairs && std::is_same_v<T, float>) {
    return dot_of_pairs(a, b, c);
  } else if constexpr (F == DotWords && std::is_same_v<T, int32_t>) {
    return dot_of_words(a, b, c);
  } else if constexpr (F == DotBits && std::is_same_v<T, int32_t>) {
    return static_cast<int32_t>(static_cast<uint32_t>(c) +
                                static_cast<uint32_t>(__builtin_popcount(static_cast<uint32_t>(a ^ b))));
  } else if constexpr (kInteger) {
    using U = std::make_unsigned_t<T>;
    using Wide = uint64_t;  // no promotion to int that could overflow
    const bool beyond = static_cast<U>(b) >= sizeof(T) * 8;
    if constexpr (F == Mul) return static_cast<T>(Wide(a) * Wide(b));
    if constexpr (F == Fma) return static_cast<T>(Wide(a) * Wide(b) + Wide(c));
    if constexpr (F == Div) return b == 0 ? T(0) : b == T(-1) && T(-1) < 0 ? static_cast<T>(-a) : T(a / b);
    if constexpr (F == Rem) return b == 0 || (b == T(-1) && T(-1) < 0) ? T(0) : static_cast<T>(a % b);
    if constexpr (F == FloorDiv) {
      const T q = value<Div>(a, b, c), r = value<Rem>(a, b, c);
      return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(q - 1) : q;
    }
    if constexpr (F == Abs) return a < 0 ? static_cast<T>(-a) : a;
    if constexpr (F == BitAnd) return static_cast<T>(a & b);
    if constexpr (F == BitOr) return static_cast<T>(a | b);
    if constexpr (F == BitXor) return static_cast<T>(a ^ b);
    if constexpr (F == BitNot) return static_cast<T>(~a);
    if constexpr (F == CountBits) return static_cast<T>(__builtin_popcountll(static_cast<U>(a)));
    if constexpr (F == ShiftLeft) return beyond ? T(0) : static_cast<T>(static_cast<U>(a) << b);
    if constexpr (F == ShiftRight) return beyond ? (a < 0 ? T(-1) : T(0)) : static_cast<T>(a >> b);
    if constexpr (F == ShiftRightLogical) return beyond ? T(0) : static_cast<T>(static_cast<U>(a) >> b);
  }
}

// Whether value<F, T> is defined, by what each function is defined on.
enum class Domain : uint8_t { Numbers, Floats, Singles, Integers, Lanes, Ordered, Bools, Any };
constexpr Domain domain_of(Function f) {
  using enum Function;
  switch (f) {
    case Add:
    case Sub:
    case Mul:
    case Fma:
    case Div:
    case Rem:
    case FloorMod:
    case Negate:
    case Abs:
      return Domain::Numbers;
    case Max:
    case Min:
    case Greater2:
    case Lesser2:
    case Less:
    case LessEqual:
    case Equal:
      return Domain::Ordered;  // numbers and bool
    case CopySign:
    case Sqrt:
    case Floor:
    case Ceil:
    case Truncate:
    case RoundEven:
    case IsNan:
      return Domain::Floats;
    case DotBytes:
    case DotWords:
    case DotBits:
      return Domain::Lanes;
    case FmaFlush:
    case DotPairs:
      return Domain::Singles;
    case FloorDiv:
    case BitAnd:
    case BitOr:
    case BitXor:
    case BitNot:
    case CountBits:
    case ShiftLeft:
    case ShiftRight:
    case ShiftRightLogical:
      return Domain::Integers;
    case And:
    case Or:
    case Xor:
    case Not:
      return Domain::Bools;
    case Choose:
      return Domain::Any;
  }
  return Domain::Any;
}
constexpr bool gives_bool(Function f) {
  using enum Function;
  return f == Less || f == LessEqual || f == Equal || f == IsNan || domain_of(f) == Domain::Bools;
}
// Types with arithmetic: f32, f64, integers of 8 bits and more. The others are loaded, stored, converted and
// selected.
constexpr bool has_arithmetic(ElementType t) {
  const bool integer = t.kind == Kind::Signed || t.kind == Kind::Unsigned;
  return t == f32 || t == f64 || (integer && t.bits >= 8);
}
constexpr bool is_defined(Function f, ElementType t) {
  const bool number = has_arithmetic(t);
  switch (domain_of(f)) {
    case Domain::Numbers:
      return number;
    case Domain::Floats:
      return t == f32 || t == f64;
    case Domain::Singles:
      return t == f32;
    case Domain::Integers:
      return number && t.kind != Kind::Float;
    case Domain::Lanes:
      return t == i32;
    case Domain::Ordered:
      return number || t.kind == Kind::Bool;
    case Domain::Bools:
      return t.kind == Kind::Bool;
    case Domain::Any:
      return true;
  }
  return false;
}

}  // namespace tauto::loops
