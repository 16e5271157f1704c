// Contractions in f32 of numbers that are integers become contractions of integers. Contract: exact.
//
//   contract(cast<f32>(q), w) : f32   =>   cast<f32>(contract(cast<i32>(q), w') : i32) · 2^e      w = w' · 2^e
//
// where q are integers of 8 bits (perhaps moved, or times a power of two) and w is a constant of signed bytes times
// a power of two. Every partial sum of an f32 contraction is then an integer times 2^e; it is computed without
// rounding if none can be larger than 2^24, which the weights decide for each neuron (passes/attainable.h). Its
// zeros are +0, as an integer's are.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module integers(const Module& m);

}  // namespace tauto
