// Runs a kernel on memory, tensor expressions and scheduled loops alike: the oracle between the graph
// interpreter and machine code.
#pragma once

#include <cstdint>
#include <span>

#include "loops/loops.h"

namespace tauto::loops {

// `buffers`: one address per argument, of layout.elements elements each, aligned or not; `symbols`: values in
// the kernel's order. Error: an index outside its buffer, an element read that was never written (of
// allocated buffers), a divisor that is not positive.
void evaluate(const Kernel& k, std::span<void* const> buffers, std::span<const int64_t> symbols);

// Elements of the whole allocation of an argument, padding included.
int64_t elements_of(const Kernel& k, const Buffer& b, std::span<const int64_t> symbols);

}  // namespace tauto::loops
