// Flush-to-zero as a rewrite: wherever f32 arithmetic could read or make a number below 2^-126, a zero of its
// sign stands instead.
//
//   flush(x) = where(|x| < 2^-126, x · 0, x)
//
// It is put behind the parameters and constants of a function and behind every node that rounds. So it is a
// graph like any other: the interpreter, the compiler and proofs know nothing of it, and it says the same on
// every machine. (Processors differ: x86 looks whether a result is tiny after rounding, ARM before; and their
// mode would reach into elementary functions, whose trees are made with denormals. Inside a contraction or
// an elementary function nothing is flushed.)
//
// Contract: rounding: each flushed value changes by less than 2^-126, to be propagated like any rounding.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module flush_to_zero(const Module& m);

}  // namespace tauto
