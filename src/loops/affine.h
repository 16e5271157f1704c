// Index expressions as sums of variables times sizes, and the ranges they run over. What is affine over the
// given ranges is found through floor_div, floor_mod, max and min: floor_div(16*o + i, 16) is o where i lies
// in 0..15. Nothing is an answer: the expression is not affine, or the ranges do not decide it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "loops/loops.h"

namespace tauto::loops {

// lo <= x <= hi, for all values of the symbols (>= 0) at which there is an x at all.
struct Range {
  Dim lo, hi;
  friend bool operator==(const Range&, const Range&) = default;
};
using Ranges = std::map<std::string, Range>;  // by variable; a variable without one may have any value
inline Range below(const Dim& extent) { return {0, extent - 1}; }

struct Affine {
  std::map<std::string, Dim> terms;  // variable → coefficient, none of them 0
  Dim constant = 0;

  Dim coefficient(const std::string& variable) const;
  bool is_constant() const { return terms.empty(); }
  friend bool operator==(const Affine&, const Affine&) = default;
};
Affine operator+(Affine a, const Affine& b);
Affine operator-(Affine a, const Affine& b);
Affine operator*(Affine a, const Dim& factor);

std::optional<Affine> affine_of(const Expr& index, const Ranges& ranges = {});
Expr expr_of(const Affine& a);  // terms by name, the constant last

std::optional<Range> range_of(const Affine& a, const Ranges& ranges);
// Of any i64 expression, affine or not.
std::optional<Range> range_of(const Expr& index, const Ranges& ranges);

// Whether a condition (comparisons of index expressions, and, or, xor, not) always or never holds.
std::optional<bool> decide(const Expr& condition, const Ranges& ranges);

// a / b = quotient · b + rest with 0 <= rest < b throughout; b > 0.
struct Division {
  Affine quotient, rest;
};
std::optional<Division> divide(const Affine& a, const Dim& b, const Ranges& ranges);

// d >= 0 for all values of the symbols; false also where the bounds do not tell.
bool surely_nonnegative(const Dim& d);

}  // namespace tauto::loops
