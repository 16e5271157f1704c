// Contractions as the instructions of AVX512_BF16 compute them: number system bf16.dp (docs/semantics.md).
//
//   contract(x, w) : f32   ->   contract(cast<bf16>(x), w as bf16) {arithmetic: "bf16.dp"} : f32
//
// The order of the terms is part of the program, the same on every machine: one reduction axis, by which x lies
// side by side or which is its channels, is walked last and in pairs, the second of each pair first, as the
// instruction does. Channels that are a multiple of 16 (of 8) are walked 16 (8) at a time before the others, so
// that blocks of channels stay together. An odd number is filled up with a zero, which changes nothing. Where the
// channels are odd and a window moves along x's last dim by even steps, its columns are walked in pairs instead, a
// column of zero weights behind an odd number of them (its products are zeros, or NaN if x there is not finite).
#pragma once

#include "graph/builder.h"

namespace tauto {

// x as bf16: of what was widened from bf16 that, else rounded.
Id as_bf16(Builder& b, Id x);

// "", or why no axis can be walked in pairs.
std::string no_pairs(const Access& access);

// The result of contracting x with constant weights w, both f32, by that access map (x is its first operand);
// -1 where no axis can be walked so.
Id bf16_product(Builder& b, Access access, Id x, const Tensor& w);

}  // namespace tauto
