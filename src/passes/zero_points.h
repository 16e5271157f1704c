// Takes zero points out of contractions of integers with constants. Contract: exact (integers wrap).
//
//   Σ (x − zx)·w = Σ x·v + m·Σ x − zx·Σ w        v = w − m: signed bytes
//
// so that the sum over x·v multiplies bytes, which CPUs do four at a time (schedule/dots.h). x: u8, or i8 as
// u8 moved by 128; w: whatever constants give values that lie within 255 of each other, m = 0 where they are
// signed bytes as they are; Σ w is a constant. Where x is read beyond its border, which a contraction leaves
// out, there stands zx now: a term of 0. The axis of four terms is filled up with such terms, too. Where there is no
// such axis, as in depthwise convolutions, the terms stay and w becomes bytes (words) that are widened where they are read.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module zero_points(const Module& m);

}  // namespace tauto
