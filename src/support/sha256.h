// SHA-256 (FIPS 180-4), for content hashes of constants, models and results.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tauto {

class Sha256 {
 public:
  void add(const void* data, size_t size);
  std::array<uint8_t, 32> digest();  // ends it

 private:
  void block(const uint8_t* p);
  std::array<uint32_t, 8> h_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> buffer_{};
  uint64_t size_ = 0;
};

std::string hex(const std::array<uint8_t, 32>& digest);
std::string sha256_hex(const void* data, size_t size);

}  // namespace tauto
