// The part of a vector program that decides which elements of its buffers it writes: its stores to them, with
// a constant in place of what they store, and all that their addresses, masks and repetition follow from.
#pragma once

#include "codegen/vector.h"

namespace tauto::proof {

vec::Program addresses_of(const vec::Program& p, size_t buffers, size_t arguments);

}  // namespace tauto::proof
