// Reductions, pools, normalisations and sampling: older operator sets, unknown sizes, and laws that tie the
// operators to one another.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/text.h"
#include "onnx/node_model.h"
#include "ops/run_op.h"

namespace tauto::onnx {
namespace {

using Attrs = std::vector<AttributeProto>;
using Known = NodeModel::Known;

const Tensor kAbsent;

Tensor ints(std::vector<int64_t> v) { return Tensor::ints(v); }
Tensor floats(Shape shape, std::vector<float> v) { return Tensor::of<float>(std::move(shape), v); }
Tensor full(Shape shape, float v) {
  Tensor t(f32, std::move(shape));
  std::fill_n(t.data<float>(), t.count(), v);
  return t;
}
Tensor random(Shape shape, uint64_t seed = 1) {
  Tensor t = Random(seed).floats(std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] *= 0.3f;
  return t;
}

// The same results whether dims are known at import or not.
std::vector<Tensor> run(NodeModel m) {
  m.known = Known::Ranks;
  const auto unknown = m.run();
  m.known = Known::Dims;
  const auto known = m.run();
  EXPECT_TRUE(known == unknown) << m.op;
  return known;
}
Tensor run1(NodeModel m) { return run(std::move(m))[0]; }

void expect_near(const Tensor& a, const Tensor& b, float error) {
  ASSERT_EQ(a.shape(), b.shape());
  for (int64_t i = 0; i < a.count(); ++i) ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], error) << i;
}

TEST(Reduce, AxesAreAnAttributeOrAnInput) {
  const Tensor x = random({2, 3, 4});
  for (const char* op : {"ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2",
                         "ReduceLogSumExp", "ReduceSumSquare", "ReduceSum"})
    for (int64_t keep : {0, 1}) {
      const auto k = attribute("keepdims", keep);
      EXPECT_EQ(run1({op, 11, {x}, {attribute("axes", Ints{-1, 0}), k}}),
                run1({op, 18, {x, ints({0, 2})}, {k}}))
          << op;
      EXPECT_EQ(run1({op, 11, {x}, {k}}), run1({op, 18, {x}, {k}})) << op;
      EXPECT_EQ(run1({op, 11, {x}, {k}}), run1({op, 18, {x, ints({})}, {k}})) << op;
    }
  EXPECT_EQ(run1({"ReduceSum", 13, {x, ints({})}, {attribute("noop_with_empty_axes", int64_t{1})}}), x);
  EXPECT_EQ((NodeModel{"ReduceSum", 11, {x}, {attribute("axes", Ints{3})}}.error()),
            "node.onnx: node \"it\" (ReduceSum): axis: required -3 <= axis < 3, got 3");
}

TEST(Reduce, KindsOfThreeFourTwelve) {
  const Tensor x = floats({1, 3}, {3, -4, 12});
  const auto of = [&](const char* op) {
    return run1({op, 11, {x}, {attribute("axes", Ints{1})}}).data<float>()[0];
  };
  EXPECT_EQ(of("ReduceL1"), 19);
  EXPECT_EQ(of("ReduceL2"), 13);
  EXPECT_EQ(of("ReduceSumSquare"), 169);
  EXPECT_EQ(of("ReduceMean"), 11.f / 3);
  EXPECT_EQ(of("ReduceLogSum"), std::log(11.f));
  EXPECT_NEAR(of("ReduceLogSumExp"), 12.0001235f, 1e-5);
}

// A half-precision mean does not overflow in its sum.
TEST(Reduce, HalvesAreSummedInF32) {
  Tensor x(f16, {1, 1, 100, 100});
  for (int64_t i = 0; i < x.count(); ++i) x.data<Half>()[i] = Half(1000.f);
  EXPECT_EQ(static_cast<float>(run1({"GlobalAveragePool", 17, {x}}).data<Half>()[0]), 1000.f);
}

TEST(Softmax, BeforeOperatorSet13RunsOverAllAxesFromTheGivenOne) {
  const Tensor x = random({2, 3, 4});
  for (const char* op : {"Softmax", "LogSoftmax"})
    expect_near(run1({op, 11, {x}}), run1({op, 13, {x.reshaped({2, 12})}}).reshaped({2, 3, 4}), 1e-6f);
}

TEST(Pool, TypesAreExpressionsInTheInputsDims) {
  NodeModel m{"MaxPool",
              12,
              {Tensor(f32, {1, 2, 8, 8})},
              {attribute("kernel_shape", Ints{3, 3}), attribute("pads", Ints{1, 1, 1, 1}),
               attribute("strides", Ints{2, 2})}};
  m.known = Known::Ranks;
  const auto type = [&] {
    const Module module = m.import();
    const Type t = module.main().result_types()[0], x = module.main().parameter_types()[0];
    const Dim h = x.dims[2], want = floor_div(h + Dim(2) - Dim(3), Dim(2)) + Dim(1);
    EXPECT_EQ(t.dims[0], x.dims[0]);
    EXPECT_EQ(t.dims[2], want) << text_of(t);
  };
  type();
  m.op = "AveragePool";
  type();
}

Attrs random_geometry(Random& r, int64_t spatial, bool pads) {
  Ints kernel, strides, around, dilations;
  for (int64_t d = 0; d < spatial; ++d) {
    kernel.push_back(r.between(1, 3));
    strides.push_back(r.between(1, 3));
    dilations.push_back(r.between(1, 2));
  }
  for (int64_t d = 0; d < 2 * spatial; ++d)
    around.push_back(pads ? r.between(0, kernel[static_cast<size_t>(d % spatial)] - 1) : 0);
  Attrs a{attribute("kernel_shape", kernel), attribute("strides", strides), attribute("dilations", dilations),
          attribute("ceil_mode", int64_t{r.coin()})};
  if (r.between(0, 3) == 0)
    a.push_back(attribute("auto_pad", r.coin() ? "SAME_UPPER" : "SAME_LOWER"));
  else
    a.push_back(attribute("pads", around));
  return a;
}

TEST(Pool, TheAverageOfOnesIsOneWithoutPads) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random r(seed);
    const int64_t spatial = r.between(1, 3);
    Shape shape{1, 2};
    for (int64_t d = 0; d < spatial; ++d) shape.push_back(r.between(5, 8));
    Attrs a = random_geometry(r, spatial, true);
    const Tensor y = run1({"AveragePool", 19, {full(shape, 1)}, a});
    expect_near(y, full(y.shape(), 1), 2e-7f);  // n · f32(1/n)
    a.push_back(attribute("count_include_pad", int64_t{1}));
    const Tensor padded = run1({"AveragePool", 19, {full(shape, 1)}, a});
    for (int64_t i = 0; i < padded.count(); ++i) {
      EXPECT_LE(padded.data<float>()[i], 1 + 2e-7f);
      EXPECT_GT(padded.data<float>()[i], 0);
    }
  }
}

TEST(Pool, IndicesPointAtTheMaxima) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random r(seed);
    const int64_t spatial = r.between(1, 3);
    Shape shape{2, 2};
    for (int64_t d = 0; d < spatial; ++d) shape.push_back(r.between(5, 7));
    const Tensor x = random(shape, seed);
    Attrs a = random_geometry(r, spatial, true);
    const auto y = run({"MaxPool", 12, {x}, a, 2});
    a.push_back(attribute("storage_order", int64_t{1}));
    const auto column_major = run({"MaxPool", 12, {x}, a, 2});
    EXPECT_EQ(column_major[0], y[0]);
    const Shape strides = [&] {
      Shape s(shape.size(), 1);
      for (size_t d = shape.size() - 1; d-- > 0;) s[d] = s[d + 1] * shape[d + 1];
      return s;
    }();
    for (int64_t i = 0; i < y[0].count(); ++i) {
      const int64_t at = y[1].data<int64_t>()[i];
      EXPECT_EQ(x.data<float>()[at], y[0].data<float>()[i]);
      int64_t turned = at / strides[1] * strides[1], faster = 1;
      for (size_t d = 2; d < shape.size(); ++d) {
        turned += at / strides[d] % shape[d] * faster;
        faster *= shape[d];
      }
      EXPECT_EQ(column_major[1].data<int64_t>()[i], turned);
    }
  }
}

TEST(Pool, UnpoolingPutsTheMaximaBack) {
  const Tensor x = random({2, 3, 4, 6});
  const Attrs a{attribute("kernel_shape", Ints{2, 2}), attribute("strides", Ints{2, 2})};
  const auto pooled = run({"MaxPool", 12, {x}, a, 2});
  const Tensor y = run1({"MaxUnpool", 11, {pooled[0], pooled[1]}, a});
  ASSERT_EQ(y.shape(), x.shape());
  for (int64_t i = 0; i < x.count(); ++i)
    EXPECT_TRUE(y.data<float>()[i] == 0 || y.data<float>()[i] == x.data<float>()[i]);
  EXPECT_EQ(run({"MaxPool", 12, {y}, a, 1}).size(), 1u);
  const Tensor larger = run1({"MaxUnpool", 11, {pooled[0], pooled[1], ints({2, 3, 5, 7})}, a});
  EXPECT_EQ(larger.shape(), (Shape{2, 3, 5, 7}));
  EXPECT_EQ(larger.data<float>()[7], y.data<float>()[6]);
}

TEST(BatchNormalization, IsOneFmaByScaleAndShiftOfF64) {
  const Tensor x = random({2, 3, 4}), scale = random({3}, 2), bias = random({3}, 3), mean = random({3}, 4),
               variance = floats({3}, {0.5f, 2, 1e-6f});
  for (int64_t version : {1, 6, 7, 9, 14, 15}) {
    Attrs a{attribute("epsilon", 1e-3f)};
    if (version < 7) a.push_back(attribute("is_test", int64_t{1}));
    const Tensor y = run1({"BatchNormalization", version, {x, scale, bias, mean, variance}, a});
    for (int64_t i = 0; i < x.count(); ++i) {
      const int64_t ch = i / 4 % 3;
      const double s =
          double{scale.data<float>()[ch]} / std::sqrt(double{variance.data<float>()[ch]} + double{1e-3f});
      const auto t = static_cast<float>(double{bias.data<float>()[ch]} - double{mean.data<float>()[ch]} * s);
      EXPECT_EQ(y.data<float>()[i], std::fma(x.data<float>()[i], static_cast<float>(s), t));
    }
  }
}

TEST(BatchNormalization, TrainingTakesItsStatisticsFromTheInput) {
  const Tensor x = random({4, 3, 5}), one = full({3}, 1), zero = full({3}, 0);
  const auto y = run({"BatchNormalization",
                      15,
                      {x, one, zero, zero, one},
                      {attribute("training_mode", int64_t{1}), attribute("momentum", 0.0f)},
                      3});
  // With momentum 0 the running statistics are the batch's: inference with them is the same.
  expect_near(run1({"BatchNormalization", 15, {x, one, zero, y[1], y[2]}}), y[0], 1e-6f);
  expect_near(
      run1({"ReduceMean", 13, {y[0]}, {attribute("axes", Ints{0, 2}), attribute("keepdims", int64_t{0})}}),
      zero, 1e-6f);
}

TEST(Normalization, GroupsLieBetweenInstancesAndLayers) {
  const Tensor x = random({2, 6, 3, 5}), one = full({6}, 1), zero = full({6}, 0);
  const auto groups = [&](int64_t n) {
    return run1({"GroupNormalization", 21, {x, one, zero}, {attribute("num_groups", n)}});
  };
  expect_near(groups(6), run1({"InstanceNormalization", 6, {x, one, zero}}), 2e-6f);
  const Tensor flat = x.reshaped({2, 90});
  const auto layer = run({"LayerNormalization", 17, {flat, full({90}, 1)}, {}, 3});
  expect_near(groups(1), layer[0].reshaped(x.shape()), 2e-6f);
  EXPECT_EQ(layer[1].shape(), (Shape{2, 1}));
  // Per group before operator set 21.
  const Tensor scale = random({2}, 5), bias = random({2}, 6);
  const auto spread = [](const Tensor& t) {
    return floats({6}, {t.data<float>()[0], t.data<float>()[0], t.data<float>()[0], t.data<float>()[1],
                        t.data<float>()[1], t.data<float>()[1]});
  };
  EXPECT_EQ(run1({"GroupNormalization", 18, {x, scale, bias}, {attribute("num_groups", int64_t{2})}}),
            run1({"GroupNormalization",
                  21,
                  {x, spread(scale), spread(bias)},
                  {attribute("num_groups", int64_t{2})}}));
  EXPECT_EQ(
      (NodeModel{"GroupNormalization", 21, {x, one, zero}, {attribute("num_groups", int64_t{4})}}.error()),
      "node.onnx: node \"it\" (GroupNormalization): required channels in 4 equal groups, got f32[2, 6, 3, "
      "5]");
}

TEST(Resize, OlderFormsAndUnknownScales) {
  const Tensor x = random({1, 2, 3, 5}), scales = floats({4}, {1, 1, 2, 1.5f}), none = floats({0}, {});
  for (const char* mode : {"nearest", "linear"}) {
    const auto m = attribute("mode", mode);
    const Tensor y = run1({"Resize", 10, {x, scales}, {m}});
    EXPECT_EQ(y.shape(), (Shape{1, 2, 6, 7}));
    EXPECT_EQ(run1({"Upsample", 9, {x, scales}, {m}}), y);
    EXPECT_EQ(run1({"Resize",
                    13,
                    {x, none, scales},
                    {m, attribute("coordinate_transformation_mode", "asymmetric"),
                     attribute("nearest_mode", "floor")}}),
              y);
  }
  const Tensor by_size = run1({"Resize",
                               18,
                               {x, kAbsent, kAbsent, ints({6, 10})},
                               {attribute("mode", "cubic"), attribute("axes", Ints{2, 3})}});
  EXPECT_EQ(by_size, run1({"Resize",
                           18,
                           {x, kAbsent, floats({2}, {2, 2})},
                           {attribute("mode", "cubic"), attribute("axes", Ints{2, 3})}}));
  const auto keep = [&](const char* policy) {
    return run1({"Resize",
                 19,
                 {x, kAbsent, kAbsent, ints({6, 20})},
                 {attribute("mode", "linear"), attribute("axes", Ints{2, 3}),
                  attribute("keep_aspect_ratio_policy", policy)}})
        .shape();
  };
  EXPECT_EQ(keep("not_larger"), (Shape{1, 2, 6, 10}));
  EXPECT_EQ(keep("not_smaller"), (Shape{1, 2, 12, 20}));
}

TEST(Resize, IntegersAreRoundedToNearest) {
  const std::vector<uint8_t> v{0, 10, 255};
  const Tensor x = Tensor::of<uint8_t>({1, 1, 3}, v);
  const Tensor y = run1({"Resize", 13, {x, kAbsent, floats({3}, {1, 1, 2})}, {attribute("mode", "linear")}});
  const std::vector<uint8_t> want{0, 2, 8, 71, 194, 255};
  EXPECT_EQ(y, (Tensor::of<uint8_t>({1, 1, 6}, want)));
}

TEST(Sample, TheIdentityGridGivesTheInput) {
  for (int64_t spatial : {2, 3})
    for (int64_t aligned : {0, 1})
      for (const char* padding : {"zeros", "border", "reflection"}) {
        Shape shape{2, 3, 4, 5};
        if (spatial == 3) shape.push_back(6);
        const Tensor x = random(shape);
        Tensor theta(f32, {2, spatial, spatial + 1});
        for (int64_t i = 0; i < 2 * spatial; ++i) theta.data<float>()[i * (spatial + 1) + i % spatial] = 1;
        const auto a = attribute("align_corners", aligned);
        const Tensor grid = run1({"AffineGrid", 20, {theta, ints({shape.begin(), shape.end()})}, {a}});
        for (const char* mode : {"nearest", "linear", "cubic"})
          expect_near(run1({"GridSample",
                            20,
                            {x, grid},
                            {a, attribute("mode", mode), attribute("padding_mode", padding)}}),
                      x, 1e-5f);
      }
}

TEST(Sample, RegionsOfAConstantAreConstant) {
  const Tensor x = full({2, 3, 8, 8}, 2.5f), rois = floats({2, 4}, {1, 1, 6, 5, 0.5f, 2, 3, 7});
  for (int64_t ratio : {0, 2})
    for (const char* mode : {"avg"}) {
      const Tensor y = run1({"RoiAlign",
                             16,
                             {x, rois, ints({0, 1})},
                             {attribute("output_height", int64_t{2}), attribute("output_width", int64_t{3}),
                              attribute("sampling_ratio", ratio), attribute("mode", mode)}});
      expect_near(y, full({2, 3, 2, 3}, 2.5f), 1e-6f);
    }
}

TEST(Sample, TheRegionOfTheWholeImagePoolsAllOfIt) {
  const Tensor x = random({1, 2, 4, 6});
  const Tensor y =
      run1({"MaxRoiPool", 1, {x, floats({1, 5}, {0, 0, 0, 5, 3})}, {attribute("pooled_shape", Ints{2, 3})}});
  EXPECT_EQ(
      y,
      run1({"MaxPool", 12, {x}, {attribute("kernel_shape", Ints{2, 2}), attribute("strides", Ints{2, 2})}}));
}

}  // namespace
}  // namespace tauto::onnx
