// Values of elements as the bits they have in memory, zero-extended to 64; and the conversions between types.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "graph/element_type.h"

namespace tauto::loops {

template <class T>
T as(uint64_t bits) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<double>(bits);
  else
    return static_cast<T>(bits);
}
template <class T>
uint64_t bits_of(T v) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<uint32_t>(v);
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<uint64_t>(v);
  else if constexpr (std::is_same_v<T, bool>)
    return v;
  else
    return static_cast<std::make_unsigned_t<T>>(v);
}

// Calls f(T{}) with the native type of t.
template <class F>
auto visit_type(ElementType t, F f) {
  if (t == f32) return f(float{});
  if (t == f64) return f(double{});
  if (t.is_bool()) return f(bool{});
  const bool s = t.is_signed();
  switch (t.bits) {
    case 8:
      return s ? f(int8_t{}) : f(uint8_t{});
    case 16:
      return s ? f(int16_t{}) : f(uint16_t{});
    case 32:
      return s ? f(int32_t{}) : f(uint32_t{});
    default:
      return s ? f(int64_t{}) : f(uint64_t{});
  }
}

// From one element type to another as docs/semantics.md says: floats to integers truncate and saturate, NaN
// is 0; integers wrap; floats are rounded once. Integers of 2 and 4 bits lie extended in a byte.
uint64_t converted(uint64_t bits, ElementType from, ElementType to);
// Every value of `from` is a value of `to`.
bool widens(ElementType from, ElementType to);

}  // namespace tauto::loops
