// Inputs made from a seed, the same on every machine: each tensor depends on the seed, its input's name and
// its shape alone. Floats are nearly normal (sums of twelve uniform numbers), integers 0 to 7, 0 to 3 below
// 8 bits, bools fair, strings one letter of a to h.
#pragma once

#include "graph/type.h"

namespace tauto::cli {

Tensor random_tensor(ElementType type, Shape shape, uint64_t seed, const std::string& name);

// A value of the type; `sizes` gives its symbols. Error: a symbol without a size, a rank that is not known,
// a sequence.
Value random_value(const Type& type, const Env& sizes, uint64_t seed, const std::string& name);

}  // namespace tauto::cli
