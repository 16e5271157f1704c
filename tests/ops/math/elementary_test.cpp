// Every elementary function: within its published bound on samples, exact where mathematics says so, odd
// where it should be, and the same bits for one number as for an array. functions_long.cpp covers all inputs.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "ops/math/cases.h"
#include "ops/math/math.h"

namespace tauto::testing {
namespace {

constexpr uint64_t kSeed = 20240611;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Bitwise; NaN equals NaN.
template <class F>
bool same(F a, F b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

template <class F>
void check_unary(size_t n) {
  constexpr bool kSingle = sizeof(F) == 4;
  std::mt19937_64 random(kSeed);
  const std::vector<F> x = unary_samples<F>(n, random);
  std::vector<F> y(n);
  for (const UnaryCase& c : unary_cases()) {
    if constexpr (kSingle) {
      c.f32(x.data(), y.data(), n);
    } else {
      c.f64(x.data(), y.data(), n);
    }
    double worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < n; ++i) {
      double e;
      if constexpr (kSingle) {
        e = ulp_error(y[i], c.reference(x[i]));
      } else {
        e = ulp_error(y[i], c.reference_long(x[i]));
      }
      if (e > worst) {
        worst = e;
        at = i;
      }
    }
    EXPECT_LE(worst, kSingle ? c.bound.f32_ulp : c.bound.f64_ulp)
        << c.name << "(" << std::hexfloat << x[at] << ") = " << y[at] << ", seed " << kSeed;
  }
}

template <class F>
void check_binary(size_t n) {
  constexpr bool kSingle = sizeof(F) == 4;
  std::mt19937_64 random(kSeed);
  const Pairs<F> p = binary_samples<F>(n, random);
  std::vector<F> y(n);
  for (const BinaryCase& c : binary_cases()) {
    if constexpr (kSingle) {
      c.f32(p.a.data(), p.b.data(), y.data(), n);
    } else {
      c.f64(p.a.data(), p.b.data(), y.data(), n);
    }
    double worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < n; ++i) {
      double e;
      if constexpr (kSingle) {
        e = ulp_error(y[i], c.reference(p.a[i], p.b[i]));
      } else {
        e = ulp_error(y[i], c.reference_long(p.a[i], p.b[i]));
      }
      if (e > worst) {
        worst = e;
        at = i;
      }
    }
    EXPECT_LE(worst, kSingle ? c.bound.f32_ulp : c.bound.f64_ulp)
        << c.name << "(" << std::hexfloat << p.a[at] << ", " << p.b[at] << ") = " << y[at] << ", seed "
        << kSeed;
  }
}

TEST(Elementary, UnaryF32WithinBoundOnSamples) { check_unary<float>(100'000); }
TEST(Elementary, UnaryF64WithinBoundOnSamples) { check_unary<double>(40'000); }
TEST(Elementary, BinaryF32WithinBoundOnSamples) { check_binary<float>(100'000); }
TEST(Elementary, BinaryF64WithinBoundOnSamples) { check_binary<double>(100'000); }

// The C library agrees with MPFR far better than the bounds need.
TEST(Elementary, ReferencesAgreeWithMpfr) {
  std::mt19937_64 random(kSeed + 1);
  const std::vector<float> x = unary_samples<float>(400, random);
  for (const UnaryCase& c : unary_cases()) {
    for (float v : x) {
      const double r = c.reference(v);
      if (!std::isfinite(r) || std::abs(r) < 1e-300) continue;
      EXPECT_LE(exact_error(c, static_cast<double>(v), r), 16) << c.name << "(" << std::hexfloat << v << ")";
    }
  }
}

TEST(Elementary, SameBitsForOneAsForMany) {
  std::mt19937_64 random(kSeed + 2);
  const std::vector<float> x = unary_samples<float>(2003, random);
  std::vector<float> y(x.size());
  for (const UnaryCase& c : unary_cases()) {
    c.f32(x.data(), y.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      float one;
      c.f32(&x[i], &one, 1);
      EXPECT_TRUE(same(one, y[i])) << c.name << "(" << x[i] << "), seed " << kSeed + 2;
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

struct Exact {
  const char* name;
  float x;
  float y;
};

constexpr Exact kExact[] = {
    {"exp", 0, 1},           {"exp", -0.0f, 1},       {"exp", kInf, kInf},   {"exp", -kInf, 0},
    {"exp", 1e30f, kInf},    {"exp", -1e30f, 0},      {"exp2", 0, 1},        {"exp2", 10, 1024},
    {"exp2", -3, 0.125f},    {"exp2", kInf, kInf},    {"exp2", -kInf, 0},    {"expm1", 0, 0},
    {"expm1", -0.0f, -0.0f}, {"expm1", kInf, kInf},   {"expm1", -kInf, -1},  {"log", 1, 0},
    {"log", 0, -kInf},       {"log", -0.0f, -kInf},   {"log", -1, kNan},     {"log", -kInf, kNan},
    {"log", kInf, kInf},     {"log2", 1, 0},          {"log2", 8, 3},        {"log2", 0x1p-140f, -140},
    {"log2", 0, -kInf},      {"log2", -1, kNan},      {"log2", kInf, kInf},  {"log1p", 0, 0},
    {"log1p", -0.0f, -0.0f}, {"log1p", -1, -kInf},    {"log1p", -2, kNan},   {"log1p", -kInf, kNan},
    {"log1p", kInf, kInf},   {"sin", 0, 0},           {"sin", -0.0f, -0.0f}, {"sin", kInf, kNan},
    {"sin", -kInf, kNan},    {"cos", 0, 1},           {"cos", -0.0f, 1},     {"cos", kInf, kNan},
    {"tan", 0, 0},           {"tan", -0.0f, -0.0f},   {"tan", -kInf, kNan},  {"asin", 0, 0},
    {"asin", -0.0f, -0.0f},  {"asin", 1.5f, kNan},    {"asin", -kInf, kNan}, {"acos", 1, 0},
    {"acos", -1.5f, kNan},   {"acos", kInf, kNan},    {"atan", 0, 0},        {"atan", -0.0f, -0.0f},
    {"sinh", 0, 0},          {"sinh", -0.0f, -0.0f},  {"sinh", kInf, kInf},  {"sinh", -kInf, -kInf},
    {"cosh", 0, 1},          {"cosh", -kInf, kInf},   {"tanh", 0, 0},        {"tanh", -0.0f, -0.0f},
    {"tanh", kInf, 1},       {"tanh", -kInf, -1},     {"asinh", 0, 0},       {"asinh", -0.0f, -0.0f},
    {"asinh", kInf, kInf},   {"asinh", -kInf, -kInf}, {"acosh", 1, 0},       {"acosh", 0.5f, kNan},
    {"acosh", -kInf, kNan},  {"acosh", kInf, kInf},   {"atanh", 0, 0},       {"atanh", -0.0f, -0.0f},
    {"atanh", 1, kInf},      {"atanh", -1, -kInf},    {"atanh", 1.5f, kNan}, {"atanh", kInf, kNan},
    {"sigmoid", 0, 0.5f},    {"sigmoid", kInf, 1},    {"sigmoid", -kInf, 0}, {"sigmoid", -0.0f, 0.5f},
    {"erf", 0, 0},           {"erf", -0.0f, -0.0f},   {"erf", kInf, 1},      {"erf", -kInf, -1},
    {"erfc", 0, 1},          {"erfc", kInf, 0},       {"erfc", -kInf, 2},
};

TEST(Elementary, ExactWhereMathematicsSaysSo) {
  std::set<std::string> seen;
  for (const Exact& t : kExact) {
    for (const UnaryCase& c : unary_cases()) {
      if (c.name != t.name) continue;
      seen.insert(c.name);
      float y;
      c.f32(&t.x, &y, 1);
      EXPECT_TRUE(same(y, t.y)) << t.name << "(" << t.x << ") = " << y << " in f32";
      const double x = t.x;
      double z;
      c.f64(&x, &z, 1);
      EXPECT_TRUE(same(z, static_cast<double>(t.y))) << t.name << "(" << t.x << ") = " << z << " in f64";
    }
  }
  EXPECT_EQ(seen.size(), unary_cases().size()) << "each function has its exact values";
}

TEST(Elementary, OddFunctionsAreOddToTheBit) {
  std::mt19937_64 random(kSeed + 3);
  const std::vector<float> x = unary_samples<float>(10'000, random);
  const std::set<std::string> odd = {"sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf"};
  size_t found = 0;
  for (const UnaryCase& c : unary_cases()) {
    if (odd.count(c.name) == 0) continue;
    ++found;
    for (float v : x) {
      const float w = -v;
      float a, b;
      c.f32(&v, &a, 1);
      c.f32(&w, &b, 1);
      EXPECT_TRUE(same(a, -b)) << c.name << "(" << v << "), seed " << kSeed + 3;
    }
  }
  EXPECT_EQ(found, odd.size());
}

// C (annex F) and the C library agree on what pow and atan2 give for these, signs of zeros included.
template <class F>
void check_corners() {
  const F largest = std::numeric_limits<F>::max(), least = std::numeric_limits<F>::denorm_min();
  const F odd = F(1) / std::numeric_limits<F>::epsilon() * 2 - 1;  // the largest odd integer
  const std::vector<F> corners = {0,   1,     2,    3,    4,       5,     7,         0.5f,    7.5f,     1.5f,
                                  odd, 1e30f, kInf, kNan, largest, least, least * 3, odd + 1, F(1e-38f)};
  for (const BinaryCase& c : binary_cases()) {
    for (F magnitude_a : corners) {
      for (F magnitude_b : corners) {
        for (int signs = 0; signs < 4; ++signs) {
          const F a = signs & 1 ? -magnitude_a : magnitude_a, b = signs & 2 ? -magnitude_b : magnitude_b;
          F y;
          if constexpr (sizeof(F) == 4) {
            c.f32(&a, &b, &y, 1);
            EXPECT_LE(ulp_error(y, c.reference(a, b)), 1) << c.name << "(" << a << ", " << b << ") = " << y;
          } else {
            c.f64(&a, &b, &y, 1);
            EXPECT_LE(ulp_error(y, c.reference_long(a, b)), 1)
                << c.name << "(" << a << ", " << b << ") = " << y;
          }
        }
      }
    }
  }
}

TEST(Elementary, CornersOfPowAndAtan2) {
  check_corners<float>();
  check_corners<double>();
}

TEST(Elementary, PowOfTwoIsASquare) {
  std::mt19937_64 random(kSeed + 4);
  for (float x : unary_samples<float>(10'000, random)) {
    EXPECT_TRUE(same(math::pow(x, 2.0f), x * x)) << x << ", seed " << kSeed + 4;
    const double d = x * 1.1;
    EXPECT_TRUE(same(math::pow(d, 2.0), d * d)) << d << ", seed " << kSeed + 4;
  }
}

}  // namespace
}  // namespace tauto::testing
