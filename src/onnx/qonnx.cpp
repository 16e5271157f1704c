// QONNX: Quant (IntQuant), BipolarQuant and Trunc, as fastmachinelearning/qonnx states them (arXiv 2206.07527).
//
//   q = round(clip(x / s + z)) : an integer        Quant = (q − z) · s
//
// Every step is f32, rounded once, as in that definition; but q *is* an integer of our graph, so what follows
// can be computed with integers. Hence −0 becomes 0, and NaN 0, as in any conversion to integers. The division
// by a scale of 1, its product and a zero point of 0 are left out.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "graph/unaligned.h"
#include "onnx/conversion.h"

namespace tauto::onnx {
namespace {

constexpr int64_t kMostBits = 32;
constexpr double kExact = 1 << 23;  // sums of two integers up to this are exact in f32

std::string upper(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char x) { return static_cast<char>(std::toupper(x)); });
  return s;
}

// An f32 parameter: its node, and its values where they are known.
struct Parameter {
  Id id = -1;
  std::vector<float> values;  // empty: not known now
  bool always(float v) const {
    return !values.empty() && std::all_of(values.begin(), values.end(), [&](float x) { return x == v; });
  }
};

Parameter parameter(Conversion& c, int i, const char* name) {
  if (!(c.element(i) == f32)) c.refuse(cat(name, ": required elements f32, got ", c.type(i)));
  Parameter p{c.in(i), {}};
  if (const Tensor* t = c.b.constant_of(p.id)) {
    const Tensor a = aligned(*t);
    p.values.assign(a.data<float>(), a.data<float>() + a.count());
  }
  for (const float v : p.values)
    if (!std::isfinite(v)) c.refuse(cat(name, ": required finite numbers, got ", v));
  return p;
}

Parameter scale_of(Conversion& c, int i, const char* name = "scale") {
  Parameter p = parameter(c, i, name);
  for (const float v : p.values)
    if (v == 0) c.refuse(cat(name, ": required numbers other than 0, got 0"));
  return p;
}

int64_t bit_width(Conversion& c, int i, const char* name) {
  const Tensor* constant = c.b.constant_of(c.in(i));
  if (!constant) c.refuse(cat(name, ": required a constant, got a computed ", c.type(i)));
  const Tensor t = aligned(*constant);
  const bool known = t.type() == f32 || t.type() == f64 || t.type().is_integer();
  if (t.count() != 1 || !known) c.refuse(cat(name, ": required one f32, f64 or integer, got ", c.type(i)));
  const double v = t.type() == f32   ? t.data<float>()[0]
                   : t.type() == f64 ? t.data<double>()[0]
                                     : static_cast<double>(t.as_ints()[0]);
  if (!(v >= 1 && v <= kMostBits) || v != std::floor(v))
    c.refuse(cat(name, ": required an integer from 1 to ", kMostBits, ", got ", v));
  return static_cast<int64_t>(v);
}

bool flag(Conversion& c, const char* name, int64_t otherwise) {
  const int64_t v = c.attr_int(name, otherwise);
  if (v != 0 && v != 1) c.refuse(cat(name, ": required 0 or 1, got ", v));
  return v == 1;
}

// x rounded to an integer of its type.
Id rounded(Conversion& c, Id x, const std::string& mode) {
  const std::string m = upper(mode);
  if (m == "ROUND" || m == "HALF_EVEN") return c.add(ops::round, {x});
  if (m == "CEIL") return c.add(ops::ceil, {x});
  if (m == "FLOOR") return c.add(ops::floor, {x});
  if (m == "DOWN") return c.add(ops::trunc, {x});
  const Id size = c.add(ops::abs, {x}), half = c.number(0.5, f32);
  const auto signed_as_x = [&](Id y) { return c.add(ops::mul, {c.add(ops::sign, {x}), y}); };
  if (m == "UP") return signed_as_x(c.add(ops::ceil, {size}));
  if (m == "HALF_UP") return signed_as_x(c.add(ops::floor, {c.add(ops::add, {size, half})}));
  if (m == "HALF_DOWN") return signed_as_x(c.add(ops::ceil, {c.add(ops::sub, {size, half})}));
  c.refuse(
      cat("rounding_mode: required ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, HALF_UP or HALF_DOWN, got \"",
          mode, "\""));
}

struct Range {
  double low, high;
  ElementType type;  // the smallest that holds them
};

Range range_of(bool is_signed, bool narrow, int64_t bits) {
  const double all = std::ldexp(1, static_cast<int>(is_signed ? bits - 1 : bits));
  const int wide = bits <= 8 ? 8 : bits <= 16 ? 16 : 32;
  const ElementType type = is_signed ? (wide == 8    ? i8
                                        : wide == 16 ? i16
                                                     : i32)
                                     : (wide == 8    ? u8
                                        : wide == 16 ? u16
                                                     : u32);
  if (is_signed) return {narrow ? 1 - all : -all, all - 1, type};
  return {0, all - (narrow ? 2 : 1), type};
}

Id clipped(Conversion& c, Id x, const Range& r) {
  const Id above = c.add(ops::max, {c.number(r.low, f32), x});
  return c.add(ops::min, {c.number(r.high, f32), above});
}

// x / s + z
Id scaled(Conversion& c, Id x, const Parameter& s, const Parameter& z) {
  if (!s.always(1)) x = c.add(ops::div, {x, s.id});
  return z.always(0) ? x : c.add(ops::add, {x, z.id});
}

Id bipolar(Conversion& c, Id x) {
  const Id is = c.add(ops::less_equal, {c.number(0, f32), x});
  return c.add(ops::where, {is, c.number(1, i8), c.number(-1, i8)});
}

// (q − z) · s of integers q: as DequantizeLinear has it where the difference is exact.
Id dequantized(Conversion& c, Id q, const Parameter& s, const Parameter& z) {
  Id y;
  const bool whole = !z.values.empty() && c.type_of(q).element.bits <= 16 &&
                     std::all_of(z.values.begin(), z.values.end(),
                                 [](float v) { return v == std::floor(v) && std::abs(v) <= kExact; });
  if (z.always(0)) {
    y = c.add(ops::cast, {q}, {{"to", f32}});
  } else if (whole) {
    const Id difference = c.add(ops::sub, {c.add(ops::cast, {q}, {{"to", i32}}),  //
                                           c.add(ops::cast, {z.id}, {{"to", i32}})});
    y = c.add(ops::cast, {difference}, {{"to", f32}});
  } else {
    y = c.add(ops::sub, {c.add(ops::cast, {q}, {{"to", f32}}), z.id});
  }
  return s.always(1) ? y : c.add(ops::mul, {y, s.id});
}

void require_f32(Conversion& c) {
  if (!(c.element(0) == f32)) c.refuse(cat("required elements f32, got ", c.type(0)));
}

}  // namespace

namespace convert {

void BipolarQuant(Conversion& c) {
  require_f32(c);
  c.out(dequantized(c, bipolar(c, c.in(0)), scale_of(c, 1), {-1, {0}}));
}

void Quant(Conversion& c) {
  require_f32(c);
  const Parameter s = scale_of(c, 1), z = parameter(c, 2, "zeropt");
  const int64_t bits = bit_width(c, 3, "bitwidth");
  const bool is_signed = flag(c, "signed", 1), narrow = flag(c, "narrow", 0);
  const std::string mode = c.attr_string("rounding_mode", "ROUND");
  const Id y = scaled(c, c.in(0), s, z);
  if (is_signed && bits == 1) {
    c.out(dequantized(c, bipolar(c, y), s, z));
    return;
  }
  const Range r = range_of(is_signed, narrow, bits);
  c.out(dequantized(c, c.add(ops::cast, {rounded(c, clipped(c, y, r), mode)}, {{"to", r.type}}), s, z));
}

void IntQuant(Conversion& c) { Quant(c); }

// Fewer bits for x, an integer (q − z) · s. Version 1 names both widths, keeps the scale and clips nothing;
// version 2 (six inputs) names the new scale, from which the power of two follows that q is divided by.
void Trunc(Conversion& c) {
  require_f32(c);
  const Parameter s = scale_of(c, 1), z = parameter(c, 2, "zeropt");
  const std::string mode = c.attr_string("rounding_mode", "FLOOR");
  const int64_t in_bits = bit_width(c, 3, "in_bitwidth");
  const Id q = c.add(ops::round, {scaled(c, c.in(0), s, z)});
  const auto over = [&](Id x, double power) {
    return power == 1 ? x : c.add(ops::div, {x, c.number(power, f32)});
  };
  if (c.count() <= 5) {
    const int64_t out_bits = bit_width(c, 4, "out_bitwidth");
    if (out_bits > in_bits)
      c.refuse(cat("required out_bitwidth <= in_bitwidth, got ", out_bits, " > ", in_bits));
    Id y = rounded(c, over(q, std::ldexp(1, static_cast<int>(in_bits - out_bits))), mode);
    if (!z.always(0)) y = c.add(ops::sub, {y, z.id});
    c.out(s.always(1) ? y : c.add(ops::mul, {y, s.id}));
    return;
  }
  const Parameter to = scale_of(c, 4, "out_scale");
  const Range r = range_of(flag(c, "signed", 1), flag(c, "narrow", 0), bit_width(c, 5, "out_bitwidth"));
  if (s.values.size() != 1 || to.values.size() != 1)
    c.refuse(cat("scale, out_scale: required one known number each, got ", c.type(1), ", ", c.type(4)));
  // The power of two nearest to the ratio, by its logarithm: exact in f64.
  const float ratio = to.values[0] / s.values[0];
  if (!(ratio > 0) || !std::isfinite(ratio))
    c.refuse(cat("required out_scale / scale > 0, got ", to.values[0], " / ", s.values[0]));
  int exponent = 0;
  const double m = std::frexp(double{ratio}, &exponent);  // ratio = m · 2^exponent, 0.5 <= m < 1
  const double power = std::ldexp(1, m * m < 0.5 ? exponent - 1 : exponent);
  Id y = rounded(c, clipped(c, over(q, power), r), mode);
  y = c.add(ops::cast, {c.add(ops::cast, {y}, {{"to", r.type}})}, {{"to", f32}});
  if (!z.always(0)) y = c.add(ops::sub, {y, over(z.id, power)});
  c.out(to.always(1) ? y : c.add(ops::mul, {y, to.id}));
}

}  // namespace convert
}  // namespace tauto::onnx
