// Bounds of dimensions over all symbols >= 0.
//
// First by intervals, term by term. Terms that share symbols defeat that (N - floor(N/2) has no bound so),
// hence each linear function is also replaced by what it is between: floor(X/k) by (X - k + 1)/k or X/k, max
// and its like by one of their arguments; the best bound found with a fixed amount of fuel is the answer.
#include <algorithm>
#include <limits>

#include "graph/dim_form.h"
#include "support/error.h"

namespace tauto {
namespace {

using Bound = std::optional<int64_t>;

Bound add(Bound a, Bound b) {
  int64_t r;
  if (!a || !b || __builtin_add_overflow(*a, *b, &r)) return std::nullopt;
  return r;
}

Bound mul(Bound a, Bound b) {
  int64_t r;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &r)) return std::nullopt;
  return r;
}

Bound best_lower(Bound a, Bound b) { return !a ? b : !b ? a : Bound(std::max(*a, *b)); }
Bound worst_lower(Bound a, Bound b) { return !a || !b ? std::nullopt : Bound(std::min(*a, *b)); }
Bound best_upper(Bound a, Bound b) { return !a ? b : !b ? a : Bound(std::min(*a, *b)); }
Bound worst_upper(Bound a, Bound b) { return !a || !b ? std::nullopt : Bound(std::max(*a, *b)); }

struct Interval {
  Bound low, high;
};

Interval product(const Interval& a, const Interval& b) {
  if (a.low && b.low && *a.low >= 0 && *b.low >= 0) return {mul(a.low, b.low), mul(a.high, b.high)};
  const Bound c[] = {mul(a.low, b.low), mul(a.low, b.high), mul(a.high, b.low), mul(a.high, b.high)};
  if (!c[0] || !c[1] || !c[2] || !c[3]) return {};
  return {std::min({*c[0], *c[1], *c[2], *c[3]}), std::max({*c[0], *c[1], *c[2], *c[3]})};
}

// The lower end of coeff * (product of atoms).
Bound term_lower(const DimTerm& term) {
  Interval all{1, 1};
  for (const DimAtomPtr& atom : term.atoms) all = product(all, {atom->lower, atom->upper});
  return mul(Bound(term.coeff), term.coeff > 0 ? all.low : all.high);
}

Bound lower(const Dim& dim, int& fuel);

// The lower bound of `dim` by way of its linear term number i, a function other than a symbol.
Bound lower_by(const Dim& dim, size_t i, int& fuel) {
  const DimTerm& term = dim.poly()->terms[i];
  const DimAtom& atom = *term.atoms[0];
  const Dim rest = dim - sum_of({term});
  if (atom.kind == DimKind::kFloor) {
    const Bound k = atom.args[1].as_literal();
    if (!k) return std::nullopt;  // a literal divisor is positive in canonical form
    const Dim least = term.coeff > 0 ? atom.args[0] - (*k - 1) : atom.args[0];
    const Bound scaled = lower(rest * *k + least * term.coeff, fuel);
    return scaled ? Bound(*scaled / *k + (*scaled % *k > 0)) : std::nullopt;  // rounded up
  }
  if (atom.kind == DimKind::kMod) return std::nullopt;
  // max >= each argument, so any of them bounds it from below; otherwise it is one of them: take the worst.
  const bool any = atom.kind == (term.coeff > 0 ? DimKind::kMax : DimKind::kMin);
  Bound result = lower(rest + atom.args[0] * term.coeff, fuel);
  for (size_t a = 1; a < atom.args.size(); ++a) {
    if (!any && !result) return result;
    const Bound next = lower(rest + atom.args[a] * term.coeff, fuel);
    result = any ? best_lower(result, next) : worst_lower(result, next);
  }
  return result;
}

Bound lower(const Dim& dim, int& fuel) {
  if (dim.is_literal()) return dim.literal();
  if (--fuel < 0) return std::nullopt;
  const std::vector<DimTerm>& terms = dim.poly()->terms;
  Bound result = 0;
  for (const DimTerm& term : terms) result = add(result, term_lower(term));
  for (size_t i = 0; i < terms.size() && fuel > 0; ++i) {
    if (terms[i].atoms.size() != 1 || terms[i].atoms[0]->kind == DimKind::kSymbol) continue;
    try {
      result = best_lower(result, lower_by(dim, i, fuel));
    } catch (const Error&) {
      // This way leads to numbers or expressions that are too large: no bound from it.
    }
  }
  return result;
}

}  // namespace

Bound lower_bound(const Dim& dim) {
  int fuel = 32;
  return lower(dim, fuel);
}

Bound upper_bound(const Dim& dim) {
  try {
    return mul(lower_bound(-dim), -1);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void set_bounds(DimAtom& atom) {
  std::vector<Interval> args;
  for (const Dim& arg : atom.args) args.push_back({lower_bound(arg), upper_bound(arg)});
  const Bound b_low = args[1].low, b_high = args[1].high;
  switch (atom.kind) {
    case DimKind::kFloor:
      if (const Bound k = atom.args[1].as_literal()) {
        if (args[0].low) atom.lower = floor_div_int(*args[0].low, *k);
        if (args[0].high) atom.upper = floor_div_int(*args[0].high, *k);
      } else if (b_low && *b_low >= 0 && args[0].low && *args[0].low >= 0) {
        atom.lower = 0;  // b is not 0, so it is at least 1
        atom.upper = args[0].high;
      }
      return;
    case DimKind::kMod:
      if (b_low && *b_low >= 0) {
        atom.lower = 0;
        atom.upper = add(b_high, -1);
      }
      return;
    case DimKind::kMax:
      for (const Interval& x : args) atom.lower = best_lower(atom.lower, x.low);
      atom.upper = args[0].high;
      for (const Interval& x : args) atom.upper = worst_upper(atom.upper, x.high);
      return;
    case DimKind::kMin:
      for (const Interval& x : args) atom.upper = best_upper(atom.upper, x.high);
      atom.lower = args[0].low;
      for (const Interval& x : args) atom.lower = worst_lower(atom.lower, x.low);
      return;
    case DimKind::kBcast:
      atom.lower = args[0].low;
      atom.upper = args[0].high;
      for (const Interval& x : args) {
        atom.lower = worst_lower(atom.lower, x.low);
        atom.upper = worst_upper(atom.upper, x.high);
      }
      return;
    case DimKind::kSymbol:
      return;
  }
}

}  // namespace tauto
