// Sequences: the type of one element, positions.
#pragma once

#include "graph/op.h"

namespace tauto {

// The element type of sequence input i; refuses anything else. Symbols which stand for "differs from element
// to element" (the builder's own ones) are replaced by fresh ones, so each element may have another value.
Type sequence_element(const TypeContext& c, int i);

// position, counted from the end when negative; `room` is how many positions there are.
int64_t sequence_position(const EvalContext& c, int64_t position, int64_t room);

// A value's type as far as the value tells, checked against the type which the graph states for it.
void require_element_of(const TypeContext& c, const Type& element, int i);

}  // namespace tauto
