// The ring of dimensions: canonical sums of products, their order, and what walks them (values, substitution,
// symbols, unification). The functions floor, mod, max, min, bcast are in dim_functions.cpp.
#include "graph/dim.h"

#include <algorithm>
#include <limits>

#include "graph/dim_form.h"
#include "support/error.h"

namespace tauto {
namespace {

size_t mix(size_t seed, uint64_t value) {
  uint64_t x = (seed ^ value) * 0x9e3779b97f4a7c15u;
  return x ^ (x >> 29);
}

size_t hash_text(std::string_view s) {
  size_t h = mix(s.size(), 0x51);
  for (unsigned char c : s) h = mix(h, c);
  return h;
}

[[noreturn]] void fail_too_large() { throw Error("dimension expression too large"); }

template <class T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int compare_atoms(const DimAtom& a, const DimAtom& b) {
  if (&a == &b) return 0;
  if (int c = three_way(a.kind, b.kind)) return c;
  if (int c = a.name.compare(b.name)) return c < 0 ? -1 : 1;
  if (int c = three_way(a.args.size(), b.args.size())) return c;
  for (size_t i = 0; i < a.args.size(); ++i) {
    if (int c = Dim::compare(a.args[i], b.args[i])) return c;
  }
  return 0;
}

Dim dim_of_atom(DimAtomPtr atom) { return sum_of({DimTerm{1, {std::move(atom)}}}); }

// Rebuilds `dim` with what `value_of` (name -> optional<Dim>) says of its symbols.
template <class ValueOf>
Dim rebuild(const Dim& dim, const ValueOf& value_of) {
  if (dim.is_literal()) return dim;
  Dim sum;
  for (const DimTerm& term : dim.poly()->terms) {
    Dim product = term.coeff;
    for (const DimAtomPtr& atom : term.atoms) {
      if (atom->kind == DimKind::kSymbol) {
        std::optional<Dim> value = value_of(atom->name);
        product *= value ? *value : dim_of_atom(atom);
      } else {
        std::vector<Dim> args;
        for (const Dim& arg : atom->args) args.push_back(rebuild(arg, value_of));
        product *= args == atom->args ? dim_of_atom(atom) : apply_function(atom->kind, args);
      }
    }
    sum += product;
  }
  return sum;
}

std::optional<int64_t> evaluate_atom(const DimAtom& atom, const Env& env) {
  if (atom.kind == DimKind::kSymbol) return env.lookup(atom.name);
  std::vector<int64_t> v;
  for (const Dim& arg : atom.args) {
    std::optional<int64_t> value = evaluate(arg, env);
    if (!value) return std::nullopt;
    v.push_back(*value);
  }
  switch (atom.kind) {
    case DimKind::kFloor:
    case DimKind::kMod:
      if (v[1] == 0) fail_division_by_zero(atom.args[0], atom.args[1]);
      return atom.kind == DimKind::kFloor ? floor_div_int(v[0], v[1]) : mod_int(v[0], v[1]);
    case DimKind::kMax:
      return *std::max_element(v.begin(), v.end());
    case DimKind::kMin:
      return *std::min_element(v.begin(), v.end());
    default:
      break;
  }
  int64_t size = 1;
  for (int64_t x : v) {
    if (size != 1 && x != 1 && x != size) fail_broadcast(size, x);
    if (x != 1) size = x;
  }
  return size;
}

}  // namespace

int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) throw Error("dimension arithmetic overflows");
  return r;
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r)) throw Error("dimension arithmetic overflows");
  return r;
}

int64_t checked_neg(int64_t a) { return checked_mul(a, -1); }

int64_t floor_div_int(int64_t a, int64_t b) {
  if (b == -1) return checked_neg(a);
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t mod_int(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

void fail_division_by_zero(const Dim& a, const Dim& b) {
  fail("dimension ", text_of(a), " is divided by ", text_of(b), b.is_literal() ? "" : ", which is 0");
}

void fail_broadcast(int64_t a, int64_t b) { fail("dimensions ", a, " and ", b, " do not broadcast"); }

int compare_monomials(const DimTerm& a, const DimTerm& b) {
  if (int c = three_way(b.atoms.size(), a.atoms.size())) return c;
  for (size_t i = 0; i < a.atoms.size(); ++i) {
    if (int c = compare_atoms(*a.atoms[i], *b.atoms[i])) return c;
  }
  return 0;
}

std::vector<DimTerm> terms_of(const Dim& dim) {
  if (!dim.is_literal()) return dim.poly()->terms;
  if (dim.literal() == 0) return {};
  return {DimTerm{dim.literal(), {}}};
}

int64_t constant_of(const Dim& dim) {
  if (dim.is_literal()) return dim.literal();
  const DimTerm& last = dim.poly()->terms.back();
  return last.atoms.empty() ? last.coeff : 0;
}

int64_t leading_coeff(const Dim& dim) {
  return dim.is_literal() ? dim.literal() : dim.poly()->terms.front().coeff;
}

Dim sum_of(std::vector<DimTerm> terms) {
  Dim::Poly poly;
  poly.terms = std::move(terms);
  return Dim::of(std::move(poly));
}

std::optional<ScaledAtom> as_scaled_atom(const Dim& dim) {
  if (dim.is_literal()) return std::nullopt;
  const std::vector<DimTerm>& terms = dim.poly()->terms;
  if (terms.size() > 2 || terms[0].atoms.size() != 1) return std::nullopt;
  if (terms.size() == 2 && !terms[1].atoms.empty()) return std::nullopt;
  const DimAtom* atom = terms[0].atoms[0].get();
  if (atom->kind == DimKind::kSymbol) return std::nullopt;
  return ScaledAtom{terms[0].coeff, atom, constant_of(dim)};
}

Dim make_atom(DimKind kind, std::vector<Dim> args) {
  auto atom = std::make_shared<DimAtom>();
  atom->kind = kind;
  atom->hash = mix(static_cast<size_t>(kind), 0xa70);
  for (const Dim& arg : args) {
    atom->hash = mix(atom->hash, arg.hash());
    if (arg.is_literal()) continue;
    atom->depth = std::max(atom->depth, arg.poly()->depth);
    atom->size += arg.poly()->size;
  }
  ++atom->depth;
  atom->args = std::move(args);
  if (atom->depth > Dim::kMaxDepth || atom->size > Dim::kMaxSize || atom->args.size() > Dim::kMaxArgs) {
    fail_too_large();
  }
  set_bounds(*atom);
  return dim_of_atom(std::move(atom));
}

Dim Dim::of(Poly&& poly) {
  std::vector<DimTerm>& terms = poly.terms;
  std::sort(terms.begin(), terms.end(),
            [](const DimTerm& a, const DimTerm& b) { return compare_monomials(a, b) < 0; });
  size_t kept = 0;
  for (size_t i = 0; i < terms.size();) {
    // One __int128 sum, so that N*2^62 + N*2^62 - N*2^62 does not depend on the order.
    __int128 sum = 0;
    size_t j = i;
    for (; j < terms.size() && compare_monomials(terms[i], terms[j]) == 0; ++j) sum += terms[j].coeff;
    const auto coeff = static_cast<int64_t>(sum);
    if (coeff != sum) throw Error("dimension arithmetic overflows");
    if (coeff != 0) {
      if (kept != i) terms[kept] = std::move(terms[i]);
      terms[kept++].coeff = coeff;
    }
    i = j;
  }
  terms.resize(kept);
  if (terms.empty()) return 0;
  if (terms.size() == 1 && terms[0].atoms.empty()) return terms[0].coeff;

  poly.depth = 0;
  poly.size = 0;
  poly.hash = terms.size();
  for (const DimTerm& term : terms) {
    poly.hash = mix(poly.hash, static_cast<uint64_t>(term.coeff));
    for (const DimAtomPtr& atom : term.atoms) {
      poly.hash = mix(poly.hash, atom->hash);
      poly.depth = std::max(poly.depth, atom->depth);
      poly.size += atom->size;
    }
  }
  if (terms.size() > kMaxTerms || poly.size > kMaxSize || poly.depth > kMaxDepth) fail_too_large();
  Dim dim;
  dim.poly_ = std::make_shared<const Poly>(std::move(poly));
  return dim;
}

Dim Dim::symbol(std::string name) {
  auto atom = std::make_shared<DimAtom>();
  atom->kind = DimKind::kSymbol;
  atom->hash = hash_text(name);
  atom->lower = 0;
  atom->name = std::move(name);
  return dim_of_atom(std::move(atom));
}

int64_t Dim::literal() const {
  CHECK(is_literal(), "dimension ", text_of(*this), " is no literal");
  return value_;
}

bool Dim::is_symbol() const {
  if (!poly_ || poly_->terms.size() != 1) return false;
  const DimTerm& term = poly_->terms[0];
  return term.coeff == 1 && term.atoms.size() == 1 && term.atoms[0]->kind == DimKind::kSymbol;
}

const std::string& Dim::symbol_name() const {
  CHECK(is_symbol(), "dimension ", text_of(*this), " is no symbol");
  return poly_->terms[0].atoms[0]->name;
}

size_t Dim::hash() const { return poly_ ? poly_->hash : mix(0xd1, static_cast<uint64_t>(value_)); }

// Symbolic parts decide before constants do, and larger coefficients come first: what max and min sort by
// does then not change when a constant is added to all their arguments.
int Dim::compare(const Dim& a, const Dim& b) {
  if (!a.poly_ && !b.poly_) return three_way(a.value_, b.value_);
  if (a.poly_ == b.poly_) return 0;
  if (!a.poly_ || !b.poly_) return a.poly_ ? -1 : 1;
  const DimTerm zero{0, {}};
  const std::vector<DimTerm>&x = a.poly_->terms, &y = b.poly_->terms;
  for (size_t i = 0; i < x.size() || i < y.size(); ++i) {
    const DimTerm& s = i < x.size() ? x[i] : zero;
    const DimTerm& t = i < y.size() ? y[i] : zero;
    if (int c = compare_monomials(s, t)) return c;
    if (int c = three_way(s.coeff, t.coeff)) return s.atoms.empty() ? c : -c;
  }
  return 0;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_literal() && b.is_literal()) return checked_add(a.value_, b.value_);
  if (a == 0) return b;
  if (b == 0) return a;
  std::vector<DimTerm> terms = terms_of(a);
  for (DimTerm& term : terms_of(b)) terms.push_back(std::move(term));
  return sum_of(std::move(terms));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_literal() && b.is_literal()) return checked_mul(a.value_, b.value_);
  if (a == 1) return b;
  if (b == 1) return a;
  std::vector<DimTerm> terms;
  for (const DimTerm& s : terms_of(a)) {
    for (const DimTerm& t : terms_of(b)) {
      DimTerm product{checked_mul(s.coeff, t.coeff), {}};
      std::merge(s.atoms.begin(), s.atoms.end(), t.atoms.begin(), t.atoms.end(),
                 std::back_inserter(product.atoms),
                 [](const DimAtomPtr& x, const DimAtomPtr& y) { return compare_atoms(*x, *y) < 0; });
      terms.push_back(std::move(product));
    }
  }
  return sum_of(std::move(terms));
}

Dim operator-(const Dim& a) { return a * Dim(-1); }

Dim operator-(const Dim& a, const Dim& b) {
  if (!a.is_literal() || !b.is_literal()) return a + -b;
  int64_t r;
  if (__builtin_sub_overflow(a.value_, b.value_, &r)) throw Error("dimension arithmetic overflows");
  return r;
}

std::optional<Dim> divide(const Dim& a, const Dim& b) {
  if (b == 0) return std::nullopt;
  const DimTerm lead = terms_of(b).front();
  std::vector<DimTerm> quotient;
  Dim rest = a;
  for (size_t step = 0; rest != 0; ++step) {
    if (step == Dim::kMaxTerms) return std::nullopt;
    DimTerm t = terms_of(rest).front();
    if (mod_int(t.coeff, lead.coeff) != 0) return std::nullopt;
    for (const DimAtomPtr& factor : lead.atoms) {
      auto at = std::find_if(t.atoms.begin(), t.atoms.end(),
                             [&](const DimAtomPtr& x) { return compare_atoms(*x, *factor) == 0; });
      if (at == t.atoms.end()) return std::nullopt;
      t.atoms.erase(at);
    }
    try {
      t.coeff = floor_div_int(t.coeff, lead.coeff);
      rest -= sum_of({t}) * b;
    } catch (const Error&) {
      return std::nullopt;  // a quotient too large to write down is none
    }
    quotient.push_back(std::move(t));
  }
  return sum_of(std::move(quotient));
}

bool Env::bind(const std::string& name, int64_t value) {
  if (value < 0) fail("dimension ", name, ": required a size >= 0, got ", value);
  return values_.emplace(name, value).first->second == value;
}

std::optional<int64_t> Env::lookup(std::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<int64_t> evaluate(const Dim& dim, const Env& env) {
  if (dim.is_literal()) return dim.literal();
  int64_t sum = 0;
  for (const DimTerm& term : dim.poly()->terms) {
    int64_t product = term.coeff;
    for (const DimAtomPtr& atom : term.atoms) {
      std::optional<int64_t> value = evaluate_atom(*atom, env);
      if (!value) return std::nullopt;
      product = checked_mul(product, *value);
    }
    sum = checked_add(sum, product);
  }
  return sum;
}

Dim substitute(const Dim& dim, const Env& env) {
  if (env.values().empty()) return dim;
  return rebuild(dim, [&](const std::string& name) -> std::optional<Dim> {
    std::optional<int64_t> value = env.lookup(name);
    return value ? std::optional<Dim>(*value) : std::nullopt;
  });
}

Dim substitute(const Dim& dim, const std::map<std::string, Dim>& map) {
  if (map.empty()) return dim;
  return rebuild(dim, [&](const std::string& name) -> std::optional<Dim> {
    auto it = map.find(name);
    return it == map.end() ? std::nullopt : std::optional<Dim>(it->second);
  });
}

void symbols_of(const Dim& dim, std::vector<std::string>& out) {
  if (dim.is_literal()) return;
  for (const DimTerm& term : dim.poly()->terms) {
    for (const DimAtomPtr& atom : term.atoms) {
      if (atom->kind == DimKind::kSymbol && std::find(out.begin(), out.end(), atom->name) == out.end()) {
        out.push_back(atom->name);
      }
      for (const Dim& arg : atom->args) symbols_of(arg, out);
    }
  }
}

bool unify(const Dim& pattern, int64_t value, Env& env) {
  Dim known;
  try {
    known = substitute(pattern, env);
  } catch (const Error&) {
    return false;
  }
  if (known.is_literal()) return known.literal() == value;
  const std::optional<int64_t> low = lower_bound(known), high = upper_bound(known);
  if ((low && value < *low) || (high && value > *high)) return false;

  const std::vector<DimTerm>& terms = known.poly()->terms;
  if (terms.size() > 2 || terms[0].atoms.size() != 1) return true;
  if (terms.size() == 2 && !terms[1].atoms.empty()) return true;
  const DimAtom& atom = *terms[0].atoms[0];
  if (atom.kind != DimKind::kSymbol) return true;
  const __int128 rest = static_cast<__int128>(value) - constant_of(known);
  if (rest % terms[0].coeff != 0) return false;
  const __int128 size = rest / terms[0].coeff;
  if (size < 0 || size > std::numeric_limits<int64_t>::max()) return false;
  return env.bind(atom.name, static_cast<int64_t>(size));
}

}  // namespace tauto
