// A model with what artifacts hold: a symbol, packed and plain constants, a view, a reference that reads a
// big constant.
#pragma once

#include "graph/tensor.h"
#include "graph/text.h"

namespace tauto::testing {

ModuleText compiled_model(uint64_t seed = 1);
std::vector<Value> compiled_model_inputs(int64_t rows);

}  // namespace tauto::testing
