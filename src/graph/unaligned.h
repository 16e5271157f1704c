// Weights as they lie in a file: at any address.
//
// A model's file is mapped, not read, but its format puts tensors wherever they come to lie; a copy of all
// that are not at a multiple of their element's size would be most of a model's memory, and kernels read
// packed copies anyway. So the big tensors of an imported graph's constants may lie at any address. Whoever
// reads their elements (not their bytes) asks `aligned` for them first; the copy is made then, once.
#pragma once

#include "graph/tensor.h"
#include "support/file.h"

namespace tauto {

// The bytes, of the size that type and shape ask for, as a tensor. Not for strings. Small ones are copied.
Tensor tensor_in(const Bytes& bytes, ElementType type, Shape shape);

// The same elements at a multiple of their size: t itself, or the copy, which lives as long as the bytes do.
Tensor aligned(const Tensor& t);

}  // namespace tauto
