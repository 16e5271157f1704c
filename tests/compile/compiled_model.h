// A model with what artifacts hold: a symbol, packed and plain constants, a view, a reference that reads a
// big constant.
#pragma once

#include "graph/tensor.h"
#include "graph/text.h"

namespace tauto::testing {

// f32 in -2 … 2, multiples of 1/512.
Tensor random_floats(Shape shape, uint64_t seed);

ModuleText compiled_model(uint64_t seed = 1);
std::vector<Value> compiled_model_inputs(int64_t rows);

}  // namespace tauto::testing
