// Names of all operators: `ops::add` is the Op defined in add.cpp.
#pragma once

#include "graph/graph.h"
#include "ops/list.h"

namespace tauto::ops {

#define TAUTO_DECLARE(name) extern const Op name;
TAUTO_OPS(TAUTO_DECLARE)
#undef TAUTO_DECLARE

}  // namespace tauto::ops
