// Constants that every call of a function gives it become constants of the function: the weights of a
// recurrent network are then packed for the kernels of the body as any other weights. The parameters stay.
// Contract: exact.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module sink_constants(const Module& m);

}  // namespace tauto
