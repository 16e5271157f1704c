// Literals print each element so that reading it back gives the same bits (all NaN are the one quiet NaN).
#include "graph/literal.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "graph/scanner.h"
#include "graph/type.h"

namespace tauto {

Type scan_type(Scanner& s);

std::string float_text(double v) {
  std::string s = text_of(v);
  if (s.find_first_of(".ein") == std::string::npos) s += ".0";
  return std::isnan(v) ? "nan" : s;
}

namespace {

std::string with_point(std::string s) {
  if (s.find_first_of(".ein") == std::string::npos) s += ".0";
  return s;
}

std::string float_text(float v) { return std::isnan(v) ? "nan" : with_point(text_of(v)); }

std::string element_text(const Tensor& t, int64_t i) {
  const ElementType e = t.type();
  if (t.rep() == Rep::Dims) return text_of(t.data<Dim>()[i]);
  if (e.is_string()) return quote(t.data<std::string>()[i]);
  if (e == f32) return float_text(t.data<float>()[i]);
  if (e == f64) return tauto::float_text(t.data<double>()[i]);
  if (e == f16) return float_text(static_cast<float>(t.data<Half>()[i]));
  if (e == bf16) return float_text(static_cast<float>(t.data<BFloat>()[i]));
  if (e.is_bool()) return t.data<uint8_t>()[i] ? "true" : "false";
  switch (e.bytes()) {
    case 1:
      return e.is_signed() ? text_of(int64_t{t.data<int8_t>()[i]}) : text_of(uint64_t{t.data<uint8_t>()[i]});
    case 2:
      return e.is_signed() ? text_of(int64_t{t.data<int16_t>()[i]})
                           : text_of(uint64_t{t.data<uint16_t>()[i]});
    case 4:
      return e.is_signed() ? text_of(int64_t{t.data<int32_t>()[i]})
                           : text_of(uint64_t{t.data<uint32_t>()[i]});
    case 16:
      return cat(t.data<uint64_t>()[2 * i], ":", t.data<uint64_t>()[2 * i + 1]);  // c128: bit patterns
    default:
      return e.is_signed() ? text_of(t.data<int64_t>()[i]) : text_of(t.data<uint64_t>()[i]);
  }
}

template <class T>
void store(Tensor& t, int64_t i, T v) {
  std::memcpy(static_cast<char*>(t.raw()) + i * t.element_bytes(), &v, sizeof v);
}

void scan_element(Scanner& s, Tensor& t, int64_t i) {
  const ElementType e = t.type();
  if (e.is_string()) {
    t.data<std::string>()[i] = s.quoted();
  } else if (e.is_bool()) {
    const bool v = s.accept("true");
    if (!v) s.expect("false");
    t.data<uint8_t>()[i] = v;
  } else if (e.is_float()) {
    const std::string n = s.number("a number");
    const bool nan = n.find("nan") != n.npos;
    if (e == f64) {
      store(t, i, nan ? std::numeric_limits<double>::quiet_NaN() : std::strtod(n.c_str(), nullptr));
      return;
    }
    const float v = nan ? std::numeric_limits<float>::quiet_NaN() : std::strtof(n.c_str(), nullptr);
    if (e == f32) store(t, i, v);
    if (e == f16) store(t, i, Half(v));
    if (e == bf16) store(t, i, BFloat(v));
  } else if (e.bytes() == 16) {
    const std::string lo = s.number("bits");
    s.expect(":");
    t.data<uint64_t>()[2 * i] = std::strtoull(lo.c_str(), nullptr, 10);
    t.data<uint64_t>()[2 * i + 1] = std::strtoull(s.number("bits").c_str(), nullptr, 10);
  } else {
    const std::string n = s.number("an integer");
    const char* end = n.data() + n.size();
    uint64_t v = 0;
    int64_t negative = 0;
    const auto [rest, status] = n[0] == '-' ? std::from_chars(n.data(), end, negative)  //
                                            : std::from_chars(n.data(), end, v);
    const bool fits = !e.is_integer() || (n[0] == '-' ? negative >= e.min_value() : v <= e.max_value());
    if (status != std::errc() || rest != end || !fits) s.error(cat("an integer of type ", e), n);
    if (n[0] == '-') v = static_cast<uint64_t>(negative);
    std::memcpy(static_cast<char*>(t.raw()) + i * t.element_bytes(), &v,
                static_cast<size_t>(t.element_bytes()));
  }
}

// A literal has at least one character an element, so that a short text cannot ask for much memory.
constexpr int64_t kMaxElements = 1 << 24;

}  // namespace

std::string literal_text(const Tensor& t) {
  std::string s = text_of(type_of(t)) + " {";
  for (int64_t i = 0; i < t.count(); ++i) s += (i ? ", " : "") + element_text(t, i);
  return s + "}";
}

Tensor scan_literal(Scanner& s) {
  const Type type = scan_type(s);
  if (!type.is_tensor() || !type.is_static()) s.error("a tensor type with literal dims", text_of(type));
  s.expect("{");
  int64_t count = 1;
  for (const Dim& d : type.dims)
    if (d.literal() < 0 || __builtin_mul_overflow(count, d.literal(), &count) || count > kMaxElements)
      s.error(cat("dims of 0 or more and at most ", kMaxElements, " elements"), text_of(type));
  Tensor t(type.element, static_shape(type));
  for (int64_t i = 0; i < t.count(); ++i) {
    if (i) s.expect(",");
    scan_element(s, t, i);
  }
  s.expect("}");
  return t;
}

}  // namespace tauto
