// Contractions of bf16.dp (passes/bf16_products.h) as dot products of pairs.
//
// Σ x[k]·w[k] where x and the constant w are bf16, widened to f32, and the innermost axis p < 2 walks two
// neighbours of x, the second one first, is a step less deep:
//
//   blocks fma_flush(k < 3, q < 8, p < 2 : f32(x[k + 5, 2·q + 1 − p]), f32(w[o, 2·q + 1 − p, k]))
//   blocks dot_pairs(k < 3, q < 8 : x2[k + 5, q], w2[o, 2·q, k])
//
// x2 is the memory of x as f32, w2 is packed so that an f32 holds two terms of w (Packing, parts 2). The order of
// the terms is what it was. Without the instruction the two steps of a pair stay two steps.
#pragma once

#include "schedule/schedule.h"

namespace tauto {

// The nest with its one contraction, `sum`, so; nothing if that does not apply.
std::optional<Nest> with_pairs(const Nest& n, const loops::Expr& sum);

}  // namespace tauto
