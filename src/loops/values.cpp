// Conversions go through what holds every value: a double, or a 64-bit integer.
#include "loops/values.h"

#include <limits>

namespace tauto::loops {
namespace {

template <class D>
D saturated(double x) {
  using Limits = std::numeric_limits<D>;
  if (x != x) return 0;
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  if (x >= 2.0 * static_cast<double>(Limits::max() / 2 + 1)) return Limits::max();  // max + 1
  return static_cast<D>(x);
}

// An integer beyond 2^53 as a double, rounded to odd, so that rounding once more is rounding once.
double to_odd(uint64_t magnitude) {
  if (magnitude >> 53) return static_cast<double>(magnitude >> 11 | ((magnitude & 0x7ff) != 0)) * 2048;
  return static_cast<double>(magnitude);
}

uint64_t float_bits(ElementType to, double v) {  // v may have been rounded to odd
  if (to == f64) return bits_of(v);
  if (to == f32) return bits_of(static_cast<float>(v));
  return to == f16 ? Half(round_to_odd(v)).bits : BFloat(round_to_odd(v)).bits;
}

uint64_t integer_bits(ElementType to, uint64_t v) {
  if (to.is_bool()) return v != 0;
  if (to.bits == 64) return v;
  const int unused = 64 - to.bits;  // 2- and 4-bit integers lie extended in a byte
  const uint64_t wide = to.is_signed() ? static_cast<uint64_t>(static_cast<int64_t>(v << unused) >> unused)
                                       : v << unused >> unused;
  return wide & (~uint64_t{0} >> (64 - 8 * to.bytes()));
}

}  // namespace

bool widens(ElementType from, ElementType to) {
  if (from.is_float())
    return to.is_float() && (to.bits == 64 || (to == f32 && from.bits <= 32) || from == to);
  if (from.is_bool()) return true;
  if (!from.is_integer()) return false;
  if (to.is_integer())
    return from.is_signed() == to.is_signed() ? to.bits >= from.bits
                                              : !from.is_signed() && to.bits > from.bits;
  return (to == f64 && from.bits <= 32) || (to == f32 && from.bits <= 16);
}

uint64_t converted(uint64_t bits, ElementType from, ElementType to) {
  if (from.is_float()) {
    double v = as<double>(bits);
    if (from == f32) v = as<float>(bits);
    if (from == bf16) v = as<float>(bits << 16);
    if (from == f16) {
      Half h;
      h.bits = static_cast<uint16_t>(bits);
      v = static_cast<float>(h);
    }
    if (to.is_float()) return float_bits(to, v);
    if (to.is_bool()) return v != 0;
    if (to.bits < 8) return integer_bits(to, static_cast<uint64_t>(int64_t{saturated<int32_t>(v)}));
    return visit_type(to, [&](auto d) -> uint64_t {
      using D = decltype(d);
      if constexpr (std::is_integral_v<D> && !std::is_same_v<D, bool>) return bits_of(saturated<D>(v));
      return 0;
    });
  }
  const int unused = static_cast<int>(64 - 8 * from.bytes());
  const bool negative = from.is_signed() && (bits << unused >> 63);
  const uint64_t wide =
      from.is_signed() ? static_cast<uint64_t>(static_cast<int64_t>(bits << unused) >> unused) : bits;
  if (!to.is_float()) return integer_bits(to, wide);
  // Once: f32 and f64 straight from the integer, 16-bit floats through a double that was rounded to odd.
  if (to == f32) return bits_of(negative ? -static_cast<float>(0 - wide) : static_cast<float>(wide));
  if (to == f64) return bits_of(negative ? -static_cast<double>(0 - wide) : static_cast<double>(wide));
  return float_bits(to, negative ? -to_odd(0 - wide) : to_odd(wide));
}

}  // namespace tauto::loops
