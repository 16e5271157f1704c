// Transposed convolutions of integers become plain contractions, one for each phase of the stride. Contract: exact.
//
//   y[s·q + r] = Σ over k with s | (s·q + r − k) of x[(s·q + r − k) / s]·w[k]  =  Σj x[q − j]·w[s·j + r]
//
// where the window is a multiple of the stride long and begins at a multiple of it: output positions of one phase r
// all meet the same weights, so q and r are axes of their own (a sub-pixel convolution: Shi et al., arXiv
// 1609.07009), no index is a quotient, no term is asked whether it is there, and x and w are what dot products read
// (schedule/dots.h). The result with its two axes is seen as y, a reshape; what follows element by element is computed
// before it, so that it stays with the contraction. Sums of integers wrap, so the order of terms is free; sums of
// floats would be cut into other blocks (docs/semantics.md, "Contraction").
#pragma once

#include "graph/graph.h"

namespace tauto {

Module phases(const Module& m);

}  // namespace tauto
