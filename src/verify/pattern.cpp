// One file in memory per pattern, its mappings side by side in one reserved range.
#include "verify/pattern.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "support/error.h"

namespace tauto::proof {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kPatternPages = 61;  // a prime

size_t pages(size_t bytes) { return (std::max<size_t>(bytes, 1) + kPage - 1) / kPage * kPage; }

template <class T>
T drawn_float(uint64_t r, const Drawing& d) {
  using Limits = std::numeric_limits<T>;
  const bool finite = d.finite;
  const T small = static_cast<T>(static_cast<int64_t>(r >> 32 & 2047) - 1024) / T(64);
  switch (d.kind) {
    case Drawing::Kind::Usual:
      break;
    case Drawing::Kind::Wide:
      return std::ldexp(small, static_cast<int>(r % 41) - 20);
    case Drawing::Kind::Ties: {
      constexpr double kFew[] = {0.0, -0.0, 1.0, -1.0, 0.0, -0.0, 2.0, -0.0};
      return r % 64 == 8 ? Limits::denorm_min() : static_cast<T>(kFew[r % 8]);
    }
    case Drawing::Kind::Near: {
      if (d.near.empty() || r % 4 == 0) return small;
      const T x = static_cast<T>(d.near[(r >> 8) % d.near.size()]);
      if (!std::isfinite(x)) return small;
      T y = r & 8 ? x * (T(1) + static_cast<T>(static_cast<int64_t>(r >> 32 & 255) - 128) / T(16384)) : x;
      for (uint64_t k = 0; k < (r >> 20) % 4; ++k)
        y = std::nextafter(y, r & 16 ? Limits::max() : -Limits::max());
      return r & 32 && r & 64 ? -y : y;
    }
    case Drawing::Kind::Sparse:
      if (finite || r % (uint64_t{256} << d.seed % 5) != 0) return small;
      return r >> 20 & 1 ? Limits::quiet_NaN() : r >> 21 & 1 ? Limits::infinity() : -Limits::infinity();
  }
  switch (r % 256) {
    case 0:
      return r & 256 ? T(0) : -T(0);
    case 1:
      return std::numeric_limits<T>::denorm_min() * static_cast<T>(r >> 40);
    case 2:
      return finite ? small : std::numeric_limits<T>::max() / (r & 256 ? T(1) : T(-4));
    case 3:
      return finite    ? small
             : r & 256 ? std::numeric_limits<T>::infinity()
                       : -std::numeric_limits<T>::infinity();
    case 4:
      return finite ? small : std::numeric_limits<T>::quiet_NaN();
    default:
      return small;
  }
}

// A 16-bit float of `exponent` bits of exponent: few bits of mantissa near one, seldom all kinds.
uint16_t drawn_half(uint64_t r, int exponent, bool finite) {
  const int mantissa = 15 - exponent;
  const auto special = static_cast<uint16_t>((1 << exponent) - 1);
  auto bits = static_cast<uint16_t>(r >> 32);
  if (r % 64 != 0 || (finite && (bits >> mantissa & special) == special)) {
    const int e = (1 << (exponent - 1)) - 1 + static_cast<int>(r >> 8 & 3) - 2;
    bits = static_cast<uint16_t>((bits & 0x8000) | e << mantissa | (bits & ((1 << mantissa) - 1)));
  }
  return bits;
}

}  // namespace

std::vector<uint8_t> drawn_elements(const Drawing& d, size_t count) {
  std::mt19937_64 random(d.seed);
  const auto size = static_cast<size_t>(d.type.bytes());
  std::vector<uint8_t> bytes(count * size);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t r = random();
    uint64_t v = r;
    if (d.type == f32) {
      const auto x = drawn_float<float>(r, d);
      v = 0;
      std::memcpy(&v, &x, sizeof x);
    } else if (d.type == f64) {
      const auto x = drawn_float<double>(r, d);
      std::memcpy(&v, &x, sizeof x);
    } else if (d.type == f16 || d.type == bf16) {
      v = drawn_half(r, d.type == f16 ? 5 : 8, d.finite);
    } else if (d.type.is_bool()) {
      v = r & 1;
    } else if (d.range) {
      v = static_cast<uint64_t>(d.range->first) +
          (r >> 16) % static_cast<uint64_t>(std::max<int64_t>(1, d.range->second - d.range->first));
    }
    std::memcpy(bytes.data() + i * size, &v, size);
  }
  return bytes;
}

PatternMemory::PatternMemory(const Drawing& d, size_t bytes) : mapped_(pages(bytes)) {
  const size_t whole = kPatternPages * kPage, length = std::min(mapped_, whole);
  const std::vector<uint8_t> pattern = drawn_elements(d, length / static_cast<size_t>(d.type.bytes()));
  const int file = ::memfd_create("pattern", 0);
  if (file < 0) fail("no memory for a pattern");
  const bool written =
      ::write(file, pattern.data(), pattern.size()) == static_cast<ssize_t>(pattern.size()) &&
      ::ftruncate(file, static_cast<off_t>(length)) == 0;
  base_ = ::mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  bool mapped = written && base_ != MAP_FAILED;
  for (size_t at = 0; mapped && at < mapped_; at += length)
    mapped = ::mmap(static_cast<char*>(base_) + at, std::min(length, mapped_ - at), PROT_READ,
                    MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED;
  ::close(file);
  if (!mapped) {
    if (base_ != MAP_FAILED) ::munmap(base_, mapped_);
    fail("no memory for ", bytes, " bytes of a pattern");
  }
}
PatternMemory::~PatternMemory() {
  if (base_) ::munmap(base_, mapped_);
}
PatternMemory::PatternMemory(PatternMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), mapped_(other.mapped_) {}

ZeroMemory::ZeroMemory(size_t bytes) : mapped_(pages(bytes)) {
  base_ =
      ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base_ == MAP_FAILED) fail("no memory for ", bytes, " bytes");
}
ZeroMemory::~ZeroMemory() {
  if (base_) ::munmap(base_, mapped_);
}
ZeroMemory::ZeroMemory(ZeroMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), mapped_(other.mapped_) {}

}  // namespace tauto::proof
