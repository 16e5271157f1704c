// The canonical form behind Dim, for the files dim*.cpp and for code that walks dimensions:
//
//   poly = sum of terms, largest monomial first (by degree, then by atoms), the constant last, none is zero
//   term = coefficient * product of atoms, sorted, a power by repetition
//   atom = symbol | floor(a/b) | mod(a, b) | max(a, b, ...) | min(...) | bcast(...)
//
// The order of monomials is graded lexicographic, hence respects multiplication: division looks at leading
// terms.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/dim.h"

namespace tauto {

enum class DimKind : uint8_t { kSymbol, kFloor, kMod, kMax, kMin, kBcast };

struct DimAtom {
  DimKind kind;
  std::string name;       // of a symbol
  std::vector<Dim> args;  // of the others
  int depth = 0;
  size_t size = 1;  // atoms in all, written as a tree
  size_t hash = 0;
  std::optional<int64_t> lower, upper;  // bounds over all symbols >= 0
};

using DimAtomPtr = std::shared_ptr<const DimAtom>;

struct DimTerm {
  int64_t coeff;
  std::vector<DimAtomPtr> atoms;  // empty: the constant
};

struct Dim::Poly {
  std::vector<DimTerm> terms;
  int depth = 0;
  size_t size = 0;
  size_t hash = 0;
};

// 64-bit arithmetic that fails instead of wrapping.
int64_t checked_add(int64_t a, int64_t b);
int64_t checked_mul(int64_t a, int64_t b);
int64_t checked_neg(int64_t a);

// b != 0. Floor division overflows for INT64_MIN / -1 only.
int64_t floor_div_int(int64_t a, int64_t b);
int64_t mod_int(int64_t a, int64_t b);

int compare_monomials(const DimTerm& a, const DimTerm& b);

// The terms of any dimension: none for 0, one constant for another literal.
std::vector<DimTerm> terms_of(const Dim& dim);
// Their sum, in any order and with repetitions.
Dim sum_of(std::vector<DimTerm> terms);
int64_t constant_of(const Dim& dim);
int64_t leading_coeff(const Dim& dim);

// The dimension that is this atom as it stands, not simplified.
Dim make_atom(DimKind kind, std::vector<Dim> args);
// The simplified value of an atom's function.
Dim apply_function(DimKind kind, const std::vector<Dim>& args);

// coeff*atom + constant with an atom that is no symbol: the form that nested functions are recognised in.
struct ScaledAtom {
  int64_t coeff;
  const DimAtom* atom;
  int64_t constant;
};
std::optional<ScaledAtom> as_scaled_atom(const Dim& dim);

// a / b if that is a polynomial.
std::optional<Dim> divide(const Dim& a, const Dim& b);

// The bounds of an atom from those of its arguments.
void set_bounds(DimAtom& atom);

[[noreturn]] void fail_division_by_zero(const Dim& a, const Dim& b);
[[noreturn]] void fail_broadcast(int64_t a, int64_t b);

}  // namespace tauto
