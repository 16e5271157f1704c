// NumPy's array files. Format: numpy.lib.format ("NEP 1"), versions 1 to 3. The bytes need not be trusted:
// whatever they hold, reading gives an array or one Error, and takes memory in proportion to them.
//
// Read and written are little-endian bool, int, uint, float and complex arrays, and strings. Everything else
// is refused by name: pickled objects (they run code), records, big-endian numbers, and raw "V" elements,
// which is how NumPy writes types it does not know (bfloat16 becomes "V2").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/file.h"

namespace tauto {

struct NpyArray {
  // NumPy's type string: "|b1", "|u1", "<f4" ...; for strings "<U12" (12 characters) or "|S5" (5 bytes) when
  // read; when written "<U" and "|S" do, the width follows from the strings.
  std::string descr;
  std::vector<int64_t> shape;
  Bytes data;                        // C order; aligned only as the file is
  std::vector<std::string> strings;  // C order; UTF-8 ("U") or bytes ("S"), NumPy's zero padding removed

  bool is_text() const { return descr.size() > 1 && (descr[1] == 'U' || descr[1] == 'S'); }
};

// `name` is how errors call the bytes. Numbers in C order are a slice of `bytes`, not a copy.
NpyArray read_npy(const Bytes& bytes, std::string_view name);

// A version 1 file. Error: a string is no UTF-8 (for "U") or ends in a zero, which the format cannot tell
// from padding.
std::string write_npy(const NpyArray& array);

}  // namespace tauto
