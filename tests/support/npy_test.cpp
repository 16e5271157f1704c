// NumPy files: read(write(a)) = a for every type; headers as NumPy writes them are understood; hostile ones
// end in one Error.
#include "support/npy.h"

#include <gtest/gtest.h>

#include <random>

#include "support/error.h"

namespace tauto {
namespace {

std::string file(std::string header, std::string_view data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes.append(header).append(data);
}

std::string header(std::string_view descr, std::string_view shape, bool fortran = false) {
  return cat("{'descr': '", descr, "', 'fortran_order': ", fortran ? "True" : "False", ", 'shape': ", shape,
             ", }\n");
}

NpyArray read(std::string bytes) { return read_npy(own(std::move(bytes)), "x.npy"); }

std::string error_of(std::string bytes) {
  try {
    read(std::move(bytes));
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Npy, NumbersSurviveWritingAndReading) {
  for (const char* descr :
       {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"}) {
    const size_t size = static_cast<size_t>(std::stoi(descr + 2));
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{}, {3}, {2, 3}, {2, 0, 5}, {1, 2, 1, 2}}) {
      size_t count = 1;
      for (const int64_t d : shape) count *= static_cast<size_t>(d);
      std::string data(count * size, '\0');
      for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 37 + 1);
      const std::string bytes = write_npy({descr, shape, own(data), {}});
      EXPECT_EQ((bytes.size() - data.size()) % 64, 0u);
      const NpyArray array = read(bytes);
      EXPECT_EQ(array.descr, descr);
      EXPECT_EQ(array.shape, shape);
      EXPECT_EQ(array.data.text(), data);
      EXPECT_EQ(write_npy(array), bytes);
    }
  }
}

TEST(Npy, StringsSurviveWritingAndReading) {
  const std::vector<std::string> texts = {
      "", "a", "zoë", "ταὐτό", "\xf0\x9f\x90\x8d", "a\0b" + std::string()};
  NpyArray array = read(write_npy({"<U", {2, 3}, {}, texts}));
  EXPECT_EQ(array.descr, "<U5");
  EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(array.strings, texts);
  const std::vector<std::string> bytes = {"\xff\xfe", std::string("a\0b", 3), ""};
  array = read(write_npy({"|S", {3}, {}, bytes}));
  EXPECT_EQ(array.descr, "|S3");
  EXPECT_EQ(array.strings, bytes);
  EXPECT_EQ(read(write_npy({"<U", {0}, {}, {}})).strings.size(), 0u);

  for (const char* bad : {"\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"})
    EXPECT_THROW(write_npy({"<U", {1}, {}, {bad}}), Error) << bad;
  EXPECT_THROW(write_npy({"|S", {1}, {}, {std::string("a\0", 2)}}), Error);
}

TEST(Npy, HeadersOfAllVersionsAndWritersAreRead) {
  for (const int version : {1, 2, 3}) {
    const NpyArray array = read(file(header("<i2", "(2,)"), "abcd", version));
    EXPECT_EQ(array.shape, std::vector<int64_t>{2});
    EXPECT_EQ(array.data.text(), "abcd");
  }
  EXPECT_EQ(read(file("{\"shape\":(1L,2L),\"fortran_order\":False,\"descr\":\"|u1\"}", "ab")).shape,
            (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(read(file(header("=i2", "()"), "ab")).descr, "<i2");
  EXPECT_EQ(read(file(header("<u1", "()"), "a")).descr, "|u1");
  EXPECT_EQ(read(file(header(">u1", "()"), "a")).descr, "|u1");
}

TEST(Npy, FortranOrderBecomesCOrder) {
  EXPECT_EQ(read(file(header("|u1", "(2, 3)", true), "adbecf")).data.text(), "abcdef");
  EXPECT_EQ(read(file(header("<i2", "(2, 2)", true), "AaCcBbDd")).data.text(), "AaBbCcDd");
  EXPECT_EQ(read(file(header("|S1", "(2, 2)", true), "acbd")).strings,
            (std::vector<std::string>{"a", "b", "c", "d"}));
  // Against the definition: element (i, j, k) lies at i + 2 (j + 3 k).
  std::string data(24, '\0');
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k)
        data[static_cast<size_t>(i + 2 * (j + 3 * k))] = static_cast<char>(100 * i + 10 * j + k);
  const NpyArray array = read(file(header("|u1", "(2, 3, 4)", true), data));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k)
        EXPECT_EQ(array.data.span[static_cast<size_t>((i * 3 + j) * 4 + k)], 100 * i + 10 * j + k);
  EXPECT_TRUE(read(file(header("|u1", "(2, 0, 3)", true), "")).data.empty());
}

TEST(Npy, ErrorsSayWhatIsWrong) {
  const auto typed = [](std::string_view descr) { return error_of(file(header(descr, "(1,)"), "abcdefgh")); };
  EXPECT_EQ(error_of(""), "x.npy: not a NumPy array: it does not begin with \\x93NUMPY");
  EXPECT_EQ(error_of("\x93NUMPY\x01"), "x.npy: not a NumPy array: the header is cut off");
  EXPECT_EQ(error_of(file("", "", 4)),
            "x.npy: not a NumPy array: required format version 1, 2 or 3, given 4");
  EXPECT_EQ(error_of("\x93NUMPY\x02" + std::string(1, '\0') + "\xff\xff\xff\xff{}"),
            "x.npy: not a NumPy array: the header of 4294967295 bytes runs past the end, 2 bytes are left");
  EXPECT_EQ(typed("|V2"),
            "x.npy: raw elements have no number type (bfloat16 is written so), given element type \"|V2\"");
  EXPECT_EQ(typed(">f4"), "x.npy: required little-endian numbers, given element type \">f4\"");
  EXPECT_EQ(typed("|O8"),
            "x.npy: pickled Python objects are refused: they run code when read, given element type \"|O8\"");
  EXPECT_EQ(
      typed("<f3"),
      "x.npy: required bool, int, uint, float16/32/64, complex64/128 or strings, given element type \"<f3\"");
  EXPECT_EQ(
      typed("<m8"),
      "x.npy: required bool, int, uint, float16/32/64, complex64/128 or strings, given element type \"<m8\"");
  EXPECT_EQ(typed("<M8[ns]"), "x.npy: required a kind and a size, given element type \"<M8[ns]\"");
  EXPECT_EQ(typed("<U99999999999999999999"),
            "x.npy: required a size below 10^9, given element type \"<U99999999999999999999\"");
  EXPECT_EQ(typed(""), "x.npy: required a byte order, a kind and a size, given element type \"\"");
  EXPECT_EQ(typed("f4"), "x.npy: required a byte order, given element type \"f4\"");

  const auto shaped = [](std::string_view shape) { return error_of(file(header("<f4", shape), "abcdefgh")); };
  const std::string prefix = "x.npy: not a NumPy array: ";
  EXPECT_EQ(shaped("(3,)"), prefix + "shape [3] of \"<f4\" required 12 bytes of data, given 8");
  EXPECT_EQ(shaped("(1,)"), prefix + "shape [1] of \"<f4\" required 4 bytes of data, given 8");
  EXPECT_EQ(shaped("(1000000000, 1000000000, 1000000000)"),
            prefix + "shape [1000000000, 1000000000, 1000000000] of \"<f4\" is too large");
  EXPECT_EQ(shaped("(-1,)"), prefix + "header: required dimensions of 0 or more, given \"-1,), }\n\"");
  EXPECT_EQ(shaped("(9999999999999999999,)"), prefix + "header: a dimension has more than 18 digits");
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1,";
  EXPECT_EQ(shaped(many + ")"), prefix + "header: required at most 64 dimensions");
  EXPECT_EQ(shaped("[1]"), prefix + "header: required '(', given \"[1], }\n\"");

  EXPECT_EQ(error_of(file("{'descr': '<f4'}", "")),
            prefix + "header: required the keys descr, fortran_order and shape, one is missing");
  EXPECT_EQ(error_of(file("{'descr': '<f4', 'descr': '<f4'}", "")),
            prefix + "header: the key \"descr\" is given twice");
  EXPECT_EQ(error_of(file("{'evil': 1}", "")),
            prefix + "header: required the keys descr, fortran_order and shape, given \"evil\"");
  EXPECT_EQ(error_of(file("{'descr': [('a', '<f4')]}", "")),
            prefix + "header: record arrays are not supported");
  EXPECT_EQ(error_of(file("{'descr': '<f4", "")), prefix + "header: required a quoted text, given \"'<f4\"");
  EXPECT_EQ(error_of(file("{'fortran_order': 1}", "")),
            prefix + "header: required True or False, given \"1}\"");
  EXPECT_EQ(error_of(file(header("<f4", "()") + "import os", "abcd")),
            prefix + "header: text follows the dictionary");
  EXPECT_EQ(error_of(file(header("<U0", "(100000000000000000,)"), "")),
            prefix + "required strings of at least one character, given \"<U0\"");
  EXPECT_EQ(error_of(file(header("<U1", "()"), std::string("\0\0\x11\0", 4))),
            prefix + "1114112 is no Unicode character");
}

TEST(Npy, MutantsAreAnErrorOrAnArray) {
  constexpr uint32_t kSeed = 4;
  std::mt19937 random(kSeed);
  const std::string originals[] = {file(header("<f4", "(2, 3)", true), std::string(24, 'x')),
                                   write_npy({"<U", {2}, {}, {"ab", "c"}}),
                                   write_npy({"|u1", {4}, own(std::string("abcd")), {}})};
  size_t good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = originals[i % 3];
    for (uint32_t edits = 1 + random() % 2; edits > 0; --edits) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = "0123456789,()'<>| TFUSfiu"[random() % 25];
          break;
        case 2:
          bytes.resize(at + 1);
          break;
      }
    }
    try {
      const NpyArray array = read(bytes);
      ++good;
      EXPECT_EQ(read(write_npy(array)).strings, array.strings) << "seed " << kSeed << ", mutant " << i;
    } catch (const Error&) {  // also: characters that the writer cannot keep
    }
  }
  EXPECT_GT(good, 1000u);
  EXPECT_LT(good, 19000u);
}

}  // namespace
}  // namespace tauto
