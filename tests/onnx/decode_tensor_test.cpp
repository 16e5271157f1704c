// Tensor values: each element type gives the same bytes from raw data, typed data and an external file; sizes
// that do not match the dimensions, and files that are not the model's, are refused.
#include "onnx/decode_tensor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <protozero/buffer_string.hpp>
#include <protozero/varint.hpp>

#include "support/error.h"

namespace tauto::onnx {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Storage> storage(std::string folder = "") {
  return std::make_shared<Storage>(Bytes{}, "m.onnx", std::move(folder));
}

TensorProto tensor(int32_t type, std::vector<int64_t> dims) {
  TensorProto t;
  t.name = "w";
  t.data_type = type;
  t.dims = std::move(dims);
  return t;
}

std::string error_of(const TensorProto& t, const std::shared_ptr<Storage>& s = storage()) {
  try {
    decode_tensor(t, s);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

template <class T>
std::string wire(std::initializer_list<T> values) {
  std::string bytes;
  for (const T v : values) {
    if constexpr (std::is_floating_point_v<T>)
      bytes.append(reinterpret_cast<const char*>(&v), sizeof(T));
    else
      protozero::add_varint_to_buffer(&bytes, static_cast<uint64_t>(static_cast<int64_t>(v)));
  }
  return bytes;
}

TEST(DecodeTensor, TypedAndRawDataAgree) {
  struct Case {
    int32_t type;
    int64_t count;
    std::string typed;  // wire bytes of the field
    std::string raw;
  };
  using std::string_literals::operator""s;
  const Case cases[] = {
      {kFloat, 2, wire({1.0f, -2.0f}), "\0\0\x80\x3f\0\0\0\xc0"s},
      {kComplex64, 1, wire({1.0f, -2.0f}), "\0\0\x80\x3f\0\0\0\xc0"s},
      {kDouble, 1, wire({1.0}), "\0\0\0\0\0\0\xf0\x3f"s},
      {kComplex128, 1, wire({1.0, 0.0}), "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\0"s},
      {kUint8, 3, wire({0, 255, 128}), "\0\xff\x80"s},
      {kInt8, 3, wire({0, -1, -128}), "\0\xff\x80"s},
      {kUint16, 2, wire({0x1234, 65535}), "\x34\x12\xff\xff"s},
      {kInt16, 2, wire({-2, -32768}), "\xfe\xff\0\x80"s},
      {kInt32, 2, wire({-2, 7}), "\xfe\xff\xff\xff\x07\0\0\0"s},
      {kInt64, 1, wire({int64_t{-2}}), "\xfe\xff\xff\xff\xff\xff\xff\xff"s},
      {kUint32, 1, wire({uint64_t{0xfffffffe}}), "\xfe\xff\xff\xff"s},
      {kUint64, 1, wire({~uint64_t{1}}), "\xfe\xff\xff\xff\xff\xff\xff\xff"s},
      {kBool, 3, wire({0, 1, 1}), "\0\x01\x01"s},
      {kFloat16, 2, wire({0x3c00, 0xc000}), "\0\x3c\0\xc0"s},
      {kBfloat16, 2, wire({0x3f80, 0xc000}), "\x80\x3f\0\xc0"s},
      {kFloat8e4m3fn, 2, wire({0x38, 0xff}), "\x38\xff"s},
      {kFloat8e4m3fnuz, 2, wire({0x38, 0x80}), "\x38\x80"s},
      {kFloat8e5m2, 2, wire({0x3c, 0xfc}), "\x3c\xfc"s},
      {kFloat8e5m2fnuz, 2, wire({0x3c, 0x80}), "\x3c\x80"s},
      {kFloat8e8m0, 2, wire({127, 255}), "\x7f\xff"s},
  };
  for (const Case& c : cases) {
    TensorProto typed = tensor(c.type, {c.count}), raw = typed;
    raw.raw_data = c.raw;
    (c.type == kFloat || c.type == kComplex64     ? typed.float_data.wire
     : c.type == kDouble || c.type == kComplex128 ? typed.double_data.wire
     : c.type == kInt64                           ? typed.int64_data.wire
     : c.type == kUint32 || c.type == kUint64     ? typed.uint64_data.wire
                                                  : typed.int32_data.wire) = c.typed;
    const std::shared_ptr<Storage> s = storage();
    EXPECT_EQ(decode_tensor(raw, s).bytes.text(), c.raw) << data_type_name(c.type);
    EXPECT_EQ(decode_tensor(typed, s).bytes.text(), c.raw) << data_type_name(c.type);
    EXPECT_EQ(c.raw.size() * 8, static_cast<size_t>(c.count * data_type_bits(c.type)));
    for (TensorProto wrong : {raw, typed}) {
      wrong.dims = {c.count + 1};
      EXPECT_NE(error_of(wrong, s).find("required"), std::string::npos) << data_type_name(c.type);
    }
  }
}

TEST(DecodeTensor, SubByteElementsTakeAByteEach) {
  using Values = std::vector<int>;
  const auto decode = [](int32_t type, int64_t count, std::string_view packed, bool typed) {
    TensorProto t = tensor(type, {count});
    std::string numbers;
    for (const char c : packed) protozero::add_varint_to_buffer(&numbers, static_cast<uint8_t>(c));
    (typed ? t.int32_data.wire : t.raw_data) = typed ? std::string_view(numbers) : packed;
    const DecodedTensor d = decode_tensor(t, storage());
    Values values;
    for (const uint8_t b : d.bytes.span)
      values.push_back(type == kInt4 || type == kInt2 ? static_cast<int8_t>(b) : b);
    return values;
  };
  for (const bool typed : {false, true}) {
    EXPECT_EQ(decode(kUint4, 3, "\xf1\x08", typed), (Values{1, 15, 8}));  // low bits first
    EXPECT_EQ(decode(kInt4, 3, "\xf1\x08", typed), (Values{1, -1, -8}));
    EXPECT_EQ(decode(kFloat4e2m1, 4, "\xf1\x87", typed), (Values{1, 15, 7, 8}));
    EXPECT_EQ(decode(kUint2, 5, "\xe4\x02", typed), (Values{0, 1, 2, 3, 2}));
    EXPECT_EQ(decode(kInt2, 5, "\xe4\x02", typed), (Values{0, 1, -2, -1, -2}));
  }
  TensorProto t = tensor(kInt4, {5});
  t.raw_data = "ab";
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": int4[5] required 3 bytes of raw_data, given 2");
}

TEST(DecodeTensor, BoolsAreZeroOrOne) {
  TensorProto t = tensor(kBool, {3});
  t.raw_data = std::string_view("\0\x02\xff", 3);
  EXPECT_EQ(decode_tensor(t, storage()).bytes.text(), std::string_view("\0\1\1", 3));
}

TEST(DecodeTensor, StringsAreBytes) {
  TensorProto t = tensor(kString, {2, 1});
  t.string_data = {"a", std::string_view("\xff\0", 2)};
  EXPECT_EQ(decode_tensor(t, storage()).strings, (std::vector<std::string>{"a", std::string("\xff\0", 2)}));
  t.dims = {3};
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": string[3] required 3 strings, given 2");
  t.raw_data = "abc";
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": required string_data for strings, given raw_data");
}

TEST(DecodeTensor, RawDataAreNotCopied) {
  const std::string weights = "12345678";
  TensorProto t = tensor(kFloat, {2});
  t.raw_data = weights;
  EXPECT_EQ(decode_tensor(t, storage()).bytes.text().data(), weights.data());
}

TEST(DecodeTensor, DimensionsAreCheckedBeforeMemoryIsTaken) {
  const auto error = [](std::vector<int64_t> dims) { return error_of(tensor(kUint8, std::move(dims))); };
  EXPECT_EQ(error({}), "m.onnx: tensor \"w\": uint8[] required 1 values in int32_data, given 0");
  EXPECT_EQ(error({2, -1}), "m.onnx: tensor \"w\": required dimensions of 0 or more, given [2, -1]");
  EXPECT_EQ(error({int64_t{1} << 32, int64_t{1} << 32}),
            "m.onnx: tensor \"w\": dimensions [4294967296, 4294967296] have more than 2^62 elements");
  EXPECT_EQ(error({int64_t{1} << 60}), "m.onnx: tensor \"w\": uint8[1152921504606846976] is too large");
  EXPECT_EQ(error({int64_t{1} << 50}),
            "m.onnx: tensor \"w\": uint8[1125899906842624] required 1125899906842624 values in int32_data, "
            "given 0");
  EXPECT_EQ(error({int64_t{1} << 60, int64_t{1} << 60, 0}), "no error");
  EXPECT_EQ(error({0, -1}), "m.onnx: tensor \"w\": required dimensions of 0 or more, given [0, -1]");
}

TEST(DecodeTensor, ValuesMustFitTheirType) {
  TensorProto t = tensor(kInt8, {1});
  const std::string big = wire({256}), small = wire({-129});
  t.int32_data.wire = big;
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": value 256 of int32_data does not fit int8");
  t.int32_data.wire = small;
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": value -129 of int32_data does not fit int8");
  t = tensor(kUint32, {1});
  const std::string huge = wire({int64_t{1} << 32});
  t.uint64_data.wire = huge;
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": value 4294967296 of uint64_data does not fit uint32");
}

TEST(DecodeTensor, IllFormedTensorsAreRefused) {
  EXPECT_EQ(error_of(tensor(0, {})),
            "m.onnx: tensor \"w\": required a defined element type, given undefined");
  EXPECT_EQ(error_of(tensor(-4, {})), "m.onnx: tensor \"w\": required a defined element type, given type -4");
  EXPECT_EQ(error_of(tensor(27, {})), "m.onnx: tensor \"w\": required a defined element type, given type 27");
  TensorProto t = tensor(kUint8, {1});
  t.raw_data = "a";
  t.int64_data.wire = "b";
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": required raw_data or typed data, given both");
  t.segment = "\x08\x01";
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": tensors stored in segments are not supported");
  t = tensor(kUint8, {1});
  t.data_location = 2;
  EXPECT_EQ(error_of(t), "m.onnx: tensor \"w\": required data_location 0 or 1, given 2");
}

TEST(DecodeTensor, ExternalDataAreMappedAndChecked) {
  std::string pattern = (fs::temp_directory_path() / "tauto_decode_XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::string folder = pattern;
  write_file(folder + "/w.bin", "0123456789");
  const std::shared_ptr<Storage> s = storage(folder);
  const auto external = [](int64_t count, Metadata entries) {
    TensorProto t = tensor(kInt16, {count});
    t.data_location = TensorProto::kExternal;
    t.external_data = std::move(entries);
    return t;
  };
  const auto text = [&](const TensorProto& t) { return decode_tensor(t, s).bytes.text(); };
  const std::string prefix = "m.onnx: tensor \"w\": ";

  EXPECT_EQ(text(external(2, {{"location", "w.bin"}})), "0123");
  EXPECT_EQ(text(external(2, {{"location", "w.bin"}, {"offset", "6"}, {"length", "4"}})), "6789");
  EXPECT_EQ(text(external(0, {{"location", "w.bin"}, {"offset", "10"}})), "");
  EXPECT_EQ(text(external(1, {{"location", "w.bin"}})).data(),
            text(external(2, {{"location", "w.bin"}})).data());
  EXPECT_EQ(
      error_of(external(2, {{"location", "w.bin"}, {"offset", "7"}}), s),
      prefix + "external data: int16[2] required 4 bytes at offset 7, given a file \"w.bin\" of 10 bytes");
  EXPECT_EQ(error_of(external(2, {{"location", "w.bin"}, {"length", "5"}}), s),
            prefix + "int16[2] required 4 bytes of external data, given 5");
  EXPECT_EQ(error_of(external(2, {{"location", "w.bin"}, {"offset", "18446744073709551615"}}), s),
            prefix +
                "external data: int16[2] required 4 bytes at offset 18446744073709551615, given a file "
                "\"w.bin\" of 10 bytes");
  for (const char* bad : {"-1", "", "1e3", "0x10", "99999999999999999999"})
    EXPECT_EQ(error_of(external(2, {{"location", "w.bin"}, {"offset", bad}}), s),
              prefix + "external data: required a number for offset, given \"" + bad + "\"");
  EXPECT_EQ(error_of(external(2, {}), s), prefix + "external data: path \"\" is empty");
  EXPECT_EQ(
      error_of(external(2, {{"location", "../w.bin"}}), s),
      prefix + "external data: path \"../w.bin\" contains \"..\"; required a path inside the model's folder");
  EXPECT_EQ(
      error_of(external(2, {{"location", "w.bin"}})),
      prefix + "external data: path \"w.bin\": a model read from memory has no folder for external data");
  TensorProto both = external(2, {{"location", "w.bin"}});
  both.raw_data = "abcd";
  EXPECT_EQ(error_of(both, s), prefix + "required external data only, given data in the tensor too");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tauto::onnx
