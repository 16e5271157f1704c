// Codes of small floats, computed from each format's parameters.
#include "ops/small_float.h"

#include <cmath>
#include <limits>

#include "support/error.h"

namespace tauto {
namespace {

struct SmallFormat {
  int bits, fraction, bias;
  int largest;   // code of the largest finite value
  int nan;       // -1: none
  int infinity;  // -1: none
  bool negative_zero;
};

SmallFormat format_of(ElementType t) {
  switch (t.kind) {
    case Kind::F8E4M3FN:
      return {8, 3, 7, 0x7e, 0x7f, -1, true};
    case Kind::F8E4M3FNUZ:
      return {8, 3, 8, 0x7f, 0x80, -1, false};
    case Kind::F8E5M2:
      return {8, 2, 15, 0x7b, 0x7e, 0x7c, true};
    case Kind::F8E5M2FNUZ:
      return {8, 2, 16, 0x7f, 0x80, -1, false};
    case Kind::F4E2M1:
      return {4, 1, 1, 0x7, -1, -1, true};
    default:
      CHECK(false, t, " is not a small float");
  }
}

constexpr int kPowerNan = 0xff, kPowerLargest = 0xfe;

uint8_t power_code(double x, bool saturate, PowerRounding rounding) {
  const double a = std::fabs(x);
  if (a != a) return kPowerNan;
  if (a > 0x1p127) return saturate ? kPowerLargest : kPowerNan;
  if (a < 0x1p-127) return saturate ? 0 : kPowerNan;
  int e = std::ilogb(a);
  const double power = std::ldexp(1.0, e);
  if (rounding == PowerRounding::Up ? a > power : rounding == PowerRounding::Nearest && a >= 1.5 * power) ++e;
  return static_cast<uint8_t>(e + 127);
}

}  // namespace

double small_float_value(ElementType t, uint8_t code) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (t.kind == Kind::F8E8M0) return code == kPowerNan ? kNan : std::ldexp(1.0, code - 127);
  const SmallFormat f = format_of(t);
  const int sign = 1 << (f.bits - 1), rest = code & (sign - 1);
  const bool negative = (code & sign) != 0;
  if (!f.negative_zero && code == sign) return kNan;
  double v;
  if (rest == f.infinity)
    v = std::numeric_limits<double>::infinity();
  else if (rest > f.largest)
    return kNan;
  else if (const int e = rest >> f.fraction; e == 0)
    v = std::ldexp(rest, 1 - f.bias - f.fraction);
  else
    v = std::ldexp((1 << f.fraction) + (rest & ((1 << f.fraction) - 1)), e - f.bias - f.fraction);
  return negative ? -v : v;
}

uint8_t small_float_code(ElementType t, double x, bool saturate, PowerRounding rounding) {
  if (t.kind == Kind::F8E8M0) return power_code(x, saturate, rounding);
  const SmallFormat f = format_of(t);
  if (x != x) return static_cast<uint8_t>(f.nan < 0 ? 1 << (f.bits - 1) : f.nan);
  const double a = std::fabs(x);
  int code = 0;  // of |x|
  if (std::isinf(a)) {
    code = f.largest + 1;
  } else if (a != 0) {
    // In units of the last place at a's exponent, a is rounded to an integer; the carry of a rounding up
    // moves into the exponent by itself.
    const int least = 1 - f.bias, e = std::max(std::ilogb(a), least);
    const double units = std::nearbyint(std::ldexp(a, f.fraction - e));
    const int exponent = std::min(e - least, 1 << 8);  // far beyond the largest of every format
    code = (exponent << f.fraction) + static_cast<int>(units);
  }
  if (code > f.largest) {
    if (saturate || f.nan < 0)
      code = f.largest;
    else if (f.infinity >= 0)
      code = f.infinity;
    else
      return static_cast<uint8_t>(f.nan);
  }
  if (std::signbit(x) && (code != 0 || f.negative_zero)) code |= 1 << (f.bits - 1);
  return static_cast<uint8_t>(code);
}

}  // namespace tauto
