// Memory filled with drawn elements, however large: a pattern that is mapped again and again, so that a
// buffer of a gigabyte costs the pages of its pattern. Its length is no multiple of anything that programs
// count in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graph/element_type.h"

namespace tauto::proof {

struct Drawing {
  // Usual; magnitudes of all sizes; few different ones, so that there are ties; beside some numbers, by a few
  // units in the last place or a little; Usual with now and then one that is not finite, if it may be.
  enum class Kind : uint8_t { Usual, Wide, Ties, Near, Sparse };
  ElementType type;
  bool finite = true;                                // no NaN, no infinity
  std::optional<std::pair<int64_t, int64_t>> range;  // integers in [first, second)
  uint64_t seed = 1;
  Kind kind = Kind::Usual;  // of floats of 32 and 64 bits
  std::vector<double> near = {};
};
// Elements of 1/64 in ±15, sometimes ±0, denormal, huge, infinite or NaN; integers of all bits.
std::vector<uint8_t> drawn_elements(const Drawing& d, size_t count);

class PatternMemory {  // read only
 public:
  PatternMemory(const Drawing& d, size_t bytes);
  ~PatternMemory();
  PatternMemory(PatternMemory&& other) noexcept;
  PatternMemory& operator=(PatternMemory&&) = delete;
  PatternMemory(const PatternMemory&) = delete;
  void* data() const { return base_; }

 private:
  void* base_ = nullptr;
  size_t mapped_ = 0;
};

class ZeroMemory {  // writable; pages that nobody writes cost nothing
 public:
  explicit ZeroMemory(size_t bytes);
  ~ZeroMemory();
  ZeroMemory(ZeroMemory&& other) noexcept;
  ZeroMemory& operator=(ZeroMemory&&) = delete;
  ZeroMemory(const ZeroMemory&) = delete;
  void* data() const { return base_; }

 private:
  void* base_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace tauto::proof
