// SHA-256 (FIPS 180-4), for content hashes of constants, models and results; HMAC (FIPS 198-1) over it, for
// what only the owner of a key can have written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace tauto {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  explicit Sha256(bool plain = false);  // plain: without the CPU's instructions for it, the same digest
  void add(const void* data, size_t size);
  Digest digest();  // ends it

 private:
  std::array<uint32_t, 8> h_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> buffer_{};
  uint64_t size_ = 0;
  void (*blocks_)(uint32_t* state, const uint8_t* p, size_t count);
};

// Of the parts one after the other.
Digest hmac_sha256(std::span<const uint8_t> key, std::initializer_list<std::string_view> parts);
bool same_digest(const Digest& a, const Digest& b);  // in a time that says nothing about where they differ

std::string hex(const Digest& digest);
std::string sha256_hex(const void* data, size_t size);

}  // namespace tauto
