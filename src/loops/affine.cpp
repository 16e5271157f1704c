// Affine forms are built bottom-up; an expression of sizes that grows beyond what Dim holds has none.
#include "loops/affine.h"

#include <algorithm>

#include "graph/dim_form.h"
#include "loops/arithmetic.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

void add_term(Affine& a, const std::string& variable, const Dim& coefficient) {
  const auto [at, fresh] = a.terms.emplace(variable, coefficient);
  if (!fresh) at->second += coefficient;
  if (at->second == Dim(0)) a.terms.erase(at);
}

std::optional<Affine> build(const Expr& e, const Ranges& ranges);

// a - b >= 0 throughout.
bool never_below(const Affine& a, const Affine& b, const Ranges& ranges) {
  const std::optional<Range> r = range_of(a - b, ranges);
  return r && surely_nonnegative(r->lo);
}

std::optional<Affine> build_apply(const Apply& apply, const Ranges& ranges) {
  std::vector<Affine> args;
  for (const Expr& e : apply.arguments) {
    std::optional<Affine> a = build(e, ranges);
    if (!a) return a;
    args.push_back(std::move(*a));
  }
  const auto product = [](const Affine& a, const Affine& b) -> std::optional<Affine> {
    if (b.is_constant()) return a * b.constant;
    if (a.is_constant()) return b * a.constant;
    return std::nullopt;
  };
  switch (apply.function) {
    case Function::Add:
      return args[0] + args[1];
    case Function::Sub:
      return args[0] - args[1];
    case Function::Negate:
      return args[0] * -1;
    case Function::Mul:
      return product(args[0], args[1]);
    case Function::Fma: {
      const std::optional<Affine> p = product(args[0], args[1]);
      return p ? std::optional(*p + args[2]) : p;
    }
    case Function::FloorDiv:
    case Function::FloorMod: {
      if (!args[1].is_constant()) return std::nullopt;
      const std::optional<Division> d = divide(args[0], args[1].constant, ranges);
      if (!d) return std::nullopt;
      return apply.function == Function::FloorDiv ? d->quotient : d->rest;
    }
    case Function::Max:
    case Function::Greater2:
      if (never_below(args[0], args[1], ranges)) return args[0];
      return never_below(args[1], args[0], ranges) ? std::optional(args[1]) : std::nullopt;
    case Function::Min:
    case Function::Lesser2:
      if (never_below(args[0], args[1], ranges)) return args[1];
      return never_below(args[1], args[0], ranges) ? std::optional(args[0]) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Affine> build(const Expr& e, const Ranges& ranges) {
  if (e.type() != i64) return std::nullopt;
  Affine a;
  if (const auto v = literal_index(e)) {
    a.constant = *v;
    return a;
  }
  if (const Size* s = e.as<Size>()) {
    a.constant = s->dim;
    return a;
  }
  if (const Variable* v = e.as<Variable>()) {
    add_term(a, v->name, 1);
    return a;
  }
  const Apply* apply = e.as<Apply>();
  if (!apply) return std::nullopt;
  if (apply->function == Function::Choose) {
    const std::optional<bool> c = decide(apply->arguments[0], ranges);
    return c ? build(apply->arguments[*c ? 1 : 2], ranges) : std::nullopt;
  }
  return build_apply(*apply, ranges);
}

// The range of a product with a factor whose sign is known.
std::optional<Range> times(const Range& r, const Dim& factor) {
  if (surely_nonnegative(factor)) return Range{r.lo * factor, r.hi * factor};
  if (surely_nonnegative(-factor)) return Range{r.hi * factor, r.lo * factor};
  return std::nullopt;
}

std::optional<Range> range(const Affine& a, const Ranges& ranges) {
  Range sum{a.constant, a.constant};
  for (const auto& [variable, coefficient] : a.terms) {
    const auto found = ranges.find(variable);
    if (found == ranges.end()) return std::nullopt;
    const std::optional<Range> r = times(found->second, coefficient);
    if (!r) return r;
    sum.lo += r->lo;
    sum.hi += r->hi;
  }
  return sum;
}

std::optional<Range> range(const Expr& e, const Ranges& ranges);

std::optional<Range> range(const Apply& apply, const Ranges& ranges) {
  const auto of = [&](size_t i) { return range(apply.arguments[i], ranges); };
  if (apply.function == Function::Choose) {
    const std::optional<Range> a = of(1), b = of(2);
    if (!a || !b) return std::nullopt;
    return Range{min(a->lo, b->lo), max(a->hi, b->hi)};
  }
  const std::optional<Range> a = of(0);
  if (apply.function == Function::Negate) return a ? times(*a, -1) : a;
  if (apply.arguments.size() != 2) return std::nullopt;
  const std::optional<Range> b = of(1);
  if (apply.function == Function::FloorMod && b && surely_nonnegative(b->lo - 1)) {
    const bool small = a && surely_nonnegative(a->lo);
    return Range{0, small ? min(a->hi, b->hi - 1) : b->hi - 1};
  }
  if (!a || !b) return std::nullopt;
  switch (apply.function) {
    case Function::Add:
      return Range{a->lo + b->lo, a->hi + b->hi};
    case Function::Sub:
      return Range{a->lo - b->hi, a->hi - b->lo};
    case Function::Mul:
      if (b->lo == b->hi) return times(*a, b->lo);
      if (a->lo == a->hi) return times(*b, a->lo);
      if (surely_nonnegative(a->lo) && surely_nonnegative(b->lo)) return Range{a->lo * b->lo, a->hi * b->hi};
      return std::nullopt;
    case Function::FloorDiv:
      if (b->lo == b->hi && surely_nonnegative(b->lo - 1))
        return Range{floor_div(a->lo, b->lo), floor_div(a->hi, b->lo)};
      return std::nullopt;
    case Function::Max:
    case Function::Greater2:
      return Range{max(a->lo, b->lo), max(a->hi, b->hi)};
    case Function::Min:
    case Function::Lesser2:
      return Range{min(a->lo, b->lo), min(a->hi, b->hi)};
    default:
      return std::nullopt;
  }
}

std::optional<Range> range(const Expr& e, const Ranges& ranges) {
  if (const std::optional<Affine> a = build(e, ranges)) return range(*a, ranges);
  if (const Apply* apply = e.as<Apply>()) return range(*apply, ranges);
  const Convert* c = e.as<Convert>();
  if (!c) return std::nullopt;
  const ElementType from = c->from.type();
  if (from.is_bool()) return Range{0, 1};
  if (!from.is_integer() || from.bits >= 64) return std::nullopt;
  return Range{from.min_value(), static_cast<int64_t>(from.max_value())};
}

std::optional<bool> decide_comparison(const Apply& c, const Ranges& ranges) {
  const Expr &a = c.arguments[0], &b = c.arguments[1];
  std::optional<Range> difference;  // b - a: one affine form if it can be, so that equal terms cancel
  const std::optional<Affine> fa = build(a, ranges), fb = build(b, ranges);
  if (fa && fb) {
    difference = range(*fb - *fa, ranges);
  } else {
    const std::optional<Range> ra = range(a, ranges), rb = range(b, ranges);
    if (ra && rb) difference = Range{rb->lo - ra->hi, rb->hi - ra->lo};
  }
  if (!difference) return std::nullopt;
  const Dim &lo = difference->lo, &hi = difference->hi;
  switch (c.function) {
    case Function::Less:
      if (surely_nonnegative(lo - 1)) return true;
      return surely_nonnegative(-hi) ? std::optional(false) : std::nullopt;
    case Function::LessEqual:
      if (surely_nonnegative(lo)) return true;
      return surely_nonnegative(-1 - hi) ? std::optional(false) : std::nullopt;
    case Function::Equal:
      if (lo == Dim(0) && hi == Dim(0)) return true;
      return surely_nonnegative(lo - 1) || surely_nonnegative(-1 - hi) ? std::optional(false) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<bool> decided(const Expr& e, const Ranges& ranges) {
  if (const Literal* l = e.as<Literal>()) return l->bits != 0;
  const Apply* c = e.as<Apply>();
  if (!c || c->function == Function::Choose) return std::nullopt;
  if (c->arguments[0].type() == i64) return decide_comparison(*c, ranges);
  if (domain_of(c->function) == Domain::Bools) {
    const std::optional<bool> a = decided(c->arguments[0], ranges);
    if (c->function == Function::Not) return a ? std::optional(!*a) : a;
    const std::optional<bool> b = decided(c->arguments[1], ranges);
    if (c->function == Function::And) {
      if (a == false || b == false) return false;
      return a && b ? std::optional(true) : std::nullopt;
    }
    if (c->function == Function::Or) {
      if (a == true || b == true) return true;
      return a && b ? std::optional(false) : std::nullopt;
    }
    return a && b ? std::optional(*a != *b) : std::nullopt;
  }
  return std::nullopt;
}

// The terms of a / b that are whole: of 17 / 16 one, of (3*W + 2) / W three.
Dim whole_part(const Dim& a, const Dim& b) {
  Dim whole = 0;
  for (const DimTerm& term : terms_of(a)) {
    const Dim t = sum_of({term});
    if (const std::optional<Dim> q = divide(t, b))
      whole += *q;
    else if (b.is_literal())
      whole += sum_of({DimTerm{term.coeff / b.literal(), term.atoms}});
  }
  return whole;
}

// What f gives, or nothing where the sizes in it grow too large.
template <class F>
auto or_nothing(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Dim Affine::coefficient(const std::string& variable) const {
  const auto found = terms.find(variable);
  return found == terms.end() ? Dim(0) : found->second;
}

Affine operator+(Affine a, const Affine& b) {
  for (const auto& [variable, coefficient] : b.terms) add_term(a, variable, coefficient);
  a.constant += b.constant;
  return a;
}
Affine operator-(Affine a, const Affine& b) { return std::move(a) + b * -1; }
Affine operator*(Affine a, const Dim& factor) {
  if (factor == Dim(0)) return {};
  for (auto& [variable, coefficient] : a.terms) coefficient *= factor;
  a.constant *= factor;
  return a;
}

bool surely_nonnegative(const Dim& d) {
  const auto lo = lower_bound(d);
  return lo && *lo >= 0;
}

std::optional<Affine> affine_of(const Expr& index, const Ranges& ranges) {
  return or_nothing([&] { return build(index, ranges); });
}

Expr expr_of(const Affine& a) {
  Expr sum = 0;
  for (const bool added : {true, false})  // what is subtracted comes after what is added
    for (const auto& [name, coefficient] : a.terms) {
      const auto v = coefficient.as_literal();
      if ((!v || *v > 0) != added) continue;
      if (!added && literal_index(sum) == 0) sum = Expr(a.constant);
      const Expr term = variable(name) * Expr(added ? coefficient : -coefficient);
      sum = added ? sum + term : sum - term;
    }
  const bool constant_first =
      !a.terms.empty() && std::all_of(a.terms.begin(), a.terms.end(), [](const auto& t) {
        const auto v = t.second.as_literal();
        return v && *v < 0;
      });
  return constant_first ? sum : sum + Expr(a.constant);
}

std::optional<Range> range_of(const Affine& a, const Ranges& ranges) {
  return or_nothing([&] { return range(a, ranges); });
}
std::optional<Range> range_of(const Expr& index, const Ranges& ranges) {
  return or_nothing([&] { return range(index, ranges); });
}
std::optional<bool> decide(const Expr& condition, const Ranges& ranges) {
  return or_nothing([&] { return decided(condition, ranges); });
}

std::optional<Division> divide(const Affine& a, const Dim& b, const Ranges& ranges) {
  if (!surely_nonnegative(b - 1)) {
    if (b.is_literal() || !surely_nonnegative(b)) return std::nullopt;  // a size: not 0 where it divides
  }
  Division d;
  for (const auto& [variable, coefficient] : a.terms) {
    const Dim whole = whole_part(coefficient, b), rest = coefficient - whole * b;
    if (whole != Dim(0)) add_term(d.quotient, variable, whole);
    if (rest != Dim(0)) add_term(d.rest, variable, rest);
  }
  d.quotient.constant = whole_part(a.constant, b);
  d.rest.constant = a.constant - d.quotient.constant * b;
  const std::optional<Range> r = range(d.rest, ranges);
  if (!r) return std::nullopt;
  if (surely_nonnegative(r->lo) && surely_nonnegative(b - 1 - r->hi)) return d;
  // All of it may lie in another multiple.
  const Dim lo = floor_div(r->lo, b), hi = floor_div(r->hi, b);
  if (!lo.is_literal() || lo != hi) return std::nullopt;
  d.quotient.constant += lo;
  d.rest.constant -= lo * b;
  return d;
}

}  // namespace tauto::loops
