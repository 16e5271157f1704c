// Tree re-association: long sums with few results, in another order.
//
//   contraction   the blocks of the definition (≤ 144 terms), as outputs of one contraction, then their sums
//                 added pairwise: block p and p + P/2, P a power of two, until one is left
//   reduce_sum    the elements of the longest reduced axis added pairwise, i and i + n/2, as long as n is
//                 even, then the sum as defined
//
// What the definition adds one after the other becomes independent (a product of one row by few columns fills
// the lanes), and a term meets log₂ P roundings instead of P.
//
// Contract: rounding, (γ_new + γ_old) Σ|a||b| (docs/contracts.md).
#pragma once

#include "graph/graph.h"

namespace tauto {

Module reassociate(const Module& m);

}  // namespace tauto
