// SHA-256 as FIPS 180-4, section 6.2 has it; the round constants are the fractional parts of cube roots of
// primes. Where the CPU has instructions for it they do the rounds: models are hashed when they are saved and
// loaded, and this is five times as fast.
#include "support/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "support/sha256_rounds.h"

namespace tauto {
namespace {

uint32_t big_endian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

void rounds(uint32_t* state, const uint8_t* p, size_t count) {
  for (; count > 0; --count, p += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i) w[i] = big_endian(p + 4 * i);
    for (int i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kSha256Round[i] + w[i];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const uint32_t add[8] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; ++i) state[i] += add[i];
  }
}

using Rounds = void (*)(uint32_t*, const uint8_t*, size_t);

Rounds best_rounds() {
#if defined(__x86_64__)
  static const Rounds best = has_sha256_instructions() ? &rounds_by_instructions : &rounds;
  return best;
#else
  return &rounds;
#endif
}

}  // namespace

Sha256::Sha256(bool plain) : blocks_(plain ? &rounds : best_rounds()) {}

void Sha256::add(const void* data, size_t size) {
  const auto* p = static_cast<const uint8_t*>(data);
  while (size) {
    const size_t used = size_ % 64;
    if (used == 0 && size >= 64) {
      const size_t blocks = size / 64;
      blocks_(h_.data(), p, blocks);
      p += 64 * blocks, size -= 64 * blocks, size_ += 64 * blocks;
      continue;
    }
    const size_t n = size < 64 - used ? size : 64 - used;
    std::memcpy(buffer_.data() + used, p, n);
    p += n, size -= n, size_ += n;
    if (used + n == 64) blocks_(h_.data(), buffer_.data(), 1);
  }
}

Digest Sha256::digest() {
  const uint64_t bits = size_ * 8;
  const uint8_t one = 0x80, zero = 0;
  add(&one, 1);
  while (size_ % 64 != 56) add(&zero, 1);
  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  add(length, 8);
  Digest r;
  for (size_t i = 0; i < 32; ++i) r[i] = static_cast<uint8_t>(h_[i / 4] >> (24 - 8 * (i % 4)));
  return r;
}

Digest hmac_sha256(std::span<const uint8_t> key, std::initializer_list<std::string_view> parts) {
  std::array<uint8_t, 64> pad{};
  if (key.size() > pad.size()) {
    Sha256 s;
    s.add(key.data(), key.size());
    const Digest d = s.digest();
    std::copy(d.begin(), d.end(), pad.begin());
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }
  for (uint8_t& b : pad) b ^= 0x36;
  Sha256 inner, outer;
  inner.add(pad.data(), pad.size());
  for (std::string_view part : parts) inner.add(part.data(), part.size());
  const Digest d = inner.digest();
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  outer.add(pad.data(), pad.size());
  outer.add(d.data(), d.size());
  return outer.digest();
}

bool same_digest(const Digest& a, const Digest& b) {
  int differing = 0;
  for (size_t i = 0; i < a.size(); ++i) differing |= a[i] ^ b[i];
  return differing == 0;
}

std::string hex(const Digest& digest) {
  static const char* kHex = "0123456789abcdef";
  std::string s;
  for (uint8_t b : digest) s += {kHex[b >> 4], kHex[b & 15]};
  return s;
}

std::string sha256_hex(const void* data, size_t size) {
  Sha256 s;
  s.add(data, size);
  return hex(s.digest());
}

}  // namespace tauto
