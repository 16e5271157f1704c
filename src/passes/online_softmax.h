// The running maximum: sums of exponentials without a second pass over the row.
//
//   Σ exp(x − m),  m = max x        becomes, block by block of the row,
//   m' = max(m, max x_b);   s = s · exp(m − m') + Σ exp(x_b − m')
//
// (Milakov and Gimelshein 2018, arXiv:1805.02867.) It is found by what is computed, a sum over an axis of
// exponentials of differences to the maximum over that axis, whoever wrote it: softmax, log-softmax,
// log-sum-exp, attention. Maxima are not below the least finite number, so that blocks of −∞ (masks) add 0.
//
// Contract: rounding (docs/contracts.md).
#pragma once

#include "graph/graph.h"

namespace tauto {

Module online_softmax(const Module& m);

}  // namespace tauto
