// The parts of the operator cast: its parameters, and its references by Rep.
#pragma once

#include <limits>

#include "graph/op.h"
#include "ops/small_float.h"

namespace tauto::ops {

struct CastTarget {
  ElementType type;
  bool saturate;
  PowerRounding rounding;
};

void cast_values(EvalContext& c, const CastTarget& to);     // Rep::Exact and Rep::Ideal
void cast_intervals(EvalContext& c, const CastTarget& to);  // Rep::Interval

// The low bits of v as a value of the integer type e.
inline int64_t wrap(int64_t v, ElementType e) {
  const int shift = 64 - e.bits;
  const uint64_t up = static_cast<uint64_t>(v) << shift;
  return e.is_signed() ? static_cast<int64_t>(up) >> shift : static_cast<int64_t>(up >> shift);
}

// Truncated into the range of D; NaN gives 0.
template <class D>
D saturated(double x) {
  using Limits = std::numeric_limits<D>;
  // Limits::max() + 1 and Limits::min() are doubles; what truncates into the range lies between them.
  constexpr double above = 2.0 * static_cast<double>(Limits::max() / 2 + 1);
  if (x >= above) return Limits::max();
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  return x != x ? D(0) : static_cast<D>(x);
}

}  // namespace tauto::ops
