// Resize along an axis: the definition at single points, laws of the kernels, enclosures.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/evaluate.h"
#include "ops/ops.h"
#include "ops/run_op.h"

namespace tauto::testing {
namespace {

Tensor one(double v) { return Tensor::of<double>({1}, std::span(&v, 1)); }
Tensor size(int64_t n) { return Tensor::ints(std::span(&n, 1)); }
Attributes how(const char* mode, const char* coordinates, int64_t axis = 0) {
  return {{"axis", axis}, {"mode", std::string(mode)}, {"coordinates", std::string(coordinates)}};
}
Tensor column(std::vector<float> v) { return Tensor::of<float>({static_cast<int64_t>(v.size())}, v); }
std::vector<float> floats_of(const Tensor& t) { return {t.data<float>(), t.data<float>() + t.count()}; }

const char* const kCoordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric",
                                    "align_corners"};

TEST(Resize, ToItsOwnSizeIsTheIdentity) {
  Random random(1);
  const Tensor x = random.floats({3, 7, 2});
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* coordinates : kCoordinates)
      EXPECT_EQ(evaluate(ops::resize, {x, size(7)}, how(mode, coordinates, 1)), x) << mode << coordinates;
}

TEST(Resize, NearestTakesTheRoundedPlace) {
  const Tensor x = column({0, 1, 2, 3});
  const auto at = [&](const char* rounding, int64_t n) {
    Attributes a = how("nearest", "half_pixel");
    a.set("nearest", std::string(rounding));
    return floats_of(evaluate(ops::resize, {x, size(n)}, a));
  };
  // 2 of 4: places 0.5, 2.5; 8 of 4: -0.25, 0.25, 0.75 …
  EXPECT_EQ(at("floor", 2), (std::vector<float>{0, 2}));
  EXPECT_EQ(at("ceil", 2), (std::vector<float>{1, 3}));
  EXPECT_EQ(at("round_prefer_floor", 2), (std::vector<float>{0, 2}));
  EXPECT_EQ(at("round_prefer_ceil", 2), (std::vector<float>{1, 3}));
  EXPECT_EQ(at("round_prefer_floor", 8), (std::vector<float>{0, 0, 1, 1, 2, 2, 3, 3}));
}

// Enlarged k times by "asymmetric", "floor", output o is x[o / k], whatever k: places are exact there.
TEST(Resize, AsymmetricFloorRepeatsElements) {
  for (int64_t n = 1; n < 40; ++n)
    for (int64_t k = 1; k < 20; ++k) {
      Tensor x(f32, {n});
      for (int64_t i = 0; i < n; ++i) x.data<float>()[i] = static_cast<float>(i);
      const Tensor y = evaluate(ops::resize, {x, size(n * k)}, how("nearest", "asymmetric"));
      for (int64_t o = 0; o < n * k; ++o)
        ASSERT_EQ(y.data<float>()[o], static_cast<float>(o / k)) << n << " " << k;
    }
}

// The definition of mode linear, one output at a time.
float linear_at(const std::vector<float>& x, double p) {
  const double low = std::floor(p);
  const auto clamp = [&](double j) {
    return static_cast<size_t>(std::min(std::max(j, 0.0), static_cast<double>(x.size() - 1)));
  };
  const size_t a = clamp(low), b = clamp(low + 1);
  if (a == b || p == low) return x[a];
  return std::fma(x[b], static_cast<float>(1 - (low + 1 - p)), x[a] * static_cast<float>(1 - (p - low)));
}

TEST(Resize, LinearIsAProductAndAnFma) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t n = random.between(1, 20), m = random.between(1, 40), inner = random.between(1, 3);
    Tensor x = random.floats({2, n, inner});
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] *= 0.1f;
    const bool with_scale = random.coin();
    const double scale = with_scale ? static_cast<double>(static_cast<float>(m) / static_cast<float>(n)) : 1;
    std::vector<Tensor> in{x, size(m)};
    if (with_scale) in.push_back(one(scale));
    const Tensor y = evaluate(ops::resize, in, how("linear", "half_pixel", 1));
    std::vector<Tensor> points{in_rep(x, Rep::Interval), in_rep(in[1], Rep::Interval)};
    if (with_scale) points.push_back(in_rep(in[2], Rep::Interval));
    const Tensor bounds = evaluate(ops::resize, points, how("linear", "half_pixel", 1), Rep::Interval);
    each_index({2, m, inner}, [&](const Shape& at, int64_t i) {
      std::vector<float> line;
      for (int64_t k = 0; k < n; ++k) line.push_back(x.data<float>()[(at[0] * n + k) * inner + at[2]]);
      const double o = static_cast<double>(at[1]) + 0.5;
      const double p =
          with_scale ? o / scale - 0.5 : o * static_cast<double>(n) / static_cast<double>(m) - 0.5;
      ASSERT_EQ(y.data<float>()[i], linear_at(line, p)) << "output " << at[1];
      ASSERT_TRUE(encloses(bounds, y, i));
      // All in f32, as others compute it.
      const float q = std::max(
          0.f, (static_cast<float>(at[1]) + 0.5f) / (static_cast<float>(m) / static_cast<float>(n)) - 0.5f);
      const auto low = std::min(static_cast<size_t>(q), line.size() - 1),
                 high = std::min(low + 1, line.size() - 1);
      const float d = q - static_cast<float>(low);
      Tensor other(f32, y.shape());
      other.data<float>()[i] = line[low] * (1 - d) + line[high] * d;
      ASSERT_TRUE(encloses(bounds, other, i))
          << other.data<float>()[i] << " not in " << element_text(bounds, i);
    });
  }
}

// Constants stay what they are up to rounding, and so do straight lines inside: the weights sum up to 1 and
// have the right centre.
TEST(Resize, KernelsReproduceConstantsAndLines) {
  for (const char* mode : {"linear", "cubic"})
    for (const char* coordinates : kCoordinates)
      for (bool exclude : {false, true})
        for (bool antialias : {false, true})
          for (int64_t m : {3, 7, 16, 25}) {
            SCOPED_TRACE(cat(mode, " ", coordinates, " ", exclude, antialias, " ", m));
            const int64_t n = 16;
            Tensor ones(f64, {n}), line(f64, {n});
            for (int64_t i = 0; i < n; ++i)
              ones.data<double>()[i] = 3, line.data<double>()[i] = static_cast<double>(i);
            Attributes a = how(mode, coordinates);
            a.set("exclude_outside", int64_t{exclude});
            a.set("antialias", int64_t{antialias});
            a.set("cubic_a", -0.5);  // the parameter for which cubics reproduce lines
            const Tensor flat = evaluate(ops::resize, {ones, size(m)}, a);
            for (int64_t o = 0; o < m; ++o) EXPECT_NEAR(flat.data<double>()[o], 3, 1e-13);
            if (antialias) continue;  // its sampled kernel is not symmetric
            const Tensor y = evaluate(ops::resize, {line, size(m)}, a);
            for (int64_t o = 0; o < m; ++o) {
              const double p =
                  std::string(coordinates) == "asymmetric"
                      ? static_cast<double>(o * n) / static_cast<double>(m)
                  : std::string(coordinates) == "align_corners"
                      ? static_cast<double>(o * (n - 1)) / static_cast<double>(m - 1)
                      : (static_cast<double>(o) + 0.5) * static_cast<double>(n) / static_cast<double>(m) -
                            0.5;
              if (p >= 1 && p <= static_cast<double>(n) - 2) {
                EXPECT_NEAR(y.data<double>()[o], p, 1e-12) << o;
              }
            }
          }
}

TEST(Resize, CropsAndFillsOutside) {
  Attributes a = how("linear", "tf_crop_and_resize");
  a.set("extrapolation", -1.0);
  const std::vector<double> roi{0.5, 1.5};
  const Tensor y =
      evaluate(ops::resize, {column({0, 2, 4}), size(5), one(5.0 / 3), Tensor::of<double>({2}, roi)}, a);
  EXPECT_EQ(floats_of(y), (std::vector<float>{2, 3, 4, -1, -1}));
}

TEST(Resize, TypesKeepSymbols) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, C, H, W]"));
  const Id h = b.add(ops::gather, {b.add(ops::shape_of, {x}), b.ints({2})}, {{"axis", int64_t{0}}});
  const Id twice = b.add(ops::mul, {h, b.scalar<int64_t>(2)});
  b.finish({b.add(ops::resize, {x, twice}, how("nearest", "asymmetric", 2))}, {"y"});
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[N, C, 2*H, W]");
}

}  // namespace
}  // namespace tauto::testing
