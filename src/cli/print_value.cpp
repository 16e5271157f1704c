// Values for people to read, see print_value.h.
#include "cli/print_value.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "graph/literal.h"
#include "graph/text.h"
#include "graph/type.h"
#include "ops/interval.h"

namespace tauto::cli {
namespace {

constexpr int64_t kAll = 1000;  // this many elements are printed in full
constexpr int64_t kEnd = 3;     // otherwise as many at each end of an axis

double as_double(const Tensor& t, int64_t i) {
  if (t.rep() == Rep::Ideal || t.type() == f64) return t.data<double>()[i];
  if (t.type() == f16) return static_cast<double>(static_cast<float>(t.data<Half>()[i]));
  if (t.type() == bf16) return static_cast<double>(static_cast<float>(t.data<BFloat>()[i]));
  return static_cast<double>(t.data<float>()[i]);
}

std::string element_text(const Tensor& t, int64_t i) {
  const ElementType e = t.type();
  if (t.rep() == Rep::Interval && !e.is_string()) {
    if (e.is_float()) {
      const auto x = t.data<FInterval<double>>()[i];
      return cat("[", x.lo, ", ", x.hi, "]");
    }
    const IInterval x = t.data<IInterval>()[i];
    return cat("[", x.lo, ", ", x.hi, "]");
  }
  if (t.rep() == Rep::Exact && e == f32) return text_of(t.data<float>()[i]);
  if (e.is_float()) return text_of(as_double(t, i));
  // One element as the text form of graphs has it: type {value}.
  Tensor one(e, {});
  if (e.is_string())
    one.data<std::string>()[0] = t.data<std::string>()[i];
  else
    std::memcpy(one.raw(), static_cast<const char*>(t.raw()) + i * t.element_bytes(),
                static_cast<size_t>(t.element_bytes()));
  const std::string s = literal_text(one);
  const size_t open = s.find('{'), close = s.rfind('}');
  return s.substr(open + 1, close - open - 1);
}

void nested(const Tensor& t, int64_t axis, int64_t at, std::string& out) {
  if (axis == t.rank()) {
    out += element_text(t, at);
    return;
  }
  int64_t step = 1;
  for (int64_t d = axis + 1; d < t.rank(); ++d) step *= t.dim(d);
  const bool cut = t.count() > kAll && t.dim(axis) > 2 * kEnd;
  const std::string comma =
      axis + 1 == t.rank() ? ", " : ",\n" + std::string(static_cast<size_t>(axis + 1), ' ');
  out += '[';
  for (int64_t i = 0; i < t.dim(axis); ++i) {
    if (i) out += comma;
    if (cut && i == kEnd) {
      out += "..." + comma;
      i = t.dim(axis) - kEnd;
    }
    nested(t, axis + 1, at + i * step, out);
  }
  out += ']';
}

std::string range(const Tensor& t) {
  const ElementType e = t.type();
  if (t.count() == 0 || t.rep() == Rep::Interval) return "";
  if (e.is_float()) {
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    int64_t nans = 0;
    for (int64_t i = 0; i < t.count(); ++i) {
      const double v = as_double(t, i);
      if (v != v) ++nans;
      if (v < lo) lo = v;
      if (v > hi) hi = v;
    }
    const std::string some = nans ? cat(", ", nans, " NaN") : "";
    const auto shortest = [&](double v) {  // that reads back to the element
      return t.rep() == Rep::Exact && t.type() != f64 ? text_of(static_cast<float>(v)) : text_of(v);
    };
    return nans == t.count() ? some : cat(" in [", shortest(lo), ", ", shortest(hi), "]", some);
  }
  if ((e.is_integer() && e != u64) || e.is_bool()) {
    const std::vector<int64_t> v = t.as_ints();
    const auto [lo, hi] = std::minmax_element(v.begin(), v.end());
    return cat(" in [", *lo, ", ", *hi, "]");
  }
  return "";
}

std::string hash_of(const Tensor& t) {
  if (t.rep() != Rep::Exact) return "";
  return cat(" sha256:", content_hash(t).substr(0, 16));
}

std::string type_text(const Tensor& t) { return text_of(type_of(t)); }

}  // namespace

std::string summary(const Value& v) {
  if (v.is_tensor()) return cat(type_text(v.tensor), range(v.tensor), hash_of(v.tensor));
  if (v.tag == Value::Tag::Optional) return v.parts.empty() ? "none" : summary(v.parts[0]);
  std::string s = cat("sequence of ", v.parts.size());
  for (const Value& p : v.parts) s += "\n  " + summary(p);
  return s;
}

std::string elements_text(const Value& v) {
  if (v.is_tensor()) {
    std::string s;
    nested(v.tensor, 0, 0, s);
    return s;
  }
  if (v.tag == Value::Tag::Optional) return v.parts.empty() ? "none" : elements_text(v.parts[0]);
  std::string s;
  for (const Value& p : v.parts) s += (s.empty() ? "" : "\n") + elements_text(p);
  return s;
}

}  // namespace tauto::cli
