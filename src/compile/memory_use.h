// What a compiled model holds while it runs, beside what it cannot do without.
#pragma once

#include "compile/executable.h"

namespace tauto {

struct MemoryUse {        // bytes
  int64_t weights = 0;    // constants of the graph, each once
  int64_t constants = 0;  // constants as they are read: packed, or where they are
  int64_t code = 0;
  int64_t block = 0;     // for intermediate values, scratch included
  int64_t liveness = 0;  // the largest sum of intermediate values alive at once: no plan can do with less
};

// For runs with inputs of these types and sizes.
MemoryUse memory_use(const Executable& e, const std::vector<Value>& inputs);

}  // namespace tauto
