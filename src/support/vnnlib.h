// Boxes of inputs, as VNN-LIB files state them (www.vnnlib.org; the part of SMT-LIB that its benchmarks use):
//
//   (declare-const X_0 Real) … (declare-const Y_0 Real) …
//   (assert (<= X_0 0.5))                            X_i, Y_i and numbers under <=, >=, and, or
//   (assert (or (and (>= X_0 -1) …) (and …)))        a union of boxes
//
// Conditions on outputs are checked for their form and left out: what is wanted is the inputs that a property
// speaks of. Of a disjunct with both it is the inputs' part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tauto::region {

struct Range {
  double lo = 0, hi = 0;
};
using Box = std::vector<Range>;  // of X_0, X_1, …

// One box or more, all of equally many inputs, each bounded with lo <= hi; bounds are the nearest f64.
// Error: "name: line N: required …, got …".
std::vector<Box> parse_vnnlib(std::string_view text, const std::string& name);
std::vector<Box> read_vnnlib(const std::string& path);

}  // namespace tauto::region
