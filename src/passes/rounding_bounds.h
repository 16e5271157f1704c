// What bounds of rounding rewrites are made of: γ_n, how many roundings a term of a sum meets in the order of
// docs/semantics.md, and nodes of bound programs.
//
// |fl(Σ x) − Σ x| ≤ γ_n Σ|x|, γ_n = n u / (1 − n u), if no term meets more than n roundings (Higham,
// "Accuracy and Stability of Numerical Algorithms", 2nd ed., lemma 3.1 and section 4.2). An operation whose
// result is below 2^-126 errs by at most 2^-150 = u · 2^-126 besides (ibid., eq. 2.8): a bound holds for such
// values too when 2^-126 is added to each sum of magnitudes.
#pragma once

#include <span>

#include "graph/builder.h"
#include "loops/reduction_order.h"
#include "ops/error_rule.h"

namespace tauto {

inline constexpr double kUnit = 0x1p-24;     // of f32
inline constexpr double kTiny = 0x1p-126;    // the least normal f32
inline constexpr double kLargest = 0x1p127;  // sums of magnitudes below it do not overflow

// γ of f32.
inline double gamma_of(int64_t roundings) { return gamma(static_cast<double>(roundings), kUnit); }

// Of a sum over these axes of an f32 tensor; of a contraction: loops/reduction_order.h.
int64_t sum_roundings(std::span<const int64_t> shape, std::span<const int64_t> axes);

// Bound programs compute in f64.
class BoundBuilder {
 public:
  explicit BoundBuilder(Builder& b) : b(b) {}
  Builder& b;

  Id number(double v) { return b.number(v, f64); }
  Id widened(Id id) { return b.add(ops_cast(), {id}, {{"to", f64}}); }
  Id magnitude(Id id);  // |id| in f64
  Id plus(Id x, Id y);
  Id times(Id x, double factor);
  // Adds kTiny, and remembers the largest element.
  Id watched(Id sum);
  // `sum`, rounded up; +∞ where something that was watched may overflow.
  Id finish(Id sum);

 private:
  static const Op& ops_cast();
  Id largest_ = -1;
};

}  // namespace tauto
