// One table says how ONNX stores each element type; the decoder below has one function per way of storing.
// Sizes are checked before anything is allocated: no more than 8 bytes per byte stored.
#include "onnx/decode_tensor.h"

#include <charconv>
#include <cstring>

#include "support/error.h"

namespace tauto::onnx {
namespace {

// Which typed field ONNX prescribes for an element type (onnx.proto, comments of TensorProto).
enum class Field { kNone, kFloat, kInt32, kString, kInt64, kDouble, kUint64 };

struct TypeInfo {
  const char* name;
  int bits;
  Field field;
  bool is_signed = false;
};

constexpr TypeInfo kTypes[] = {
    {"undefined", 0, Field::kNone},       {"float32", 32, Field::kFloat},
    {"uint8", 8, Field::kInt32},          {"int8", 8, Field::kInt32, true},
    {"uint16", 16, Field::kInt32},        {"int16", 16, Field::kInt32, true},
    {"int32", 32, Field::kInt32, true},   {"int64", 64, Field::kInt64, true},
    {"string", 0, Field::kString},        {"bool", 8, Field::kInt32},
    {"float16", 16, Field::kInt32},       {"float64", 64, Field::kDouble},
    {"uint32", 32, Field::kUint64},       {"uint64", 64, Field::kUint64},
    {"complex64", 64, Field::kFloat},     {"complex128", 128, Field::kDouble},
    {"bfloat16", 16, Field::kInt32},      {"float8e4m3fn", 8, Field::kInt32},
    {"float8e4m3fnuz", 8, Field::kInt32}, {"float8e5m2", 8, Field::kInt32},
    {"float8e5m2fnuz", 8, Field::kInt32}, {"uint4", 4, Field::kInt32},
    {"int4", 4, Field::kInt32, true},     {"float4e2m1", 4, Field::kInt32},
    {"float8e8m0", 8, Field::kInt32},     {"uint2", 2, Field::kInt32},
    {"int2", 2, Field::kInt32, true},
};
constexpr int32_t kTypeCount = static_cast<int32_t>(std::size(kTypes));

class Decoder {
 public:
  Decoder(const TensorProto& tensor, const std::shared_ptr<Storage>& storage)
      : t_(tensor), storage_(storage), info_(kTypes[0]) {}

  DecodedTensor run() {
    if (t_.data_type <= 0 || t_.data_type >= kTypeCount)
      error("required a defined element type, given ", data_type_name(t_.data_type));
    info_ = kTypes[t_.data_type];
    if (!t_.segment.empty()) error("tensors stored in segments are not supported");
    try {
      count_ = element_count(t_.dims);
    } catch (const Error& e) {
      error(e.what());
    }
    DecodedTensor result{t_.data_type, t_.dims, {}, {}};
    if (info_.field == Field::kString)
      result.strings = strings();
    else
      result.bytes = bytes();
    return result;
  }

 private:
  template <class... A>
  [[noreturn]] void error(const A&... a) const {
    fail(storage_->name, ": tensor \"", t_.name, "\": ", cat(a...));
  }

  std::string type_text() const { return cat(info_.name, std::span<const int64_t>(t_.dims)); }

  void require(std::string_view unit, uint64_t required, uint64_t given) const {
    if (required != given) error(type_text(), " required ", required, " ", unit, ", given ", given);
  }

  // Bytes that `count_` elements take in raw form, sub-byte ones packed.
  uint64_t packed_size() const {
    if (count_ > (uint64_t{1} << 62) / 16) error(type_text(), " is too large");
    return (count_ * static_cast<uint64_t>(info_.bits) + 7) / 8;
  }

  bool has_typed_data() const {
    return !(t_.float_data.empty() && t_.int32_data.empty() && t_.string_data.empty() &&
             t_.int64_data.empty() && t_.double_data.empty() && t_.uint64_data.empty());
  }

  std::vector<std::string> strings() const {
    if (t_.data_location == TensorProto::kExternal || !t_.raw_data.empty())
      error("required string_data for strings, given ", t_.raw_data.empty() ? "external data" : "raw_data");
    require("strings", count_, t_.string_data.size());
    return {t_.string_data.begin(), t_.string_data.end()};
  }

  Bytes bytes() const {
    if (t_.data_location == TensorProto::kExternal) return from_packed(external());
    if (t_.data_location != TensorProto::kDefault)
      error("required data_location 0 or 1, given ", t_.data_location);
    if (!t_.raw_data.empty()) {
      if (has_typed_data()) error("required raw_data or typed data, given both");
      require("bytes of raw_data", packed_size(), t_.raw_data.size());
      return from_packed(
          {storage_, {reinterpret_cast<const uint8_t*>(t_.raw_data.data()), t_.raw_data.size()}});
    }
    switch (info_.field) {
      case Field::kFloat:
        return words(t_.float_data, "float_data");
      case Field::kDouble:
        return words(t_.double_data, "double_data");
      case Field::kInt32:
        return from_int32();
      case Field::kInt64:
        return numbers<int64_t>(t_.int64_data, "int64_data");
      default:
        return t_.data_type == kUint32 ? numbers<uint32_t>(t_.uint64_data, "uint64_data")
                                       : numbers<uint64_t>(t_.uint64_data, "uint64_data");
    }
  }

  // Packed floats and doubles lie in the file as they lie in memory.
  template <class T>
  Bytes words(const Packed<T>& field, const char* name) const {
    const uint64_t per_element = static_cast<uint64_t>(info_.bits) / (8 * sizeof(T));  // 2 if complex
    packed_size();
    require(cat("values in ", name), count_ * per_element, field.count());
    return {storage_, {reinterpret_cast<const uint8_t*>(field.wire.data()), field.wire.size()}};
  }

  template <class To, class T>
  Bytes numbers(const Packed<T>& field, const char* name) const {
    require(cat("values in ", name), count_, field.count());
    std::vector<uint8_t> bytes(count_ * sizeof(To));
    size_t at = 0;
    for (const T v : field.values()) {
      const To to = static_cast<To>(v);
      if (static_cast<T>(to) != v) error("value ", v, " of ", name, " does not fit ", info_.name);
      std::memcpy(bytes.data() + at, &to, sizeof(To));
      at += sizeof(To);
    }
    return own(std::move(bytes));
  }

  // int32_data hold every type of at most 32 bits that has no field of its own: one element per value, except
  // that below 8 bits a value is one byte of the packed form. Writers disagree on the sign of the bits.
  Bytes from_int32() const {
    if (info_.bits == 32) return numbers<int32_t>(t_.int32_data, "int32_data");
    const size_t width = info_.bits == 16 ? 2 : 1;
    const uint64_t size = packed_size();
    require("values in int32_data", size / width, t_.int32_data.count());
    std::vector<uint8_t> bytes(size);
    uint8_t* to = bytes.data();
    const int32_t limit = 1 << (8 * width);
    for (const int32_t v : t_.int32_data.values()) {
      if (v < -limit / 2 || v >= limit) error("value ", v, " of int32_data does not fit ", info_.name);
      const uint16_t bits = static_cast<uint16_t>(v);
      std::memcpy(to, &bits, width);
      to += width;
    }
    return from_packed(own(std::move(bytes)));
  }

  // From the stored form to the decoded one: the same bytes, except for bools that are not 0 or 1 and for
  // elements below 8 bits, which are stored from the low bits up.
  Bytes from_packed(Bytes stored) const {
    if (t_.data_type == kBool) {
      bool clean = true;
      for (const uint8_t b : stored.span) clean = clean && b <= 1;
      if (clean) return stored;
      std::vector<uint8_t> bools(stored.span.begin(), stored.span.end());
      for (uint8_t& b : bools) b = b != 0;
      return own(std::move(bools));
    }
    if (info_.bits >= 8) return stored;
    const size_t per_byte = 8 / static_cast<size_t>(info_.bits);
    std::vector<uint8_t> bytes(count_);
    for (size_t i = 0; i < count_; ++i) {
      const int shift = static_cast<int>(i % per_byte) * info_.bits;
      const uint8_t high = static_cast<uint8_t>(stored.span[i / per_byte] << (8 - info_.bits - shift));
      bytes[i] = info_.is_signed ? static_cast<uint8_t>(static_cast<int8_t>(high) >> (8 - info_.bits))
                                 : static_cast<uint8_t>(high >> (8 - info_.bits));
    }
    return own(std::move(bytes));
  }

  Bytes external() const {
    if (!t_.raw_data.empty() || has_typed_data())
      error("required external data only, given data in the tensor too");
    std::string_view location;
    uint64_t offset = 0, length = packed_size();
    for (const auto& [key, value] : t_.external_data) {
      if (key == "location") location = value;
      if (key == "offset") offset = number(key, value);
      if (key == "length") require("bytes of external data", packed_size(), number(key, value));
    }
    const Bytes* file = nullptr;
    try {
      file = &storage_->external(location);
    } catch (const Error& e) {
      error("external data: ", e.what());
    }
    if (offset > file->size() || length > file->size() - offset)
      error("external data: ", type_text(), " required ", length, " bytes at offset ", offset,
            ", given a file \"", location, "\" of ", file->size(), " bytes");
    return file->slice(offset, length);
  }

  uint64_t number(std::string_view key, std::string_view value) const {
    uint64_t v = 0;
    const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), v);
    if (status != std::errc() || end != value.data() + value.size())
      error("external data: required a number for ", key, ", given \"", value, "\"");
    return v;
  }

  const TensorProto& t_;
  const std::shared_ptr<Storage>& storage_;
  TypeInfo info_;
  size_t count_ = 0;
};

}  // namespace

std::string data_type_name(int32_t data_type) {
  if (data_type < 0 || data_type >= kTypeCount) return cat("type ", data_type);
  return kTypes[data_type].name;
}

int data_type_bits(int32_t data_type) {
  return data_type < 0 || data_type >= kTypeCount ? 0 : kTypes[data_type].bits;
}

size_t element_count(std::span<const int64_t> dims) {
  constexpr uint64_t kMax = uint64_t{1} << 62;
  uint64_t count = 1;
  bool zero = false;
  for (const int64_t d : dims) {
    if (d < 0) fail("required dimensions of 0 or more, given ", dims);
    zero = zero || d == 0;
  }
  if (zero) return 0;
  for (const int64_t d : dims) {
    if (static_cast<uint64_t>(d) > kMax / count) fail("dimensions ", dims, " have more than 2^62 elements");
    count *= static_cast<uint64_t>(d);
  }
  return count;
}

DecodedTensor decode_tensor(const TensorProto& tensor, const std::shared_ptr<Storage>& storage) {
  return Decoder(tensor, storage).run();
}

}  // namespace tauto::onnx
