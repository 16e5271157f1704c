// Division by a constant scale before rounding to bytes becomes multiplication: exact.
//
//   sat(rne((f32(acc) · m) / s) + z)       ->   sat(rne(f32(acc) · m′) + z)
//   sat(rne((f32(acc) · m + b) / s) + z)   ->   sat(rne(fma(f32(acc), m′, b′)) + z)
//   sat(rne(x / s) + z)                    ->   sat(rne(x · r) + z), or
//                                               sat(rne(fma(x, r, x · r′)) + z),   1 / s ≈ r + r′, twice as long
//
// Both sides are steps: they only move up as acc (x) does, up to what rounding does beside a border, and have at
// most 255 borders, k − ½. Away from a border by more than a few units in the last place both are on the same
// side of it; so they are equal for all values if they are for the few beside each border, which is what is
// looked at, for each channel (docs/contracts.md). m′ and b′ are drawn from the floats next to m / s and b / s. The
// product with a reciprocal of 48 bits is rarely another float than the quotient (Brisebarre, Muller, IEEE Trans.
// Comput. 57, 2008), and then hardly ever beside a border.
//
// r is below 1 / s, so that r' is more than 0 and both products go to infinity with x, the same way; NaN stays NaN.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module requantize(const Module& m);

// What the rewrite asks of two ways to quantize: are they equal for all values? Bytes run from `least` to
// `most`.
struct ByteRange {
  int32_t least, most, zero;
};
struct Affine32 {
  float factor, added;
};
bool is_same_quotient(float scale, const ByteRange& bytes, bool twice_as_long);  // x / s
bool is_same_product(float m, float s, float product, const ByteRange& bytes);   // (acc · m) / s
bool is_same_sum(const Affine32& is, float s, const Affine32& becomes,
                 const ByteRange& bytes);  // (acc · m + b) / s

}  // namespace tauto
