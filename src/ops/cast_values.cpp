// cast of values: source elements are read as f64, i64 or u64, which hold them exactly, and converted from
// there.
#include "ops/cast.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace tauto::ops {
namespace {

// An integer as a double, rounded to odd where it does not fit: rounding that once more is rounding once.
double to_odd_double(uint64_t magnitude, bool negative) {
  double d = static_cast<double>(magnitude);
  if (magnitude >> 53) d = static_cast<double>(magnitude >> 11 | ((magnitude & 0x7ff) != 0)) * 2048;
  return negative ? -d : d;
}
double to_odd_double(int64_t v) {
  return to_odd_double(v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v), v < 0);
}
double to_odd_double(uint64_t v) { return to_odd_double(v, false); }
double to_odd_double(double v) { return v; }

template <class V, class S>
void widen_from(const Tensor& t, int64_t at, int64_t n, V* to) {
  const S* p = t.data<S>() + at;
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<S, Half> || std::is_same_v<S, BFloat>)
      to[i] = static_cast<float>(p[i]);
    else
      to[i] = static_cast<V>(p[i]);
  }
}

void load(const Tensor& t, int64_t at, int64_t n, double* to) {
  const ElementType e = t.type();
  if (t.rep() == Rep::Ideal && e.is_float()) return widen_from<double, double>(t, at, n, to);
  if (e == f64) return widen_from<double, double>(t, at, n, to);
  if (e == f32) return widen_from<double, float>(t, at, n, to);
  if (e == f16) return widen_from<double, Half>(t, at, n, to);
  if (e == bf16) return widen_from<double, BFloat>(t, at, n, to);
  for (int64_t i = 0; i < n; ++i) to[i] = small_float_value(e, t.data<uint8_t>()[at + i]);
}
void load(const Tensor& t, int64_t at, int64_t n, uint64_t* to) {
  widen_from<uint64_t, uint64_t>(t, at, n, to);
}
void load(const Tensor& t, int64_t at, int64_t n, int64_t* to) {
  const ElementType e = t.type();
  switch (e.bytes() * (e.is_signed() ? 1 : -1)) {
    case 1:
      return widen_from<int64_t, int8_t>(t, at, n, to);
    case 2:
      return widen_from<int64_t, int16_t>(t, at, n, to);
    case 4:
      return widen_from<int64_t, int32_t>(t, at, n, to);
    case 8:
      return widen_from<int64_t, int64_t>(t, at, n, to);
    case -1:
      return widen_from<int64_t, uint8_t>(t, at, n, to);
    case -2:
      return widen_from<int64_t, uint16_t>(t, at, n, to);
    default:
      return widen_from<int64_t, uint32_t>(t, at, n, to);
  }
}

std::string decimal(double v, ElementType e) {
  if (v != v) return "NaN";
  if (std::isinf(v)) return v > 0 ? "INF" : "-INF";
  char s[400];
  const auto print = [&](auto x) {
    return std::string(s, std::to_chars(s, s + sizeof s, x, std::chars_format::fixed).ptr);
  };
  if (e == f32) return print(static_cast<float>(v));
  if (e == f16 || e == bf16) {
    // The fewest digits that read back: the double next to them prints as them.
    for (int digits = 0; digits < 9; ++digits) {
      const auto end = std::to_chars(s, s + sizeof s, v, std::chars_format::scientific, digits).ptr;
      double back = 0;
      std::from_chars(s, end, back);
      const float once = round_to_odd(back);
      if ((e == f16 ? static_cast<float>(Half(once)) : static_cast<float>(BFloat(once))) == v)
        return print(back);
    }
  }
  return print(v);
}
std::string decimal(int64_t v, ElementType) { return std::to_string(v); }
std::string decimal(uint64_t v, ElementType) { return std::to_string(v); }

template <class D, class V, class F>
void store_as(Tensor& t, int64_t at, int64_t n, const V* from, F f) {
  D* p = t.data<D>() + at;
  for (int64_t i = 0; i < n; ++i) p[i] = static_cast<D>(f(from[i]));
}

// V to the integer type D.
template <class D, class V>
void store_integer(Tensor& t, int64_t at, int64_t n, const V* from) {
  if constexpr (std::is_same_v<V, double>)
    store_as<D>(t, at, n, from, [](double v) { return saturated<D>(v); });
  else
    store_as<D>(t, at, n, from, [](V v) { return v; });
}

template <class V>
void store(Tensor& t, int64_t at, int64_t n, const V* from, const CastTarget& to) {
  const ElementType e = to.type;
  const auto same = [](V v) { return v; };
  if (e.is_bool()) {
    store_as<bool>(t, at, n, from, [](V v) { return v != 0; });
  } else if (e.is_float()) {
    if (t.rep() == Rep::Ideal || e == f64) return store_as<double>(t, at, n, from, same);
    if (e == f32) return store_as<float>(t, at, n, from, same);
    const auto once = [](V v) { return round_to_odd(to_odd_double(v)); };
    return e == f16 ? store_as<Half>(t, at, n, from, once) : store_as<BFloat>(t, at, n, from, once);
  } else if (e.is_small_float()) {
    store_as<uint8_t>(t, at, n, from,
                      [&](V v) { return small_float_code(e, to_odd_double(v), to.saturate, to.rounding); });
  } else if (e.bits < 8) {
    store_as<int8_t>(t, at, n, from, [&](V v) {
      if constexpr (std::is_same_v<V, double>)
        return wrap(saturated<int32_t>(v), e);
      else
        return wrap(static_cast<int64_t>(v), e);
    });
  } else {
    switch (e.bits * (e.is_signed() ? 1 : -1)) {
      case 8:
        return store_integer<int8_t>(t, at, n, from);
      case 16:
        return store_integer<int16_t>(t, at, n, from);
      case 32:
        return store_integer<int32_t>(t, at, n, from);
      case 64:
        return store_integer<int64_t>(t, at, n, from);
      case -8:
        return store_integer<uint8_t>(t, at, n, from);
      case -16:
        return store_integer<uint16_t>(t, at, n, from);
      case -32:
        return store_integer<uint32_t>(t, at, n, from);
      default:
        return store_integer<uint64_t>(t, at, n, from);
    }
  }
}

constexpr int64_t kChunk = 1024;

template <class V>
void convert(EvalContext& c, const CastTarget& to) {
  const Tensor& x = c.tensor(0);
  Tensor out = c.make();
  V chunk[kChunk];
  for (int64_t at = 0; at < x.count(); at += kChunk) {
    const int64_t n = std::min(kChunk, x.count() - at);
    load(x, at, n, chunk);
    if (to.type.is_string())
      for (int64_t i = 0; i < n; ++i) out.data<std::string>()[at + i] = decimal(chunk[i], x.type());
    else
      store(out, at, n, chunk, to);
    if (at % (64 * kChunk) == 0) c.poll();
  }
  c.out = std::move(out);
}

// ---- strings ----------------------------------------------------------------------------------------------

bool read_special(std::string_view s, double& v) {
  const bool negative = s.substr(0, 1) == "-";
  if (negative || s.substr(0, 1) == "+") s.remove_prefix(1);
  if (s.size() != 3) return false;
  std::string lower(s);
  for (char& ch : lower) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
  if (lower == "nan")
    v = std::numeric_limits<double>::quiet_NaN();
  else if (lower == "inf")
    v = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  else
    return false;
  return true;
}

template <class T>
bool read_all(std::string_view s, T& v) {
  const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
  if (r.ec == std::errc::result_out_of_range && std::is_floating_point_v<T> && r.ptr == s.data() + s.size()) {
    v = static_cast<T>(std::strtod(std::string(s).c_str(), nullptr));  // infinity or zero
    return true;
  }
  return r.ec == std::errc() && r.ptr == s.data() + s.size();
}

void from_strings(EvalContext& c, const CastTarget& to) {
  const Tensor& x = c.tensor(0);
  Tensor out = c.make();
  for (int64_t i = 0; i < x.count(); ++i) {
    std::string_view s = x.data<std::string>()[i];
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    // from_chars takes no plus.
    const bool plus = s.size() > 1 && s[0] == '+' && s[1] != '-';
    const std::string_view digits = plus ? s.substr(1) : s;
    int64_t integer;
    uint64_t natural;
    double number;
    if (to.type.is_integer() && read_all(digits, integer))
      store(out, i, 1, &integer, to);
    else if (to.type.is_integer() && read_all(digits, natural))
      store(out, i, 1, &natural, to);
    else if (read_special(s, number) || read_all(digits, number))
      store(out, i, 1, &number, to);
    else
      c.refuse(cat("element ", i, ": required a number, got \"", x.data<std::string>()[i], "\""));
  }
  c.out = std::move(out);
}

}  // namespace

void cast_values(EvalContext& c, const CastTarget& to) {
  const ElementType from = c.tensor(0).type();
  if (from.is_string()) return from_strings(c, to);
  if (from.is_float() || from.is_small_float()) return convert<double>(c, to);
  if (from == u64) return convert<uint64_t>(c, to);
  return convert<int64_t>(c, to);
}

}  // namespace tauto::ops
