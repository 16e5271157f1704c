// The table, and matching it. Patterns are read once into small trees; rules are tried by the function at the
// root, in the order of the table.
#include "loops/rules.h"

#include <bit>
#include <cmath>
#include <memory>
#include <vector>

#include "graph/dim_form.h"
#include "graph/scanner.h"
#include "loops/arithmetic.h"
#include "loops/text.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

// ---- conditions -------------------------------------------------------------------------------------------

Dim dim_of(const Expr& e) {
  if (const auto v = literal_index(e)) return *v;
  return e.as<Size>()->dim;
}
// A size divides only where it is not 0.
bool positive(const Dim& d) { return surely_nonnegative(d.is_literal() ? d - 1 : d); }

// b > 0 and b divides a; binds d = a / b.
bool divides(Bindings& m, char b, char a) {
  const Dim divisor = dim_of(m[b]);
  if (!positive(divisor)) return false;
  const std::optional<Dim> d = tauto::divide(dim_of(m[a]), divisor);
  if (d) m['d'] = *d;
  return d.has_value();
}
bool b_divides_a(Bindings& m, const Ranges&) { return divides(m, 'b', 'a'); }
bool a_divides_b(Bindings& m, const Ranges&) { return positive(dim_of(m['b'])) && divides(m, 'a', 'b'); }
bool b_divides_positive_a(Bindings& m, const Ranges&) {
  return positive(dim_of(m['a'])) && divides(m, 'b', 'a');
}
bool both_positive(Bindings& m, const Ranges&) {
  return positive(dim_of(m['a'])) && positive(dim_of(m['b']));
}
bool a_positive(Bindings& m, const Ranges&) { return positive(dim_of(m['a'])); }
bool x_below_a(Bindings& m, const Ranges& ranges) {
  const std::optional<Range> r = range_of(m['x'], ranges);
  return r && surely_nonnegative(r->lo) && surely_nonnegative(dim_of(m['a']) - 1 - r->hi);
}
bool x_never_below_y(Bindings& m, const Ranges& ranges) {
  return decide(apply(Function::LessEqual, {m['y'], m['x']}), ranges) == true;
}
bool y_never_below_x(Bindings& m, const Ranges& ranges) {
  return decide(apply(Function::LessEqual, {m['x'], m['y']}), ranges) == true;
}

bool x_never_nan(Bindings& m, const Ranges&) { return never_nan(m['x']); }
// Then neither side may be NaN, and equal sides have equal bits.
bool a_ordinary(Bindings& m, const Ranges&) {
  const Literal* l = m['a'].as<Literal>();
  const uint64_t sign = m['a'].type() == f64 ? uint64_t{1} << 63 : uint64_t{1} << 31;
  return l && (l->bits & ~sign) != 0 && never_nan(m['a']);
}
// a is a power of two whose reciprocal is exact; binds d = 1 / a.
bool a_exact_reciprocal(Bindings& m, const Ranges&) {
  const Literal* l = m['a'].as<Literal>();
  if (!l) return false;
  const auto reciprocal = [](auto v) {
    int exponent = 0;
    const bool power = std::isfinite(v) && std::fabs(std::frexp(v, &exponent)) == 0.5;
    const auto r = 1 / v;
    return power && std::isnormal(r) ? std::optional<double>(r) : std::nullopt;
  };
  const std::optional<double> r = m['a'].type() == f64
                                      ? reciprocal(std::bit_cast<double>(l->bits))
                                      : reciprocal(std::bit_cast<float>(static_cast<uint32_t>(l->bits)));
  if (r) m['d'] = number(m['a'].type(), *r);
  return r.has_value();
}

// ---- the table --------------------------------------------------------------------------------------------

constexpr Rule kRules[] = {
    // Index integers. What is affine over the ranges is found without rules, see affine.h.
    {"floor_div(0, a)", "0", Claim::Index, "a > 0", a_positive},
    {"floor_mod(0, a)", "0", Claim::Index, "a > 0", a_positive},
    {"floor_div(x, a)", "0", Claim::Index, "0 <= x < a", x_below_a},
    {"floor_mod(x, a)", "x", Claim::Index, "0 <= x < a", x_below_a},
    {"floor_div(floor_div(x, a), b)", "floor_div(x, mul(a, b))", Claim::Index, "a, b > 0", both_positive},
    {"floor_mod(floor_mod(x, a), b)", "floor_mod(x, b)", Claim::Index, "b > 0 divides a > 0",
     b_divides_positive_a},
    {"floor_div(mul(x, a), b)", "mul(x, d)", Claim::Index, "b > 0 divides a", b_divides_a},
    {"floor_mod(mul(x, a), b)", "0", Claim::Index, "b > 0 divides a", b_divides_a},
    {"floor_div(mul(x, a), b)", "floor_div(x, d)", Claim::Index, "a > 0 divides b > 0", a_divides_b},
    {"floor_mod(mul(x, a), b)", "mul(floor_mod(x, d), a)", Claim::Index, "a > 0 divides b > 0", a_divides_b},
    {"floor_div(add(x, mul(y, a)), b)", "add(floor_div(x, b), mul(y, d))", Claim::Index, "b > 0 divides a",
     b_divides_a},
    {"floor_div(add(mul(y, a), x), b)", "add(mul(y, d), floor_div(x, b))", Claim::Index, "b > 0 divides a",
     b_divides_a},
    {"floor_div(add(x, a), b)", "add(floor_div(x, b), d)", Claim::Index, "b > 0 divides a", b_divides_a},
    {"floor_mod(add(x, mul(y, a)), b)", "floor_mod(x, b)", Claim::Index, "b > 0 divides a", b_divides_a},
    {"floor_mod(add(mul(y, a), x), b)", "floor_mod(x, b)", Claim::Index, "b > 0 divides a", b_divides_a},
    {"floor_mod(add(x, a), b)", "floor_mod(x, b)", Claim::Index, "b > 0 divides a", b_divides_a},
    {"add(mul(floor_div(x, a), a), floor_mod(x, a))", "x", Claim::Index, "a > 0", a_positive},
    {"add(floor_mod(x, a), mul(floor_div(x, a), a))", "x", Claim::Index, "a > 0", a_positive},
    {"sub(x, mul(floor_div(x, a), a))", "floor_mod(x, a)", Claim::Index, "a > 0", a_positive},
    {"max(x, y)", "x", Claim::Index, "x >= y", x_never_below_y},
    {"max(x, y)", "y", Claim::Index, "x <= y", y_never_below_x},
    {"min(x, y)", "y", Claim::Index, "x >= y", x_never_below_y},
    {"min(x, y)", "x", Claim::Index, "x <= y", y_never_below_x},
    {"max(max(x, a), b)", "max(x, max(a, b))", Claim::Integers},
    {"min(min(x, a), b)", "min(x, min(a, b))", Claim::Integers},

    // Maxima without the test for NaN: the instruction gives its second operand unless the first is greater.
    {"greater2(x, y)", "max(x, y)", Claim::Integers},
    {"lesser2(x, y)", "min(x, y)", Claim::Integers},
    {"max(x, y)", "greater2(x, y)", Claim::Floats, "x is never NaN", x_never_nan},
    {"min(x, y)", "lesser2(x, y)", Claim::Floats, "x is never NaN", x_never_nan},
    {"max(x, a)", "greater2(a, x)", Claim::Floats, "a is neither zero nor NaN", a_ordinary},
    {"min(x, a)", "lesser2(a, x)", Claim::Floats, "a is neither zero nor NaN", a_ordinary},
    {"select(less(x, y), x, y)", "lesser2(x, y)", Claim::Numbers},
    {"select(less(y, x), x, y)", "greater2(x, y)", Claim::Numbers},
    {"max(x, x)", "x", Claim::Ordered},
    {"min(x, x)", "x", Claim::Ordered},
    {"greater2(x, x)", "x", Claim::Ordered},
    {"lesser2(x, x)", "x", Claim::Ordered},

    // Arithmetic that rounds nothing. (x + 0 is not x for -0; x - 0 is.)
    {"sub(x, 0)", "x", Claim::Numbers},
    {"add(x, -0.0)", "x", Claim::Floats},
    {"add(-0.0, x)", "x", Claim::Floats},
    {"add(x, 0)", "x", Claim::Integers},
    {"add(0, x)", "x", Claim::Integers},
    {"mul(x, 1)", "x", Claim::Numbers},
    {"mul(1, x)", "x", Claim::Numbers},
    {"mul(x, -1)", "negate(x)", Claim::Numbers},
    {"mul(-1, x)", "negate(x)", Claim::Numbers},
    {"mul(x, 0)", "0", Claim::Integers},
    {"mul(0, x)", "0", Claim::Integers},
    {"sub(x, x)", "0", Claim::Integers},
    {"add(add(x, a), b)", "add(x, add(a, b))", Claim::Integers},
    {"add(sub(x, a), b)", "sub(x, sub(a, b))", Claim::Integers},
    {"sub(add(x, a), b)", "add(x, sub(a, b))", Claim::Integers},
    {"sub(sub(x, a), b)", "sub(x, add(a, b))", Claim::Integers},
    {"mul(mul(x, a), b)", "mul(x, mul(a, b))", Claim::Integers},
    {"bit_and(bit_and(x, a), b)", "bit_and(x, bit_and(a, b))", Claim::Integers},
    {"div(x, 1)", "x", Claim::Numbers},
    {"div(x, a)", "mul(x, d)", Claim::Floats, "a and d = 1/a are powers of two", a_exact_reciprocal},
    {"negate(negate(x))", "x", Claim::Numbers},
    {"add(x, negate(y))", "sub(x, y)", Claim::Numbers},
    {"add(negate(x), y)", "sub(y, x)", Claim::Numbers},
    {"sub(x, negate(y))", "add(x, y)", Claim::Numbers},
    {"mul(negate(x), negate(y))", "mul(x, y)", Claim::Numbers},
    {"abs(negate(x))", "abs(x)", Claim::Signed},
    {"abs(abs(x))", "abs(x)", Claim::Numbers},
    {"floor(floor(x))", "floor(x)", Claim::Floats},
    {"ceil(ceil(x))", "ceil(x)", Claim::Floats},
    {"truncate(truncate(x))", "truncate(x)", Claim::Floats},
    {"round_even(round_even(x))", "round_even(x)", Claim::Floats},
    {"bit_not(bit_not(x))", "x", Claim::Integers},
    {"bit_and(x, x)", "x", Claim::Integers},
    {"bit_or(x, x)", "x", Claim::Integers},
    {"bit_xor(x, x)", "0", Claim::Integers},
    {"bit_and(x, 0)", "0", Claim::Integers},
    {"bit_or(x, 0)", "x", Claim::Integers},
    {"bit_xor(x, 0)", "x", Claim::Integers},
    {"shift_left(x, 0)", "x", Claim::Integers},
    {"shift_right(x, 0)", "x", Claim::Integers},
    {"shift_right_logical(x, 0)", "x", Claim::Integers},

    // Truth.
    {"is_nan(x)", "false", Claim::Floats, "x is never NaN", x_never_nan},
    {"less(x, x)", "false", Claim::Ordered},
    {"less_equal(x, x)", "true", Claim::Integers},
    {"equal(x, x)", "true", Claim::Integers},
    {"and(p, p)", "p", Claim::Bools},
    {"or(p, p)", "p", Claim::Bools},
    {"xor(p, p)", "false", Claim::Bools},
    {"and(p, not(p))", "false", Claim::Bools},
    {"or(p, not(p))", "true", Claim::Bools},
    {"and(and(p, q), q)", "and(p, q)", Claim::Bools},
    {"and(and(p, q), p)", "and(p, q)", Claim::Bools},
    {"not(less(x, y))", "less_equal(y, x)", Claim::Integers},
    {"not(less_equal(x, y))", "less(y, x)", Claim::Integers},

    // Choices.
    {"select(p, x, x)", "x", Claim::All},
    {"select(not(p), x, y)", "select(p, y, x)", Claim::All},
    {"select(p, true, false)", "p", Claim::Bools},
    {"select(p, false, true)", "not(p)", Claim::Bools},
    {"select(p, select(p, x, y), z)", "select(p, x, z)", Claim::All},
    {"select(p, x, select(p, y, z))", "select(p, x, z)", Claim::All},
};

// ---- patterns ---------------------------------------------------------------------------------------------

struct Pattern {
  enum Kind : uint8_t { Wildcard, Number, Truth, Call } kind = Wildcard;
  char letter = 0;
  double number = 0;
  Function function = Function::Add;
  std::vector<Pattern> arguments;
};

Pattern read(Scanner& s) {
  Pattern p;
  if (s.peek_number()) {
    p.kind = Pattern::Number;
    p.number = std::strtod(s.number("a number").c_str(), nullptr);
    return p;
  }
  const std::string word = s.word("a pattern");
  if (word == "true" || word == "false") {
    p.kind = Pattern::Truth;
    p.number = word == "true";
  } else if (word.size() == 1) {
    p.letter = word[0];
  } else {
    const std::optional<Function> f = function_named(word);
    CHECK(f, "pattern of ", word);
    p.kind = Pattern::Call;
    p.function = *f;
    s.expect("(");
    do p.arguments.push_back(read(s));
    while (s.accept(","));
    s.expect(")");
  }
  return p;
}
Pattern read(std::string_view text) {
  Scanner s(text);
  Pattern p = read(s);
  s.expect_end();
  return p;
}

bool is_constant(const Expr& e) { return e.as<Literal>() || e.as<Size>(); }

// The same expression: nodes are interned while simplifying, so identity is enough but for leaves.
bool same(const Expr& a, const Expr& b) {
  if (a.get() == b.get()) return true;
  if (a.type() != b.type()) return false;
  const Literal *la = a.as<Literal>(), *lb = b.as<Literal>();
  if (la && lb) return la->bits == lb->bits;
  const Variable *va = a.as<Variable>(), *vb = b.as<Variable>();
  if (va && vb) return va->name == vb->name;
  const Size *sa = a.as<Size>(), *sb = b.as<Size>();
  return sa && sb && sa->dim == sb->dim;
}

bool match(const Pattern& p, const Expr& e, Bindings& m) {
  switch (p.kind) {
    case Pattern::Wildcard: {
      if ((p.letter == 'a' || p.letter == 'b' || p.letter == 'c') && !is_constant(e)) return false;
      if ((p.letter == 'p' || p.letter == 'q') && !e.type().is_bool()) return false;
      const auto [at, fresh] = m.emplace(p.letter, e);
      return fresh || same(at->second, e);
    }
    case Pattern::Number: {
      const Literal* l = e.as<Literal>();
      return l && !e.type().is_bool() && l->bits == number(e.type(), p.number).as<Literal>()->bits;
    }
    case Pattern::Truth: {
      const Literal* l = e.as<Literal>();
      return l && e.type().is_bool() && (l->bits != 0) == (p.number != 0);
    }
    case Pattern::Call: {
      const Apply* a = e.as<Apply>();
      if (!a || a->function != p.function) return false;
      for (size_t i = 0; i < p.arguments.size(); ++i)
        if (!match(p.arguments[i], a->arguments[i], m)) return false;
      return true;
    }
  }
  return false;
}

Expr build(const Pattern& p, ElementType type, const Bindings& m) {
  switch (p.kind) {
    case Pattern::Wildcard:
      return m.at(p.letter);
    case Pattern::Number:
      return number(type, p.number);
    case Pattern::Truth:
      return truth(p.number != 0);
    case Pattern::Call: {
      std::vector<Expr> arguments;
      for (const Pattern& a : p.arguments) arguments.push_back(build(a, type, m));
      return apply(p.function, std::move(arguments));
    }
  }
  return {};
}

struct Ready {
  const Rule* rule;
  Pattern from, to;
};

// By the function at the root.
const std::vector<Ready>& rules_of(Function f) {
  static const std::vector<std::vector<Ready>> table = [] {
    std::vector<std::vector<Ready>> t(static_cast<size_t>(Function::Choose) + 1);
    for (const Rule& r : kRules) {
      Ready ready{&r, read(r.from), read(r.to)};
      t[static_cast<size_t>(ready.from.function)].push_back(std::move(ready));
    }
    return t;
  }();
  return table[static_cast<size_t>(f)];
}

// The type a rule's claim is about: that of the arguments, for a choice that of its sides.
ElementType type_at(const Apply& a) { return a.arguments[a.function == Function::Choose ? 1 : 0].type(); }

Expr try_rule(const Ready& ready, const Expr& e, const Ranges& ranges) {
  const Apply& a = *e.as<Apply>();
  const Rule& rule = *ready.rule;
  const ElementType type = type_at(a);
  // not(less(x, y)): the claim is about what is compared.
  const bool through = a.function == Function::Not && rule.types == Claim::Integers;
  if (!through && !claims(rule.types, type)) return {};
  Bindings m;
  if (!match(ready.from, e, m)) return {};
  if (through && !claims(rule.types, m.at('x').type())) return {};
  if (rule.types == Claim::Index)
    for (const auto& [letter, bound] : m)
      if (!range_of(bound, ranges)) return {};
  if (rule.when && !rule.when(m, ranges)) return {};
  return build(ready.to, through ? m.at('x').type() : type, m);
}

}  // namespace

std::span<const Rule> rules() { return kRules; }

bool claims(Claim claim, ElementType t) {
  const bool number = has_arithmetic(t), is_float = t == f32 || t == f64;
  switch (claim) {
    case Claim::Index:
      return t == i64;
    case Claim::Integers:
      return number && !is_float;
    case Claim::Floats:
      return is_float;
    case Claim::Signed:
      return is_float || (number && t.is_signed());
    case Claim::Numbers:
      return number;
    case Claim::Ordered:
      return number || t.is_bool();
    case Claim::Bools:
      return t.is_bool();
    case Claim::All:
      return true;
  }
  return false;
}

Expr apply_rule(const Rule& rule, const Expr& e, const Ranges& ranges) {
  const Apply* a = e.as<Apply>();
  if (!a) return {};
  for (const Ready& ready : rules_of(a->function))
    if (ready.rule == &rule) return try_rule(ready, e, ranges);
  return {};
}

Expr apply_rules(const Expr& e, const Ranges& ranges) {
  const Apply* a = e.as<Apply>();
  if (!a) return {};
  for (const Ready& ready : rules_of(a->function))
    if (Expr r = try_rule(ready, e, ranges); r.defined()) return r;
  return {};
}

Expr instance(std::string_view pattern, ElementType type, const Bindings& bindings) {
  return build(read(pattern), type, bindings);
}

namespace {

bool never_nan(const Expr& e, int depth) {
  if (depth > 8) return false;  // nodes are shared: the paths to them are many
  if (!e.type().is_float()) return true;
  if (const Literal* l = e.as<Literal>()) {
    const bool has_nan_bits = [&] {
      const int fraction = e.type() == f64 ? 52 : e.type() == f32 ? 23 : e.type() == f16 ? 10 : 7;
      const uint64_t magnitude = l->bits & ~(uint64_t{1} << (e.type().bits - 1));
      const uint64_t infinity = (uint64_t{1} << (e.type().bits - 1)) - (uint64_t{1} << fraction);
      return magnitude > infinity;
    }();
    return !has_nan_bits;
  }
  if (const Load* l = e.as<Load>()) return l->buffer->finite;
  if (const Convert* c = e.as<Convert>()) return never_nan(c->from, depth + 1);
  if (const Reduce* r = e.as<Reduce>())
    return (r->function == Function::Max || r->function == Function::Min) &&
           never_nan(r->operands[0], depth + 1);
  const Apply* a = e.as<Apply>();
  if (!a) return false;
  const std::vector<Expr>& x = a->arguments;
  switch (a->function) {
    case Function::Negate:
    case Function::Abs:
    case Function::Floor:
    case Function::Ceil:
    case Function::Truncate:
    case Function::RoundEven:
    case Function::CopySign:
      return never_nan(x[0], depth + 1);
    case Function::Greater2:
    case Function::Lesser2:
      return never_nan(x[1], depth + 1);  // a NaN on the left gives the right
    case Function::Max:
    case Function::Min:
      return never_nan(x[0], depth + 1) && never_nan(x[1], depth + 1);
    case Function::Choose: {
      const Apply* test = x[0].as<Apply>();
      if (test && test->function == Function::IsNan && same(test->arguments[0], x[2]))
        return never_nan(x[1], depth + 1);
      return never_nan(x[1], depth + 1) && never_nan(x[2], depth + 1);
    }
    default:
      return false;
  }
}

}  // namespace

bool never_nan(const Expr& e) { return never_nan(e, 0); }

}  // namespace tauto::loops
