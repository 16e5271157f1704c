// Constants in the order in which tiles read them.
#include <algorithm>
#include <cstring>

#include "schedule/schedule.h"
#include "support/error.h"

namespace tauto {
namespace {

// Where the elements of a row-major index over `extents` lie.
std::vector<int64_t> positions(const std::vector<int64_t>& extents, const std::vector<int64_t>& strides) {
  std::vector<int64_t> at = {0};
  for (size_t d = 0; d < extents.size(); ++d) {
    std::vector<int64_t> next;
    next.reserve(at.size() * static_cast<size_t>(extents[d]));
    for (int64_t base : at)
      for (int64_t i = 0; i < extents[d]; ++i) next.push_back(base + i * strides[d]);
    at = std::move(next);
  }
  return at;
}

// put(to, from) for every element of the result that is one of the original, by their numbers.
template <class Put>
void each_packed(const Packing& p, Put put) {
  const std::vector<int64_t> outer = positions(p.outer_extents, p.outer_strides);
  const std::vector<int64_t> terms = positions(p.extents, p.strides);
  int64_t to = 0;
  for (int64_t base : outer)
    for (int64_t first = 0; first < p.count; first += p.tile) {
      const int64_t side = std::min(p.tile, p.count - first);
      for (int64_t k : terms) {
        const int64_t from = p.offset + base + k + first * p.stride;
        for (int64_t i = 0; i < side; ++i) put(to + i, from + i * p.stride);
        to += p.tile;
      }
    }
}

template <size_t kBytes>
void pack(const char* from, char* to, const Packing& p) {
  constexpr auto kSize = static_cast<int64_t>(kBytes);
  each_packed(p, [&](int64_t i, int64_t j) { std::memcpy(to + i * kSize, from + j * kSize, kBytes); });
}

// Two of 16 bits, of which the first is the low half.
void pack_pairs(const uint16_t* from, uint32_t* to, const Packing& p) {
  each_packed(p, [&](int64_t i, int64_t j) {
    to[i] = from[j] | static_cast<uint32_t>(from[j + p.parts.stride]) << 16;
  });
}

// Two words or four bytes; of fewer bits four at a time, each in a byte, above those before (dots.h).
void pack_parts(const int8_t* from, int32_t* to, const Packing& p) {
  const int64_t bits = 32 / p.parts.count;
  const uint32_t mask = (1u << bits) - 1;
  const auto place = [&](int64_t part) { return bits >= 8 ? part * bits : part % 4 * 8 + part / 4 * bits; };
  each_packed(p, [&](int64_t i, int64_t j) {
    uint32_t word = 0;
    for (int64_t part = 0; part < p.parts.count; ++part)
      word |= (static_cast<uint32_t>(from[j + part * p.parts.stride]) & mask) << place(part);
    to[i] = static_cast<int32_t>(word);
  });
}

}  // namespace

Tensor packed(const Tensor& original, const Packing& p) {
  const auto product = [](const std::vector<int64_t>& v) {
    int64_t n = 1;
    for (int64_t x : v) n *= x;
    return n;
  };
  const int64_t tiles = (p.count + p.tile - 1) / p.tile;
  const bool pairs = p.parts.count == 2 && original.type() == bf16;
  const ElementType type = pairs ? f32 : p.parts.count > 1 ? i32 : original.type();
  Tensor result(type, {product(p.outer_extents) * tiles * p.tile * product(p.extents)});
  const auto* from = static_cast<const char*>(original.raw());
  auto* to = static_cast<char*>(result.raw());
  if (pairs) {
    pack_pairs(reinterpret_cast<const uint16_t*>(from), reinterpret_cast<uint32_t*>(to), p);
    return result;
  }
  if (p.parts.count > 1) {
    CHECK(original.element_bytes() == 1, "parts of ", original.type());
    pack_parts(original.data<int8_t>(), result.data<int32_t>(), p);
    return result;
  }
  switch (original.element_bytes()) {
    case 1:
      pack<1>(from, to, p);
      break;
    case 2:
      pack<2>(from, to, p);
      break;
    case 4:
      pack<4>(from, to, p);
      break;
    case 8:
      pack<8>(from, to, p);
      break;
    default:
      CHECK(false, "a packed element of ", original.element_bytes(), " bytes");
  }
  return result;
}

}  // namespace tauto
