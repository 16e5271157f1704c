// Every elementary function: within its published bound on samples, exact where mathematics says so, odd
// where it should be, and the same bits for one number as for an array. All inputs are covered by
// functions_long.cpp.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "ops/math/cases.h"
#include "ops/math/math.h"

namespace tauto::testing {
namespace {

constexpr uint64_t kSeed = 20240611;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Half of the samples are random bit patterns, the rest spread evenly where the functions do something.
template <class F, class Bits>
std::vector<F> samples(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<F> x;
  std::uniform_real_distribution<F> unit(-1, 1);
  const F ranges[] = {F(1.25), F(4), F(12), F(sizeof(F) == 4 ? 110 : 760)};
  for (size_t i = 0; i < n / 2; ++i) {
    x.push_back(std::bit_cast<F>(static_cast<Bits>(random())));
    x.push_back(unit(random) * ranges[i % 4]);
  }
  // Around powers of two and the trees' breakpoints.
  for (F centre : {F(0.25), F(0.375), F(0.5), F(0.70710678), F(0.75), F(0.34657359), F(1), F(1.4142135), F(2),
                   F(2.5), F(4), F(10)}) {
    for (F at = -centre; at != centre + centre; at += centre + centre) {
      F v = at;
      for (int i = 0; i < 100; ++i) v = std::nextafter(v, F(-1000));
      for (int i = 0; i < 200; ++i) x.push_back(v = std::nextafter(v, F(1000)));
      if (at == centre) break;
    }
  }
  return x;
}

TEST(Elementary, F32WithinBoundOnSamples) {
  const std::vector<float> x = samples<float, uint32_t>(100'000, kSeed);
  std::vector<float> y(x.size());
  for (const UnaryCase& c : unary_cases()) {
    c.f32(x.data(), y.data(), x.size());
    double worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double e = ulp_error(y[i], c.reference(x[i]));
      if (e > worst) worst = e, at = i;
    }
    EXPECT_LE(worst, c.bound.f32_ulp)
        << c.name << "(" << std::hexfloat << x[at] << ") = " << y[at] << ", seed " << kSeed;
  }
}

TEST(Elementary, F64WithinBoundOnSamples) {
  const std::vector<double> x = samples<double, uint64_t>(40'000, kSeed);
  std::vector<double> y(x.size());
  for (const UnaryCase& c : unary_cases()) {
    c.f64(x.data(), y.data(), x.size());
    double worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double e = ulp_error(y[i], c.reference_long(x[i]));
      if (e > worst) worst = e, at = i;
    }
    EXPECT_LE(worst, c.bound.f64_ulp)
        << c.name << "(" << std::hexfloat << x[at] << ") = " << y[at] << ", seed " << kSeed;
  }
}

// The C library agrees with MPFR far better than the bounds need.
TEST(Elementary, ReferencesAgreeWithMpfr) {
  const std::vector<float> x = samples<float, uint32_t>(1000, kSeed + 1);
  for (const UnaryCase& c : unary_cases()) {
    for (float v : x) {
      const double r = c.reference(v);
      if (!std::isfinite(r) || std::abs(r) < 1e-300) continue;
      EXPECT_LE(exact_error(c, static_cast<double>(v), r), 64) << c.name << "(" << std::hexfloat << v << ")";
    }
  }
}

TEST(Elementary, SameBitsForOneAsForMany) {
  const std::vector<float> x = samples<float, uint32_t>(2000, kSeed + 2);
  std::vector<float> y(x.size());
  for (const UnaryCase& c : unary_cases()) {
    c.f32(x.data(), y.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      float one;
      c.f32(&x[i], &one, 1);
      if (std::isnan(one) && std::isnan(y[i])) continue;
      EXPECT_EQ(std::bit_cast<uint32_t>(one), std::bit_cast<uint32_t>(y[i])) << c.name << "(" << x[i] << ")";
    }
  }
}

TEST(Elementary, NanGivesNan) {
  for (const UnaryCase& c : unary_cases()) {
    for (float nan : {kNan, -kNan, std::numeric_limits<float>::signaling_NaN()}) {
      float y;
      c.f32(&nan, &y, 1);
      EXPECT_TRUE(std::isnan(y)) << c.name;
      const double wide = nan;
      double z;
      c.f64(&wide, &z, 1);
      EXPECT_TRUE(std::isnan(z)) << c.name;
    }
  }
}

// Bitwise; NaN equals NaN.
template <class F>
bool same(F a, F b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

struct Exact {
  const char* name;
  float x;
  float y;
};

TEST(Elementary, ExactWhereMathematicsSaysSo) {
  const Exact table[] = {
      {"exp", 0, 1},         {"exp", -0.0f, 1},      {"exp", kInf, kInf},   {"exp", -kInf, 0},
      {"exp", 1e30f, kInf},  {"exp", -1e30f, 0},     {"log", 1, 0},         {"log", 0, -kInf},
      {"log", -0.0f, -kInf}, {"log", -1, kNan},      {"log", -kInf, kNan},  {"log", kInf, kInf},
      {"tanh", 0, 0},        {"tanh", -0.0f, -0.0f}, {"tanh", kInf, 1},     {"tanh", -kInf, -1},
      {"erf", 0, 0},         {"erf", -0.0f, -0.0f},  {"erf", kInf, 1},      {"erf", -kInf, -1},
      {"sigmoid", 0, 0.5f},  {"sigmoid", kInf, 1},   {"sigmoid", -kInf, 0}, {"sigmoid", -0.0f, 0.5f},
  };
  for (const Exact& t : table) {
    bool found = false;
    for (const UnaryCase& c : unary_cases()) {
      if (c.name != t.name) continue;
      found = true;
      float y;
      c.f32(&t.x, &y, 1);
      EXPECT_TRUE(same(y, t.y)) << t.name << "(" << t.x << ") = " << y << " in f32";
      const double x = t.x;
      double z;
      c.f64(&x, &z, 1);
      EXPECT_TRUE(same(z, static_cast<double>(t.y))) << t.name << "(" << t.x << ") = " << z << " in f64";
    }
    EXPECT_TRUE(found) << t.name;
  }
}

TEST(Elementary, OddFunctionsAreOddToTheBit) {
  const std::vector<float> x = samples<float, uint32_t>(10'000, kSeed + 3);
  for (const UnaryCase& c : unary_cases()) {
    if (c.name != "tanh" && c.name != "erf") continue;
    for (float v : x) {
      const float w = -v;
      float a, b;
      c.f32(&v, &a, 1);
      c.f32(&w, &b, 1);
      EXPECT_TRUE(same(a, -b)) << c.name << "(" << v << ")";
    }
  }
}

}  // namespace
}  // namespace tauto::testing
