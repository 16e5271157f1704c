// Tensors as NumPy's arrays (support/npy.h) and back.
//
// NumPy's files lack some element types: bf16 and 8-bit floats are stored as unsigned integers with the same
// bits, i4 and i2 as i8, u4, u2 and f4e2m1 as u8; which is meant, the declared type says.
#pragma once

#include "graph/type.h"
#include "support/npy.h"

namespace tauto {

// As the array names it.
ElementType element_of(const NpyArray& a);

// `where` begins the errors.
Tensor tensor_of(const NpyArray& a, const Type& declared, const std::string& where);

NpyArray array_of(const Tensor& t);

}  // namespace tauto
