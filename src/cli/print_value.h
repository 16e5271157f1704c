// Values for people to read.
#pragma once

#include "graph/tensor.h"

namespace tauto::cli {

// One line: type, range, and a hash of the content by which two machines may be compared.
//   f32[2, 3] in [-1.5, 7] sha256:5be0c1d2e3f40516
std::string summary(const Value& v);

// All elements, nested as the shape is; long rows are cut in the middle if there are more than 1,000.
std::string elements_text(const Value& v);

}  // namespace tauto::cli
