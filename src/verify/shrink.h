// A kernel on smaller extents: as many trips as its plan needs to meet every case, and the same tails.
//
// Each output axis keeps `tiles` tiles of its plan and what is left over in the last one; a reduction keeps
// as many of its blocks or pieces and what is left over. Indices and buffers stay as they are, so the smaller
// kernel computes the first elements of sums that end earlier: another definition, from which loops and
// vector program are made by the same plan as from the real one.
#pragma once

#include "schedule/schedule.h"

namespace tauto::proof {

// Extents must be numbers.
Nest shrunk(const Nest& n, const Plan& p, int lanes, int tiles = 2);

// How many values the expression has for one element of the result: each node one for each combination of
// those reductions' variables that it depends on.
double values_in(const loops::Expr& e, const Env& sizes);

// The nest as a tensor expression: loops over its axes around its store.
loops::Kernel expression_of(const Nest& n);

}  // namespace tauto::proof
