// The functions of dimensions: floor, mod, max, min, bcast and what is made of them.
//
// Laws used, for integers with k, j > 0 literal (they are what the tests check on values):
//   floor((k*Q + R)/k)      = Q + floor(R/k)                 so |coefficients| < k remain
//   floor(-Y/k)             = -floor((Y + k - 1)/k)          so the leading coefficient is positive
//   floor((j*Y + c)/(j*k))  = floor((Y + floor(c/j))/k)
//   floor((floor(X/j) + c)/k) = floor((X + j*c)/(j*k))
//   mod(k*Q + R, k)         = mod(R, k);   mod(c*mod(X, j), k) = mod(c*X, k) if k divides c*j
//   mod(j*Y + c, j*k)       = j*mod(Y + floor(c/j), k) + mod(c, j)
//   max(a + c, b + c)       = max(a, b) + c;   max(k*a, k*b) = k*max(a, b);   max(-a, -b) = -min(a, b)
#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/dim_form.h"
#include "support/error.h"

namespace tauto {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

bool at_least(const std::optional<int64_t>& bound, int64_t value) { return bound && *bound >= value; }
bool at_most(const std::optional<int64_t>& bound, int64_t value) { return bound && *bound <= value; }

bool never_zero(const Dim& x) { return at_least(lower_bound(x), 1) || at_most(upper_bound(x), -1); }

// a >= b for all symbols >= 0, as far as bounds can tell.
bool always_ge(const Dim& a, const Dim& b) {
  try {
    return at_least(lower_bound(a - b), 0);
  } catch (const Error&) {
    return false;
  }
}

// The greatest literal that divides all coefficients but the constant.
int64_t content_of(const Dim& x) {
  uint64_t g = 0;
  for (const DimTerm& t : terms_of(x)) {
    if (!t.atoms.empty()) g = std::gcd(g, t.coeff < 0 ? -static_cast<uint64_t>(t.coeff) : t.coeff);
  }
  return g > static_cast<uint64_t>(kHighest) ? 1 : static_cast<int64_t>(g);
}

// The greatest literal that divides all coefficients.
int64_t whole_content(const Dim& x) {
  const int64_t c = constant_of(x);
  return std::gcd(content_of(x), c == kLowest ? 1 : c);
}

// x / g where g divides all coefficients but the constant, which rounds down.
Dim scale_down(const Dim& x, int64_t g) {
  std::vector<DimTerm> terms = terms_of(x);
  for (DimTerm& t : terms) t.coeff = floor_div_int(t.coeff, g);
  return sum_of(std::move(terms));
}

// floor(x / k) if bounds decide it.
std::optional<int64_t> known_quotient(const Dim& x, int64_t k) {
  const std::optional<int64_t> low = lower_bound(x), high = upper_bound(x);
  if (!low || !high || floor_div_int(*low, k) != floor_div_int(*high, k)) return std::nullopt;
  return floor_div_int(*low, k);
}

Dim floor_by(const Dim& a, int64_t k) {
  if (k == 0) fail_division_by_zero(a, k);
  if (a.is_literal()) return floor_div_int(a.literal(), k);
  if (k < 0) return floor_by(-a, checked_neg(k));
  if (k == 1) return a;

  std::vector<DimTerm> whole, rest;
  for (const DimTerm& t : a.poly()->terms) {
    const int64_t q = t.atoms.empty() ? floor_div_int(t.coeff, k) : t.coeff / k;
    whole.push_back({q, t.atoms});
    rest.push_back({t.coeff - q * k, t.atoms});
  }
  Dim q = sum_of(std::move(whole)), r = sum_of(std::move(rest));
  if (r.is_literal()) return q;  // 0 <= r < k

  const bool negated = leading_coeff(r) < 0;
  if (negated) r = -r + (k - 1);
  const int64_t g = std::gcd(content_of(r), k);
  r = scale_down(r, g);
  k /= g;

  Dim result;
  const std::optional<ScaledAtom> inner = as_scaled_atom(r);
  int64_t product;
  if (inner && inner->coeff == 1 && inner->atom->kind == DimKind::kFloor &&
      inner->atom->args[1].is_literal() &&
      !__builtin_mul_overflow(inner->atom->args[1].literal(), k, &product)) {
    result = floor_by(inner->atom->args[0] + inner->atom->args[1] * inner->constant, product);
  } else if (const std::optional<int64_t> known = known_quotient(r, k)) {
    result = *known;
  } else {
    result = make_atom(DimKind::kFloor, {r, k});
  }
  return negated ? q - result : q + result;
}

Dim mod_by(const Dim& a, int64_t k) {
  if (k == 0) fail_division_by_zero(a, k);
  if (a.is_literal()) return mod_int(a.literal(), k);
  if (k < 0) return -mod_by(-a, checked_neg(k));
  if (k == 1) return 0;

  Dim r;
  bool opened = false;
  for (const DimTerm& t : a.poly()->terms) {
    const int64_t c = mod_int(t.coeff, k);
    const DimAtom* atom = t.atoms.size() == 1 ? t.atoms[0].get() : nullptr;
    const std::optional<int64_t> j =
        atom && atom->kind == DimKind::kMod ? atom->args[1].as_literal() : std::nullopt;
    int64_t product;
    const bool open = j && !__builtin_mul_overflow(c, *j, &product) && product % k == 0;
    r += open ? atom->args[0] * c : sum_of({{c, t.atoms}});
    opened |= open;
  }
  if (opened) return mod_by(r, k);
  if (r.is_literal()) return mod_int(r.literal(), k);

  const int64_t g = std::gcd(content_of(r), k);
  if (g > 1) return mod_by(scale_down(r, g), k / g) * g + mod_int(constant_of(r), g);
  if (const std::optional<int64_t> known = known_quotient(r, k)) return r - Dim(*known) * k;
  return make_atom(DimKind::kMod, {r, k});
}

// What all of `args` may be shifted by so that the first has no constant; 0 where that overflows.
int64_t shift_of(const std::vector<Dim>& args) {
  const int64_t shift = constant_of(args[0]);
  int64_t unused;
  for (const Dim& x : args) {
    if (__builtin_sub_overflow(constant_of(x), shift, &unused)) return 0;
  }
  return shift;
}

// max or min of any number of dimensions.
Dim extremum(DimKind kind, const std::vector<Dim>& given) {
  const bool is_max = kind == DimKind::kMax;
  const DimKind other = is_max ? DimKind::kMin : DimKind::kMax;
  const int64_t absorbing = is_max ? kHighest : kLowest, neutral = is_max ? kLowest : kHighest;
  struct Arg {
    Dim value;
    size_t source;  // arguments from one inner max are in no order already
  };
  std::vector<Arg> args;
  for (size_t i = 0; i < given.size(); ++i) {
    const Dim& x = given[i];
    if (x == absorbing) return x;
    if (x == neutral && given.size() > 1) continue;
    const std::optional<ScaledAtom> inner = as_scaled_atom(x);
    if (inner && inner->atom->kind == (inner->coeff > 0 ? kind : other)) {
      for (const Dim& y : inner->atom->args) args.push_back({y * inner->coeff + inner->constant, i});
    } else {
      args.push_back({x, i});
    }
  }
  if (args.empty()) return neutral;
  std::stable_sort(args.begin(), args.end(), [](const Arg& a, const Arg& b) { return a.value < b.value; });
  args.erase(
      std::unique(args.begin(), args.end(), [](const Arg& a, const Arg& b) { return a.value == b.value; }),
      args.end());
  if (args.size() > Dim::kMaxArgs) throw Error("dimension expression too large");

  // Of two arguments that are always in order one is idle; of two that are always equal, the later.
  std::vector<bool> idle(args.size());
  std::vector<Dim> kept;
  for (size_t j = 0; j < args.size(); ++j) {
    for (size_t i = 0; i < args.size() && !idle[j]; ++i) {
      if (args[i].source == args[j].source || idle[i]) continue;
      const Dim& winner = args[is_max ? i : j].value;
      const Dim& loser = args[is_max ? j : i].value;
      idle[j] = always_ge(winner, loser) && (i < j || !always_ge(loser, winner));
    }
    if (!idle[j]) kept.push_back(args[j].value);
  }
  if (kept.size() == 1) return kept[0];

  // max(a, b) = -min(-a, -b): of the two lists of arguments the first in order is kept, as max if they are
  // equal.
  std::vector<Dim> negated;
  for (const Dim& x : kept) negated.push_back(-x);
  std::sort(negated.begin(), negated.end());
  const int64_t shift = shift_of(kept), shift_negated = shift_of(negated);
  std::vector<Dim> shifted = negated;
  for (Dim& x : kept) x -= shift;
  for (Dim& x : shifted) x -= shift_negated;
  if (shifted < kept || (!is_max && shifted == kept)) return -extremum(other, negated);

  int64_t g = 0;
  for (const Dim& x : kept) g = std::gcd(g, whole_content(x));
  for (Dim& x : kept) x = scale_down(x, g);
  return make_atom(kind, std::move(kept)) * g + shift;
}

// Whether x is 1 for no symbols >= 0.
bool never_one(const Dim& x) {
  if (x.is_literal()) return x != 1;
  if (at_least(lower_bound(x), 2) || at_most(upper_bound(x), 0)) return true;
  return (static_cast<__int128>(1) - constant_of(x)) % content_of(x) != 0;
}

Dim broadcast_all(const std::vector<Dim>& given) {
  std::vector<Dim> args;
  std::optional<int64_t> size;
  for (const Dim& x : given) {
    const std::optional<ScaledAtom> inner = as_scaled_atom(x);
    if (inner && inner->coeff == 1 && inner->constant == 0 && inner->atom->kind == DimKind::kBcast) {
      args.insert(args.end(), inner->atom->args.begin(), inner->atom->args.end());
    } else if (!x.is_literal()) {
      args.push_back(x);
    } else if (x != 1) {
      if (size && *size != x.literal()) fail_broadcast(*size, x.literal());
      size = x.literal();
    }
  }
  if (size) return *size;
  if (args.empty()) return 1;
  std::sort(args.begin(), args.end());
  args.erase(std::unique(args.begin(), args.end()), args.end());
  // min(x, k) for k > 1 is 1 only where x is: where the broadcast is legal it is x.
  const auto follows = [&](const Dim& y) {
    const std::optional<int64_t> k = upper_bound(y);
    return k && *k > 1 && std::any_of(args.begin(), args.end(), [&](const Dim& x) {
             return !(x == y) && extremum(DimKind::kMin, {x, *k}) == y;
           });
  };
  std::vector<Dim> kept;
  for (const Dim& y : args)
    if (!follows(y)) kept.push_back(y);
  args = std::move(kept);
  if (args.size() == 1) return args[0];
  for (const Dim& x : args) {
    if (never_one(x)) return x;
  }
  return make_atom(DimKind::kBcast, std::move(args));
}

// The factors (with repetition) that every term of x has.
std::vector<DimAtomPtr> common_atoms(const Dim& x) {
  const std::vector<DimTerm> terms = terms_of(x);
  std::vector<DimAtomPtr> common = terms[0].atoms;
  for (const DimTerm& t : terms) {
    std::vector<DimAtomPtr> both;
    std::set_intersection(common.begin(), common.end(), t.atoms.begin(), t.atoms.end(),
                          std::back_inserter(both), [](const DimAtomPtr& a, const DimAtomPtr& b) {
                            return compare_monomials({1, {a}}, {1, {b}}) < 0;
                          });
    common = std::move(both);
  }
  return common;
}

}  // namespace

Dim floor_div(const Dim& a, const Dim& b) {
  if (b.is_literal()) return floor_by(a, b.literal());
  if (never_zero(b)) {
    if (const std::optional<Dim> q = divide(a, b)) return *q;
    if (at_least(lower_bound(a), 0) && always_ge(b, a + 1)) return 0;
  }
  if (leading_coeff(b) < 0) return floor_div(-a, -b);
  return make_atom(DimKind::kFloor, {a, b});
}

Dim ceil_div(const Dim& a, const Dim& b) { return -floor_div(-a, b); }

Dim mod(const Dim& a, const Dim& b) {
  if (b.is_literal()) return mod_by(a, b.literal());
  if (never_zero(b)) {
    if (divide(a, b)) return 0;
    if (at_least(lower_bound(a), 0) && always_ge(b, a + 1)) return a;
  }
  if (leading_coeff(b) < 0) return -mod(-a, -b);
  return make_atom(DimKind::kMod, {a, b});
}

// |a|/|b| rounded down, with the sign of a*b: one of max(a, 0) and max(-a, 0) is 0.
Dim trunc_div(const Dim& a, const Dim& b) {
  if (b == 0) fail_division_by_zero(a, b);
  if (a.is_literal() && b.is_literal() && b != -1) return a.literal() / b.literal();
  if (at_least(lower_bound(b), 0)) return floor_div(max(a, 0), b) - floor_div(max(-a, 0), b);
  if (at_most(upper_bound(b), 0)) return trunc_div(-a, -b);
  const Dim size = max(b, -b), sign = max(min(b, 1), -1);
  return (floor_div(max(a, 0), size) - floor_div(max(-a, 0), size)) * sign;
}

Dim max(const Dim& a, const Dim& b) { return extremum(DimKind::kMax, {a, b}); }
Dim min(const Dim& a, const Dim& b) { return extremum(DimKind::kMin, {a, b}); }
Dim broadcast(const Dim& a, const Dim& b) { return broadcast_all({a, b}); }

Dim exact_div(const Dim& a, const Dim& b) {
  if (b == 0) fail_division_by_zero(a, b);
  if (a == 0) return 0;
  if (const std::optional<Dim> q = divide(a, b)) return *q;
  if (a.is_literal() && b.is_literal()) fail("dimension ", a, " is not divisible by ", b);

  // No polynomial: cancel what both have in common, then trust the promise.
  const std::vector<DimAtomPtr> of_a = common_atoms(a), of_b = common_atoms(b);
  DimTerm common{std::gcd(whole_content(a), whole_content(b)), {}};
  std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), std::back_inserter(common.atoms),
                        [](const DimAtomPtr& x, const DimAtomPtr& y) {
                          return compare_monomials({1, {x}}, {1, {y}}) < 0;
                        });
  const Dim factor = sum_of({common});
  const std::optional<Dim> p = divide(a, factor), q = divide(b, factor);
  CHECK(p && q);
  return floor_div(*p, *q);
}

Dim apply_function(DimKind kind, const std::vector<Dim>& args) {
  switch (kind) {
    case DimKind::kFloor:
      return floor_div(args[0], args[1]);
    case DimKind::kMod:
      return mod(args[0], args[1]);
    case DimKind::kMax:
    case DimKind::kMin:
      return extremum(kind, args);
    case DimKind::kBcast:
      return broadcast_all(args);
    case DimKind::kSymbol:
      break;
  }
  CHECK(false, "a symbol is no function");
  return 0;
}

}  // namespace tauto
