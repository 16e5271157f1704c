// The value of a TensorProto, whichever of ONNX's eight ways it is stored in: raw bytes, typed fields or an
// external file. What is stored as fixed-width bytes is not copied.
#pragma once

#include "onnx/proto.h"

namespace tauto::onnx {

struct DecodedTensor {
  int32_t data_type = kUndefined;
  std::vector<int64_t> dims;  // none negative
  // The elements in row-major order, little-endian, at any alignment (see `aligned`); for a string tensor
  // empty. 4-bit and 2-bit elements take a byte each: int4 and int2 sign-extended, the others zero-extended.
  // Bools are 0 or 1; complex numbers are (real, imaginary) pairs.
  Bytes bytes;
  std::vector<std::string> strings;
};

// "float32", "uint4" ...; "type 99" for a number that ONNX does not define.
std::string data_type_name(int32_t data_type);
// Bits of one element; 0 for strings and undefined types.
int data_type_bits(int32_t data_type);

// The product of the dimensions. Error: one is negative, or the product exceeds 2^62.
size_t element_count(std::span<const int64_t> dims);

// `storage` is what came with the tensor: it names the file in errors, leads to external data, and is kept
// alive by the result. Error: undefined type, bytes that do not match the dimensions, external data that are
// missing or lie outside the model's folder.
DecodedTensor decode_tensor(const TensorProto& tensor, const std::shared_ptr<Storage>& storage);

}  // namespace tauto::onnx
