// A tensor as ONNX stores it, the inverse of tensor_of (onnx/import.h).
#pragma once

#include "graph/tensor.h"
#include "onnx/proto.h"

namespace tauto::onnx {

// raw_data (string_data for strings) that `storage` keeps. Elements below 8 bits are packed.
TensorProto proto_of(const Tensor& tensor, std::string_view name, Storage& storage);

// Values that are no plain tensors; a sequence's or optional's element kind is that of its first value.
SequenceProto sequence_proto_of(const Value& value, std::string_view name, Storage& storage);
OptionalProto optional_proto_of(const Value& value, std::string_view name, Storage& storage);

// And back. Maps and sparse tensors are refused by name.
Value value_of(const SequenceProto& proto, const std::shared_ptr<Storage>& storage);
Value value_of(const OptionalProto& proto, const std::shared_ptr<Storage>& storage);

}  // namespace tauto::onnx
