// The order of values in top_k, arg_max, unique: as numbers, -0 equal to +0, NaN equal to NaN and above all.
#pragma once

#include <string>
#include <type_traits>

#include "ops/compute.h"

namespace tauto {

template <class T>
bool ordered_less(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (b != b && a == a);
  else
    return a < b;
}

// Calls f with a value of the compute type where values have an order: native numbers, not intervals or
// terms.
template <class F>
void visit_ordered(const Tensor& t, F f) {
  visit_numbers(t, [&](auto n) {
    if constexpr (std::is_arithmetic_v<decltype(n)>)
      f(n);
    else
      throw Unknown{};
  });
}

// Ends of intervals as two vectors; lo > hi never. Integers above 2^53 lose bits outward.
struct Ends {
  std::vector<double> lo, hi;
  bool points = true;  // all lo == hi, none NaN
};
Ends ends_of(const Tensor& intervals);

}  // namespace tauto
