// Weights of 4 and 2 bits where reading them takes the time: a contraction of unsigned bytes with a large constant
// whose values lie within 16 (or 4) of each other takes them as u4 (u2), of which an i32 holds eight (sixteen).
// Contract: exact.
//
//   Σ x·w   =>   Σ x·v + m·Σ x          v = w − m: 0 … 15, or 0 … 3
//
// The kernel widens them (schedule/dots.h). Only for few rows: with many of them the products take the time, and
// widening would be added to it.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module narrow_weights(const Module& m);

}  // namespace tauto
