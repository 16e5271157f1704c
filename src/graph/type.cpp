// Types: text form, binding of symbols, generalisation.
#include "graph/type.h"

#include "graph/scanner.h"

namespace tauto {

void Dims::no_such_dim(size_t i) const {
  if (i > size()) fail("required at least one dim, got none");  // back() of none
  fail("required more than ", i, i == 1 ? " dim" : " dims", ", got ", size());
}

bool Type::is_static() const {
  if (!ranked) return false;
  for (const Dim& d : dims)
    if (!d.is_literal()) return false;
  for (const Type& p : parts)
    if (!p.is_static()) return false;
  return true;
}

static std::string list_of(const Type* first, const Type* last) {
  std::string s = "(";
  for (const Type* t = first; t != last; ++t) s += (t == first ? "" : ", ") + text_of(*t);
  return s + ")";
}

std::string text_of(const Type& t) {
  switch (t.tag) {
    case Type::Tag::Tensor: {
      std::string s = text_of(t.element) + "[";
      if (!t.ranked) return s + "...]";
      for (size_t i = 0; i < t.dims.size(); ++i) s += (i ? ", " : "") + text_of(t.dims[i]);
      return s + "]";
    }
    case Type::Tag::Sequence:
      return "sequence<" + text_of(t.parts[0]) + ">";
    case Type::Tag::Optional:
      return "optional<" + text_of(t.parts[0]) + ">";
    case Type::Tag::Tuple:
      return list_of(t.parts.data(), t.parts.data() + t.parts.size());
    case Type::Tag::Function:
      return list_of(t.parts.data(), t.parts.data() + t.parts.size() - 1) + " -> " + text_of(t.parts.back());
  }
  CHECK(false);
}

// A dimension that s has read as text.
Dim dim_of(const Scanner& s, std::string_view text) {
  try {
    return parse_dim(text);
  } catch (const Error& e) {
    fail("line ", s.line(), ": ", e.what());
  }
}

namespace {

constexpr int kMaxTypeDepth = 64;

Type scan_type(Scanner& s, int depth) {
  if (depth > kMaxTypeDepth) s.error(cat("types nested at most ", kMaxTypeDepth, " deep"));
  if (s.accept("(")) {
    std::vector<Type> parts;
    while (!s.accept(")")) {
      if (!parts.empty()) s.expect(",");
      parts.push_back(scan_type(s, depth + 1));
    }
    if (s.accept("->")) return Type::function(std::move(parts), scan_type(s, depth + 1));
    return Type::tuple(std::move(parts));
  }
  const std::string name = s.word("a type");
  if (name == "sequence" || name == "optional") {
    s.expect("<");
    Type of = scan_type(s, depth + 1);
    s.expect(">");
    return name == "sequence" ? Type::sequence(std::move(of)) : Type::optional(std::move(of));
  }
  const auto element = element_type_named(name);
  if (!element) s.error("a type", name);
  s.expect("[");
  if (s.accept("...")) {
    s.expect("]");
    return Type::unranked(*element);
  }
  Dims dims;
  while (!s.accept("]")) {
    if (!dims.empty()) s.expect(",");
    dims.push_back(dim_of(s, s.balanced_until(",]")));
    if (dims.back().is_literal() && dims.back().literal() < 0)
      s.error("a dim of 0 or more", text_of(dims.back()));
  }
  return Type::tensor(*element, std::move(dims));
}

}  // namespace

Type scan_type(Scanner& s) { return scan_type(s, 0); }

Type parse_type(std::string_view text) {
  Scanner s(text);
  Type t = scan_type(s);
  s.expect_end();
  return t;
}

Shape static_shape(const Type& t) {
  CHECK(t.is_tensor() && t.is_static(), text_of(t));
  Shape shape;
  for (const Dim& d : t.dims) shape.push_back(d.literal());
  return shape;
}

Type type_of(const Tensor& t) { return Type::tensor(t.type(), Dims(t.shape().begin(), t.shape().end())); }

namespace {
class NoSymbols : public FreshSymbols {
 public:
  Dim fresh() override { return Dim::symbol("?"); }
};
}  // namespace

Type type_of(const Value& v) {
  if (v.tag == Value::Tag::Tensor) return type_of(v.tensor);
  std::vector<Type> parts;
  for (const Value& p : v.parts) parts.push_back(type_of(p));
  if (v.tag == Value::Tag::Tuple) return Type::tuple(std::move(parts));
  Type of = parts.empty() ? Type::unranked(f32) : parts[0];
  NoSymbols symbols;
  for (const Type& p : parts)
    if (!(p == of)) of = generalise(of, p, symbols);
  return v.tag == Value::Tag::Sequence ? Type::sequence(std::move(of)) : Type::optional(std::move(of));
}

Type substitute(const Type& t, const Env& env) {
  Type r = t;
  for (Dim& d : r.dims) d = substitute(d, env);
  for (Type& p : r.parts) p = substitute(p, env);
  return r;
}

std::string unify(const Type& declared, const Type& given, Env& env) {
  const auto mismatch = [&] { return cat("required ", declared, ", got ", given); };
  if (declared.tag != given.tag) return mismatch();
  if (declared.tag == Type::Tag::Tuple) {
    if (declared.parts.size() != given.parts.size()) return mismatch();
    for (size_t i = 0; i < declared.parts.size(); ++i)
      if (std::string why = unify(declared.parts[i], given.parts[i], env); !why.empty()) return why;
    return "";
  }
  if (!declared.is_tensor())
    return "";  // a sequence's elements differ among themselves: checked where they are used
  if (declared.element != given.element) return mismatch();
  if (!declared.ranked) return "";
  if (!given.ranked || declared.rank() != given.rank()) return mismatch();
  // Plain symbols first, so that expressions in them can be checked whatever their order.
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < declared.dims.size(); ++i) {
      const Dim& d = declared.dims[i];
      if (d.is_symbol() != (pass == 0)) continue;
      if (!unify(d, given.dims[i].literal(), env)) {
        if (d.is_literal()) return mismatch();
        const auto bound = evaluate(d, env);
        return cat(mismatch(), " (", d, bound ? cat(" is ", *bound, " here") : " cannot be that", ")");
      }
    }
  return "";
}

Type generalise(const Type& a, const Type& b, FreshSymbols& symbols) {
  if (a == b) return a;
  if (a.tag != b.tag || (a.is_tensor() && a.element != b.element) || a.parts.size() != b.parts.size())
    fail("types ", a, " and ", b, " have no common form");
  Type r = a;
  if (a.is_tensor()) {
    if (!a.ranked || !b.ranked || a.rank() != b.rank()) return Type::unranked(a.element);
    for (size_t i = 0; i < r.dims.size(); ++i)
      if (!(a.dims[i] == b.dims[i])) r.dims[i] = symbols.fresh();
  }
  for (size_t i = 0; i < r.parts.size(); ++i) r.parts[i] = generalise(a.parts[i], b.parts[i], symbols);
  return r;
}

}  // namespace tauto
