// The bits of every elementary function on 2^16 inputs, as a hash per function: the same on every machine,
// from every compiler. Kept in functions.golden; TAUTO_REFRESH=1 rewrites it (a change of bits bumps
// kSemanticsVersion).
#include <gtest/gtest.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ops/math/cases.h"
#include "paths.h"

namespace tauto::testing {
namespace {

constexpr size_t kCount = 1 << 16;

// Inputs made of integers alone (no library function): half of them any bits, half between 2^-24 and 2^8.
template <class F, class Bits>
std::vector<F> inputs(uint64_t seed) {
  constexpr int kMantissa = sizeof(F) == 4 ? 23 : 52;
  constexpr Bits kBias = sizeof(F) == 4 ? 127 : 1023;
  std::mt19937_64 random(seed);
  std::vector<F> x;
  for (size_t i = 0; i < kCount; ++i) {
    const Bits any = static_cast<Bits>(random());
    const Bits exponent = kBias - 24 + static_cast<Bits>(random() % 32);
    const Bits kept = any & ~(((Bits{1} << (sizeof(F) * 8 - 1 - kMantissa)) - 1) << kMantissa);
    x.push_back(std::bit_cast<F>(i % 2 ? any : static_cast<Bits>(kept | exponent << kMantissa)));
  }
  return x;
}

template <class Bits, class F>
uint64_t hash_of(const std::vector<F>& y) {
  uint64_t h = 1;
  for (F v : y) {
    const uint64_t b = v == v ? std::bit_cast<Bits>(v) : 1;  // one NaN
    h = std::rotl((h ^ b) * 0x9e3779b97f4a7c15u, 29);
  }
  return h;
}

std::string line(const std::string& name, uint64_t f32, uint64_t f64) {
  char text[100];
  std::snprintf(text, sizeof text, "%s f32 %016llx f64 %016llx\n", name.c_str(),
                static_cast<unsigned long long>(f32), static_cast<unsigned long long>(f64));
  return text;
}

TEST(Elementary, SameBitsOnEveryMachine) {
  const std::vector<float> x = inputs<float, uint32_t>(1), w = inputs<float, uint32_t>(2);
  const std::vector<double> wide_x = inputs<double, uint64_t>(3), wide_w = inputs<double, uint64_t>(4);
  std::vector<float> y(kCount);
  std::vector<double> z(kCount);
  std::string found;
  for (const UnaryCase& c : unary_cases()) {
    c.f32(x.data(), y.data(), kCount);
    c.f64(wide_x.data(), z.data(), kCount);
    found += line(c.name, hash_of<uint32_t>(y), hash_of<uint64_t>(z));
  }
  for (const BinaryCase& c : binary_cases()) {
    c.f32(x.data(), w.data(), y.data(), kCount);
    c.f64(wide_x.data(), wide_w.data(), z.data(), kCount);
    found += line(c.name, hash_of<uint32_t>(y), hash_of<uint64_t>(z));
  }
  const std::string path = source_path("tests/ops/math/functions.golden");
  if (std::getenv("TAUTO_REFRESH") != nullptr) std::ofstream(path) << found;
  std::ostringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(found, expected.str())
      << "refresh, if meant: TAUTO_REFRESH=1 build/tauto_tests --gtest_filter='*EveryMachine'";
}

}  // namespace
}  // namespace tauto::testing
