// Contractions of integers as dot products of their bytes.
//
// Σ x[k]·w[k], where x are unsigned bytes, w is a constant of signed bytes and both are widened to i32: four
// neighbouring terms are one step. Sums wrap modulo 2^32 and so are exact in any order: the axis along which
// x lies side by side becomes the innermost.
//
//   blocks fma(c < 16, k < 3 : convert<i32>(x[k + 5, c]), convert<i32>(w[o, c, k]))
//   blocks dot_bytes(k < 3, c_q < 4 : x4[k + 5, c_q], w4[o, 4·c_q, k])
//
// Weights of 4 or 2 bits, numbers from 0: their i32 holds eight terms or sixteen, and a step is two or four of
// these, each byte's next bits masked:
//
//   blocks dot_bytes(c_q < 2, c_h < 2 : x4[2·c_q + c_h], w8[o, 8·c_q] >> 4·c_h & 0x0f0f0f0f)
//
// x4 is the memory of x as i32; w4 is packed so that an i32 holds four terms of w (Packing, parts 4). Where
// the target has no such instruction a step is two, of words: x's bytes in even and in odd places, w4 of two
// terms widened to 16 bits. A sum of few neighbouring bytes is a product with ones.
#pragma once

#include "schedule/schedule.h"

namespace tauto {

// The nest with its contraction so, one of bf16 as pairs.h says; nothing if that does not apply.
std::optional<Nest> with_dots(const Nest& n, const Target& t);

// Where there are no four terms side by side, as of depthwise convolutions, or no lanes for them, a term of two words
// is a dot product whose upper half is 0: one instruction (VNNI) instead of a product and a sum.
//
//   blocks dot_words(ky < 3, kx < 3 : i32(x[c, y + ky, x + kx]) − 7, i32(w[c, ky, kx]) & 0xffff)
//
// Nothing where an operand may not fit into 16 bits, by the types of what is loaded.
std::optional<Nest> with_word_products(const Nest& n);

// `schedule` of the nest with dot products, or with words stored (words.h), where they apply, by this plan or (null) by the default's.
struct Carried {
  Plan plan;
  Scheduled scheduled;
};
Carried carry_out(const Nest& n, const Plan* plan, const Target& t);

// How often an expression loads from a buffer.
int reads(const loops::Expr& value, const loops::BufferPtr& b);

// The memory of a buffer as so many elements of this type.
loops::BufferPtr accessed_as(ElementType type, const loops::BufferPtr& b, const Dim& elements);

}  // namespace tauto
