// Tensors, sequences and optionals as ONNX's messages, and the last two back.
#include "onnx/encode_tensor.h"

#include "onnx/import.h"

namespace tauto::onnx {
namespace {

int32_t kind_of(const Value& v) {
  switch (v.tag) {
    case Value::Tag::Tensor:
      return kTensorValue;
    case Value::Tag::Optional:
      return kOptionalValue;
    default:
      return kSequenceValue;
  }
}

// First element in the low bits.
std::string packed(const Tensor& t) {
  const size_t per_byte = 8 / t.type().bits, count = static_cast<size_t>(t.count());
  const uint8_t mask = static_cast<uint8_t>((1 << t.type().bits) - 1);
  std::string bytes((count + per_byte - 1) / per_byte, '\0');
  for (size_t i = 0; i < count; ++i) {
    const int bits = static_cast<const uint8_t*>(t.raw())[i] & mask;
    char& to = bytes[i / per_byte];
    to = static_cast<char>(static_cast<uint8_t>(to) | bits << (i % per_byte * t.type().bits));
  }
  return bytes;
}

}  // namespace

TensorProto proto_of(const Tensor& t, std::string_view name, Storage& storage) {
  CHECK(t.rep() == Rep::Exact);
  TensorProto p;
  p.name = storage.keep(std::string(name));
  p.data_type = data_type_of(t.type());
  p.dims = t.shape();
  if (t.type().is_string()) {
    for (const std::string& s : t.values<std::string>()) p.string_data.push_back(storage.keep(s));
  } else if (t.type().bits < 8) {
    p.raw_data = storage.keep(packed(t));
  } else {
    p.raw_data = storage.keep(
        std::string(static_cast<const char*>(t.raw()), static_cast<size_t>(t.count() > 0 ? t.bytes() : 0)));
  }
  return p;
}

SequenceProto sequence_proto_of(const Value& value, std::string_view name, Storage& storage) {
  CHECK(value.tag == Value::Tag::Sequence || value.tag == Value::Tag::Tuple);
  SequenceProto p;
  p.name = storage.keep(std::string(name));
  p.elem_type = value.parts.empty() ? int32_t{kTensorValue} : kind_of(value.parts[0]);
  for (const Value& v : value.parts) {
    if (kind_of(v) != p.elem_type) fail("sequence \"", name, "\": its elements are not of one kind");
    if (v.is_tensor())
      p.tensor_values.push_back(proto_of(v.tensor, "", storage));
    else if (p.elem_type == kOptionalValue)
      p.optional_values.push_back(optional_proto_of(v, "", storage));
    else
      p.sequence_values.push_back(sequence_proto_of(v, "", storage));
  }
  return p;
}

OptionalProto optional_proto_of(const Value& value, std::string_view name, Storage& storage) {
  CHECK(value.tag == Value::Tag::Optional);
  OptionalProto p;
  p.name = storage.keep(std::string(name));
  if (value.parts.empty()) return p;
  const Value& v = value.parts[0];
  p.elem_type = kind_of(v);
  if (v.is_tensor())
    p.tensor_value = proto_of(v.tensor, "", storage);
  else if (p.elem_type == kOptionalValue)
    p.optional_value = optional_proto_of(v, "", storage);
  else
    p.sequence_value = sequence_proto_of(v, "", storage);
  return p;
}

Value value_of(const SequenceProto& p, const std::shared_ptr<Storage>& storage) {
  std::vector<Value> parts;
  switch (p.elem_type) {
    case kTensorValue:
      for (const TensorProto& t : p.tensor_values) parts.push_back(tensor_of(t, storage));
      break;
    case kSequenceValue:
      for (const SequenceProto& s : p.sequence_values) parts.push_back(value_of(s, storage));
      break;
    case kOptionalValue:
      for (const OptionalProto& o : p.optional_values) parts.push_back(value_of(o, storage));
      break;
    case kNoValue:
      break;
    default:
      fail(storage->name, ": a sequence of ", p.elem_type == kMapValue ? "maps" : "sparse tensors",
           " is not supported");
  }
  return Value::sequence(std::move(parts));
}

Value value_of(const OptionalProto& p, const std::shared_ptr<Storage>& storage) {
  if (p.tensor_value) return Value::optional({tensor_of(*p.tensor_value, storage)});
  if (p.sequence_value) return Value::optional({value_of(*p.sequence_value, storage)});
  if (p.optional_value) return Value::optional({value_of(*p.optional_value, storage)});
  if (p.map_value || p.sparse_tensor_value)
    fail(storage->name, ": an optional ", p.map_value ? "map" : "sparse tensor", " is not supported");
  return Value::optional({});
}

}  // namespace tauto::onnx
