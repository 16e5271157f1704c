// Results of the model that its own nodes read as well get a node of their own, which shows them. Contract:
// exact. What the model reads itself may then lie as suits it (compile/layouts); the result is a copy of
// that, or a view where nothing wants another layout.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module copy_results(const Module& m);

}  // namespace tauto
