// Attributes: lookup, substitution of symbols, text form.
//
//   3   -0.5   "text"   [1, 2]   floats[0.5]   strings["a"]   f32   type f32[N]   dims[N, 3]   @function
//   tensor f32[2] {1, 2} over {…} […] […]
#include "graph/attribute.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "graph/literal.h"
#include "graph/scanner.h"

namespace tauto {

Type scan_type(Scanner& s);
Dim dim_of(const Scanner& s, std::string_view text);

Attributes::Attributes(std::initializer_list<std::pair<std::string, Attribute>> list) {
  for (const auto& [name, value] : list) set(name, value);
}

const Attribute* Attributes::find(std::string_view name) const {
  for (const auto& [n, value] : list_)
    if (n == name) return &value;
  return nullptr;
}

void Attributes::set(std::string name, Attribute value) {
  auto at = std::lower_bound(list_.begin(), list_.end(), name,
                             [](const auto& e, const auto& n) { return e.first < n; });
  if (at != list_.end() && at->first == name)
    at->second = std::move(value);
  else
    list_.insert(at, {std::move(name), std::move(value)});
}

static bool same_bits(const double* a, const double* b, size_t n) {
  return std::memcmp(a, b, n * sizeof(double)) == 0;
}

bool operator==(const Attributes& a, const Attributes& b) {
  if (a.list_.size() != b.list_.size()) return false;
  for (size_t i = 0; i < a.list_.size(); ++i) {
    const auto& [a_name, x] = a.list_[i];
    const auto& [b_name, y] = b.list_[i];
    if (a_name != b_name || x.index() != y.index()) return false;
    if (const double* d = std::get_if<double>(&x)) {
      if (!same_bits(d, &std::get<double>(y), 1)) return false;
    } else if (const auto* v = std::get_if<std::vector<double>>(&x)) {
      const auto& w = std::get<std::vector<double>>(y);
      if (v->size() != w.size() || !same_bits(v->data(), w.data(), v->size())) return false;
    } else if (!(x == y)) {
      return false;
    }
  }
  return true;
}

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

bool symbolic(const Dims& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const Dim& d) { return !d.is_literal(); });
}

bool symbolic(const Access& a) {
  if (symbolic(a.extents)) return true;
  for (const auto& operand : a.operands)
    for (const AxisIndex& index : operand) {
      if (!index.offset.is_literal()) return true;
      for (const AxisTerm& t : index.terms)
        if (!t.coefficient.is_literal()) return true;
    }
  return false;
}

void substitute_all(Dims& dims, const Env& env) {
  for (Dim& d : dims) d = substitute(d, env);
}

template <class T, class F>
std::string list_text(const std::vector<T>& v, F one) {
  std::string s = "[";
  for (size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + one(v[i]);
  return s + "]";
}

template <class F>
void scan_list(Scanner& s, F item) {
  s.expect("[");
  for (bool first = true; !s.accept("]"); first = false) {
    if (!first) s.expect(",");
    item();
  }
}

std::string text_of_index(const AxisIndex& index, const std::vector<std::string>& axes) {
  Dim sum = index.offset;
  for (const AxisTerm& t : index.terms)
    sum = sum + t.coefficient * Dim::symbol(axes[static_cast<size_t>(t.axis)]);
  if (index.divisor == 1) return text_of(sum);
  return cat("(", sum, ")/", index.divisor);
}

// Splits a polynomial that is linear in the axes: the coefficient of an axis is index(axis=1) -
// index(axis=0). Any other one is an error.
AxisIndex index_of(Scanner& s, const Dim& sum, const std::vector<std::string>& axes) {
  std::vector<std::string> symbols;
  symbols_of(sum, symbols);
  AxisIndex r;
  std::map<std::string, Dim> zeros;
  for (size_t i = 0; i < axes.size(); ++i)
    if (std::find(symbols.begin(), symbols.end(), axes[i]) != symbols.end()) zeros[axes[i]] = 0;
  r.offset = substitute(sum, zeros);
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!zeros.count(axes[i])) continue;
    zeros[axes[i]] = 1;
    r.terms.push_back({static_cast<int>(i), substitute(sum, zeros) - r.offset});
    zeros[axes[i]] = 0;
  }
  Dim again = r.offset;
  for (const AxisTerm& t : r.terms) again += t.coefficient * Dim::symbol(axes[static_cast<size_t>(t.axis)]);
  if (!(again == sum)) s.error("an index that is linear in the axes", text_of(sum));
  return r;
}

// "sum" or "(sum)/divisor"
AxisIndex scan_index(Scanner& s, const std::vector<std::string>& axes) {
  std::string_view text = s.balanced_until(",]");
  int64_t divisor = 1;
  if (const size_t slash = text.rfind(")/"); slash != text.npos && text[0] == '(') {
    const char* end = text.data() + text.size();
    const auto [rest, status] = std::from_chars(text.data() + slash + 2, end, divisor);
    if (status != std::errc() || rest != end || divisor < 1)
      s.error("a divisor of 1 or more", text.substr(slash + 2));
    text = text.substr(1, slash - 1);
  }
  AxisIndex r = index_of(s, dim_of(s, text), axes);
  r.divisor = divisor;
  return r;
}

}  // namespace

std::string text_of(const Access& a) {
  std::string s = "over {";
  for (size_t i = 0; i < a.axes.size(); ++i) {
    if (static_cast<int>(i) == a.outputs)
      s += i ? " | " : "| ";
    else if (i)
      s += ", ";
    s += a.axes[i] + ": " + text_of(a.extents[i]);
  }
  s += "}";
  for (const auto& operand : a.operands)
    s += " " + list_text(operand, [&](const AxisIndex& i) { return text_of_index(i, a.axes); });
  return s;
}

Access scan_access(Scanner& s) {
  Access a;
  s.expect("over");
  s.expect("{");
  a.outputs = -1;
  while (!s.accept("}")) {
    if (a.outputs < 0 && s.accept("|"))
      a.outputs = static_cast<int>(a.axes.size());
    else if (!a.axes.empty())
      s.expect(",");
    std::string axis = s.word("an axis");
    if (std::find(a.axes.begin(), a.axes.end(), axis) != a.axes.end()) s.error("a new axis", axis);
    a.axes.push_back(std::move(axis));
    s.expect(":");
    a.extents.push_back(dim_of(s, s.balanced_until(",|}")));
  }
  if (a.outputs < 0) a.outputs = static_cast<int>(a.axes.size());
  while (s.peek("[")) {
    std::vector<AxisIndex> operand;
    scan_list(s, [&] { operand.push_back(scan_index(s, a.axes)); });
    a.operands.push_back(std::move(operand));
  }
  return a;
}

bool Attributes::has_symbols() const {
  for (const auto& [name, value] : list_) {
    if (const Dims* d = std::get_if<Dims>(&value); d && symbolic(*d)) return true;
    if (const Access* a = std::get_if<Access>(&value); a && symbolic(*a)) return true;
    if (const Type* t = std::get_if<Type>(&value); t && !t->is_static()) return true;
  }
  return false;
}

Attributes substitute(const Attributes& attributes, const Env& env) {
  Attributes r;
  for (const auto& [name, value] : attributes.all()) {
    Attribute v = value;
    if (Dims* d = std::get_if<Dims>(&v)) substitute_all(*d, env);
    if (Type* t = std::get_if<Type>(&v)) *t = substitute(*t, env);
    if (Access* a = std::get_if<Access>(&v)) {
      substitute_all(a->extents, env);
      for (auto& operand : a->operands)
        for (AxisIndex& index : operand) {
          index.offset = substitute(index.offset, env);
          for (AxisTerm& t : index.terms) t.coefficient = substitute(t.coefficient, env);
        }
    }
    r.set(name, std::move(v));
  }
  return r;
}

std::string text_of(const Attribute& a) {
  return std::visit(
      Overloaded{
          [](int64_t v) { return text_of(v); },
          [](double v) { return float_text(v); },
          [](const std::string& v) { return quote(v); },
          [](const Ints& v) { return list_text(v, [](int64_t i) { return text_of(i); }); },
          [](const std::vector<double>& v) {
            return "floats" + list_text(v, [](double d) { return float_text(d); });
          },
          [](const std::vector<std::string>& v) {
            return "strings" + list_text(v, [](const std::string& t) { return quote(t); });
          },
          [](ElementType v) { return text_of(v); },
          [](const Type& v) { return "type " + text_of(v); },
          [](const Dims& v) { return "dims" + list_text(v, [](const Dim& d) { return text_of(d); }); },
          [](const Access& v) { return text_of(v); },
          [](const FunctionName& v) {
            return "@" + (v.name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.?:/-") ==
                                      v.name.npos &&
                                  !v.name.empty()
                              ? v.name
                              : quote(v.name));
          },
          [](const Tensor& v) { return "tensor " + literal_text(v); },
      },
      a);
}

Attribute scan_attribute(Scanner& s) {
  if (s.peek("\"")) return s.quoted();
  if (s.accept("@")) return FunctionName{s.name("a function name")};
  if (s.peek("over")) return scan_access(s);
  if (s.accept("type")) return scan_type(s);
  if (s.accept("tensor")) return scan_literal(s);
  if (s.peek("[")) {
    Ints v;
    scan_list(s, [&] { v.push_back(s.integer("an integer")); });
    return v;
  }
  if (s.accept("floats")) {
    std::vector<double> v;
    scan_list(s, [&] { v.push_back(std::strtod(s.number("a number").c_str(), nullptr)); });
    return v;
  }
  if (s.accept("strings")) {
    std::vector<std::string> v;
    scan_list(s, [&] { v.push_back(s.quoted()); });
    return v;
  }
  if (s.accept("dims")) {
    Dims v;
    scan_list(s, [&] { v.push_back(dim_of(s, s.balanced_until(",]"))); });
    return v;
  }
  if (s.peek_number() || s.peek("inf") || s.peek("nan")) {
    const std::string n = s.number("a number");
    if (n.find_first_of(".einf") != std::string::npos) return std::strtod(n.c_str(), nullptr);
    int64_t v = 0;
    if (std::from_chars(n.data(), n.data() + n.size(), v).ec != std::errc())
      s.error("a number of 64 bits", n);
    return v;
  }
  const std::string name = s.word("an attribute value");
  const auto element = element_type_named(name);
  if (!element) s.error("an attribute value", name);
  return *element;
}

}  // namespace tauto
