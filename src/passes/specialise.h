// The module for given sizes: symbols of the dimensions of main's inputs get values, and what follows from
// them is known. Contract: exact for inputs of these sizes; others no longer fit the types of main's inputs.
#pragma once

#include "graph/graph.h"

namespace tauto {

// Error where the module has no meaning for these sizes (an illegal broadcast).
Module specialise(const Module& m, const Env& sizes);

}  // namespace tauto
