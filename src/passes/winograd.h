// Winograd's minimal filtering for 3×3 convolutions of stride 1: an output tile of m × m pixels from an input
// tile of t × t, t = m + 2, by t² products per channel instead of 9 m²:
//
//   Y = Aᵀ [ Σ_c (G g Gᵀ) ⊙ (Bᵀ d B) ] A        F(m×m, 3×3); m = 2 or 4
//
// (Winograd 1980; for convolutional networks Lavin and Gray 2015, arXiv:1509.09308.)
//
// The result is an ordinary graph, exactly defined like any other: two contractions with Bᵀ along the rows
// and columns of the input, one batched contraction over the channels with the transformed weights, two with
// Aᵀ. The weights are transformed in f64 and rounded once, here. A convolution is found by its access map,
// whatever it was called; it is rewritten where a closed-form estimate says that this pays (winograd_cost.h).
//
// Contract: rounding. Bound and proof: docs/contracts.md.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace tauto {

Module winograd(const Module& m);

// The same with tiles of m for every convolution that has the form, whether it pays or not.
Module winograd_always(const Module& m, int64_t tile);

// A convolution that has the form: contract(x, w) over {n, o, y, x | c, 3, 3}, w constant.
struct PlainConvolution {
  size_t x = 0, w = 1;  // which operand is which
  Dim batch, in, out, height, width;
  Dim top, left;                    // padding before
  int channel = 4, ky = 5, kx = 6;  // axes of the access
  std::vector<size_t> w_dims;       // dims of w that are o, c, ky, kx
};
std::optional<PlainConvolution> plain_convolution(const Function& f, const Node& n);

// Transforms of F(m×m, 3×3), row-major; b: t × t, g: t × 3, a: m × t.
struct WinogradMatrices {
  int64_t m = 2, t = 4;
  std::vector<double> b, g, a;
};
const WinogradMatrices& winograd_matrices(int64_t m);

}  // namespace tauto
