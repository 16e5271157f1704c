// 16-bit floats as storage types: f16 (IEEE 754 binary16) and bf16 (the upper half of a binary32).
// Arithmetic is never done in them: a value is widened to f32 (exact), computed with, and rounded once,
// to nearest even, denormals kept (docs/semantics.md, "f16, bf16").
#pragma once

#include <bit>
#include <cstdint>

namespace tauto {

struct Half {
  uint16_t bits = 0;

  Half() = default;
  // Rounds to nearest even; overflow gives infinity, NaN gives the one quiet NaN.
  explicit Half(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    const uint32_t sign = (u >> 16) & 0x8000u;
    const uint32_t a = u & 0x7fffffffu;
    if (a > 0x7f800000u) {
      bits = 0x7e00u;
    } else if (a >= 0x477ff000u) {  // rounds to 65536 or more
      bits = static_cast<uint16_t>(sign | 0x7c00u);
    } else if (a < 0x38800000u) {  // below 2^-14: a denormal, 24 fraction bits; the addition rounds
      const float scaled = std::bit_cast<float>(a) + 0.5f;
      bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(scaled) - 0x3f000000u));
    } else {
      const uint32_t odd = (a >> 13) & 1u;
      bits = static_cast<uint16_t>(sign | ((a - 0x38000000u + 0xfffu + odd) >> 13));
    }
  }
  explicit operator float() const {
    const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
    const uint32_t a = bits & 0x7fffu;
    if (a >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((a & 0x3ffu) << 13));
    if (a < 0x400u) {  // zero or denormal: exact multiple of 2^-24
      const float magnitude = static_cast<float>(a) * 0x1p-24f;
      return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
    }
    return std::bit_cast<float>(sign | ((a << 13) + 0x38000000u));
  }
};

struct BFloat {
  uint16_t bits = 0;

  BFloat() = default;
  explicit BFloat(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
      bits = 0x7fc0u;
    } else {
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

// A double rounded once to f16 or bf16. Going through f32 would round twice; rounding to odd first makes the
// second rounding the only one that counts (Boldo & Melquiond, "Emulation of a FMA and correctly-rounded
// sums", 2008).
inline float round_to_odd(double x) {
  const float f = static_cast<float>(x);
  const double back = static_cast<double>(f);
  if (back == x || x != x) return f;
  uint32_t u = std::bit_cast<uint32_t>(f);
  if ((u & 1u) == 0) {  // f is even and inexact: take the odd neighbour on x's side
    const bool away = (x > 0) ? back < x : back > x;
    u = (u & 0x7fffffffu) == 0x7f800000u ? u - 1 : (away ? u + 1 : u - 1);
    if ((std::bit_cast<uint32_t>(f) & 0x7fffffffu) ==
        0)  // underflow to zero: the smallest denormal, x's sign
      u = 1u | (x < 0 ? 0x80000000u : 0u);
  }
  return std::bit_cast<float>(u);
}

}  // namespace tauto
