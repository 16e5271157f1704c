// Whether what the nodes demand of sizes holds: broadcasts, equal extents, elements of a reshape.
//
// Kernels are made for symbols, and a node's type rule refuses only what is wrong for all of their values.
// What it leaves open is asked again for the sizes of a run, by the same rule; where the answer is no, the
// reference runs and raises the error in its own words.
#pragma once

#include "graph/graph.h"

namespace tauto {

bool is_always_legal(const Function& f, Id id);
bool is_legal(const Function& f, Id id, const Env& env);  // false also where env does not bind all sizes

}  // namespace tauto
