// Products of matrices whose elements are +1 and −1 become counts of differing bits. Contract: exact.
//
//   Σ x[m, k]·w[k, n]   =>   K − 2·contract(X[m, j], W[j, n]) {bits: 1}        x = where(c, 1, −1), w constant
//
// X, W: up to 32 of them as one i32, a bit being set where the sign is +; what fills up a word is 0 in both and so
// differs nowhere (XNOR-Net, Rastegari et al., arXiv 1603.05279; here without its scales). The words are
// ordinary nodes: a sum of c << i. Only where the sums are long and many enough for the words to pay.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module bits(const Module& m);

}  // namespace tauto
