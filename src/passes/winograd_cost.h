// Where Winograd pays, in closed form.
#pragma once

#include "passes/winograd.h"

namespace tauto {

// How many times as fast as the convolution itself tiles of m × m are expected to be.
double winograd_gain(const PlainConvolution& c, int64_t m);
// The tile that is expected to be fastest, 2 or 4; 0: the convolution itself is.
int64_t winograd_tile(const PlainConvolution& c);

}  // namespace tauto
