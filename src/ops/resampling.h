// Which elements of an axis an interpolation takes, and with which weights (the words are in resize.cpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/compute.h"

namespace tauto {

struct Resampling {
  int64_t from = 0, to = 0;  // extents
  std::optional<double> scale;
  double start = 0, end = 1;  // of the crop
  char mode = 'n';            // n(earest), l(inear), c(ubic)
  std::string coordinates, nearest;
  double cubic_a = -0.75;
  bool exclude_outside = false, antialias = false;

  double place(int64_t o) const;
};

// Of one output: elements ascending, each with a weight that is not 0.
struct Taps {
  std::vector<int64_t> index;
  std::vector<double> weight;
  bool outside = false;  // of the crop: no elements
  // For intervals: implementations differ in the place by up to `slack` (they compute it in f32), so that
  // elements first … last can matter.
  double slack = 0;
  int64_t first = 0, last = 0;

  template <class I, class At>
  I widened(I y, At at) const {
    if (num::is_nan_surely(y) || num::is_anything(y)) return y;
    I all = at(first);
    for (int64_t i = first + 1; i <= last; ++i) all = num::hull(all, at(i));
    double size = 0;
    for (double w : weight) size += std::fabs(w);
    // A kernel's slopes add up to less than 4; a weight in f32 is off by less than 8 ulp.
    const double e =
        4 * slack * (all.hi - all.lo) + 0x1p-20 * size * std::max(std::fabs(all.lo), std::fabs(all.hi));
    if (!(e < num::kInf)) return {-num::kInf, num::kInf};
    return {num::down(y.lo - e), num::up(y.hi + e)};
  }
};
std::vector<Taps> taps_of(const Resampling& r);

}  // namespace tauto
