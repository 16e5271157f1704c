// A fast checksum against accidents, not against people: a changed word always changes it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tauto {

// Eight independent chains, so that it runs as fast as memory is read.
inline uint64_t checksum(const void* data, size_t size) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;  // odd: multiplying loses nothing
  constexpr size_t kChains = 8;
  const auto* p = static_cast<const uint8_t*>(data);
  uint64_t chain[kChains] = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto step = [&](const uint8_t* from) {
    uint64_t words[kChains];
    std::memcpy(words, from, sizeof words);
    for (size_t i = 0; i < kChains; ++i) chain[i] = std::rotl((chain[i] ^ words[i]) * kFactor, 29);
  };
  size_t rest = size;
  for (; rest >= sizeof chain; rest -= sizeof chain, p += sizeof chain) step(p);
  uint8_t last[sizeof chain] = {};
  if (rest > 0) std::memcpy(last, p, rest);
  step(last);
  uint64_t sum = size * kFactor;
  for (uint64_t c : chain) sum = std::rotl((sum ^ c) * kFactor, 29);
  return sum;
}

}  // namespace tauto
