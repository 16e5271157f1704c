// Special values of each lane type, and what tests of vector programs say of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "codegen/vector.h"

namespace tauto::testing {

using vec::Lane;

constexpr int kLanes[] = {4, 8, 16, 32, 64};

template <class T>
constexpr Lane kLane = std::is_same_v<T, int32_t>   ? Lane::I32
                       : std::is_same_v<T, int64_t> ? Lane::I64
                       : std::is_same_v<T, float>   ? Lane::F32
                                                    : Lane::F64;

template <class T>
std::vector<T> specials() {
  using L = std::numeric_limits<T>;
  if constexpr (std::is_integral_v<T>)
    return {0,
            1,
            2,
            3,
            -1,
            -2,
            7,
            31,
            32,
            33,
            63,
            64,
            65,
            -31,
            -64,
            0x55555555,
            0x7fffff,
            1 << 24,
            (1 << 24) + 1,
            L::min(),
            L::max(),
            static_cast<T>(L::min() + 1),
            static_cast<T>(L::max() - 1),
            static_cast<T>(L::max() / 3)};
  else
    return {T(0),
            T(-0.0),
            1,
            -1,
            T(0.5),
            T(-0.5),
            T(1.5),
            T(2.5),
            T(-3.5),
            T(0.1),
            T(65504),
            T(65519),
            T(65520),
            T(1e-5),
            T(0x1p-24),
            T(0x1p-25),
            T(0x1p31),
            T(-0x1p31),
            T(0x1.fffffep30),
            T(0x1p63),
            T(-0x1p63),
            T(0x1.fffffep62),
            T(2147483647.5),
            T(-2147483648.5),
            L::min(),
            -L::min(),
            L::denorm_min(),
            -L::denorm_min(),
            T(L::min() / 3),
            L::max(),
            L::lowest(),
            L::infinity(),
            -L::infinity(),
            L::quiet_NaN(),
            T(16777217),
            T(-7.75)};
}

template <class T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (a != a && b != b) return true;
  return std::memcmp(&a, &b, sizeof a) == 0;
}

inline uint64_t address(const void* p) { return reinterpret_cast<uint64_t>(p); }

}  // namespace tauto::testing
