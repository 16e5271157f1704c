// Converters of data movement: every form an operator had in older versions means what the newest one means,
// and what is known at import does not change results.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "onnx/node_model.h"
#include "ops/run_op.h"

namespace tauto::onnx {
namespace {

using Inputs = std::vector<Tensor>;
using Attrs = std::vector<AttributeProto>;
using Known = NodeModel::Known;

Tensor list(std::vector<int64_t> v) { return Tensor::ints(v); }
Tensor one(int64_t v) { return Tensor::scalar(v); }
const Tensor kAbsent;

// The results of the newest form, the same for every amount of knowledge and for the older form.
std::vector<Tensor> expect_same(NodeModel older, NodeModel newest) {
  std::vector<Tensor> want;
  for (Known known : {Known::Dims, Known::Ranks, Known::Values}) {
    older.known = newest.known = known;
    older.outputs = newest.outputs;
    const auto a = older.run(), b = newest.run();
    if (want.empty()) want = b;
    EXPECT_TRUE(a == want) << older.op << " version " << older.version;
    EXPECT_TRUE(b == want) << newest.op << " version " << newest.version;
  }
  return want;
}

Tensor x234() { return Random(1).floats({2, 3, 4}); }

TEST(OldForms, Slice) {
  expect_same(
      {"Slice",
       9,
       {x234()},
       {attribute("starts", Ints{1, -3}), attribute("ends", Ints{9, -1}), attribute("axes", Ints{2, 1})}},
      {"Slice", 13, {x234(), list({1, -3}), list({9, -1}), list({2, 1})}, {}});
  expect_same({"Slice", 1, {x234()}, {attribute("starts", Ints{1, 0}), attribute("ends", Ints{2, 2})}},
              {"Slice", 13, {x234(), list({1, 0}), list({2, 2}), kAbsent, list({1, 1})}, {}});
}

TEST(OldForms, SqueezeAndUnsqueeze) {
  const Tensor x = x234().reshaped({2, 1, 3, 1, 4});
  expect_same({"Squeeze", 11, {x}, {attribute("axes", Ints{-2, 1})}}, {"Squeeze", 13, {x, list({1, 3})}, {}});
  const auto all = expect_same({"Squeeze", 1, {x}, {}}, {"Squeeze", 13, {x}, {}});
  EXPECT_EQ(all[0].shape(), (Shape{2, 3, 4}));
  const auto r = expect_same({"Unsqueeze", 1, {x234()}, {attribute("axes", Ints{0, 4})}},
                             {"Unsqueeze", 13, {x234(), list({-1, 0})}, {}});
  EXPECT_EQ(r[0].shape(), (Shape{1, 2, 3, 4, 1}));
}

TEST(OldForms, Reshape) {
  expect_same({"Reshape", 1, {x234()}, {attribute("shape", Ints{0, -1})}},
              {"Reshape", 14, {x234(), list({0, -1})}, {}});
}

TEST(OldForms, Pad) {
  expect_same({"Pad", 1, {x234()}, {attribute("paddings", Ints{0, 1, 2, 1, 0, 1}), attribute("value", 2.5f)}},
              {"Pad", 2, {x234()}, {attribute("pads", Ints{0, 1, 2, 1, 0, 1}), attribute("value", 2.5f)}});
  expect_same({"Pad", 2, {x234()}, {attribute("pads", Ints{0, 1, 2, 1, 0, 1}), attribute("mode", "reflect")}},
              {"Pad", 11, {x234(), list({0, 1, 2, 1, 0, 1})}, {attribute("mode", "reflect")}});
  expect_same({"Pad", 13, {x234(), list({0, 1, 0, 0, 2, 0}), Tensor::scalar<float>(7)}, {}},
              {"Pad", 19, {x234(), list({1, 2}), Tensor::scalar<float>(7), list({1})}, {}});
}

TEST(OldForms, Split) {
  NodeModel newest{"Split", 13, {x234(), list({1, 3})}, {attribute("axis", int64_t{2})}, 2};
  expect_same({"Split", 2, {x234()}, {attribute("axis", int64_t{2}), attribute("split", Ints{1, 3})}},
              newest);
  expect_same({"Split", 1, {x234(), list({1, 3})}, {attribute("axis", int64_t{2})}}, newest);
  newest = {"Split", 18, {x234()}, {attribute("axis", int64_t{2}), attribute("num_outputs", int64_t{2})}, 2};
  expect_same({"Split", 13, {x234()}, {attribute("axis", int64_t{-1})}}, newest);
  // Seven into three: 3, 3, 1.
  NodeModel uneven{"Split", 18, {Tensor(f32, {7})}, {attribute("num_outputs", int64_t{3})}, 3};
  EXPECT_EQ(uneven.run()[2].shape(), (Shape{1}));
  uneven.version = 13;
  EXPECT_EQ(uneven.error(),
            "node.onnx: node \"it\" (Split): axis 0 of f32[7] cannot be split into 3 equal parts");
}

TEST(OldForms, TopK) {
  expect_same({"TopK", 1, {x234()}, {attribute("k", int64_t{2})}, 2},
              {"TopK", 11, {x234(), list({2})}, {}, 2});
  expect_same({"TopK", 10, {x234(), list({2})}, {attribute("axis", int64_t{1})}, 2},
              {"TopK", 11, {x234(), list({2})}, {attribute("axis", int64_t{-2})}, 2});
}

TEST(OldForms, TileAndConcatAndScatter) {
  expect_same({"Tile", 1, {x234(), one(3), one(1)}, {}}, {"Tile", 13, {x234(), list({1, 3, 1})}, {}});
  expect_same({"Concat", 1, {x234(), x234()}, {}},
              {"Concat", 13, {x234(), x234()}, {attribute("axis", int64_t{1})}});
  const Tensor at = Random(2).ints({2, 2, 4}, 0, 2), u = Random(3).floats({2, 2, 4});
  expect_same({"Scatter", 9, {x234(), at, u}, {attribute("axis", int64_t{1})}},
              {"ScatterElements", 18, {x234(), at, u}, {attribute("axis", int64_t{1})}});
}

TEST(OldForms, HardmaxFlattens) {
  expect_same({"Hardmax", 11, {x234()}, {attribute("axis", int64_t{2})}}, {"Hardmax", 13, {x234()}, {}});
  const Tensor flat = NodeModel{"Hardmax", 11, {x234()}, {}}.run()[0];
  EXPECT_EQ(flat.reshaped({2, 12}), (NodeModel{"Hardmax", 13, {x234().reshaped({2, 12})}, {}}.run()[0]));
}

TEST(Converters, TileIsConcatenation) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(2));
    const Tensor repeats = random.ints({2}, 0, 3);
    NodeModel tile{"Tile", 13, {x, repeats}, {}};
    for (Known known : {Known::Dims, Known::Ranks, Known::Values}) {
      tile.known = known;
      const Tensor y = tile.run()[0];
      const auto r = repeats.as_ints();
      ASSERT_EQ(y.shape(), (Shape{x.dim(0) * r[0], x.dim(1) * r[1]}));
      each_index(y.shape(), [&](const Shape& index, int64_t i) {
        EXPECT_EQ(y.data<int64_t>()[i],
                  x.data<int64_t>()[linear(x.shape(), {index[0] % x.dim(0), index[1] % x.dim(1)})]);
      });
    }
  }
}

TEST(Converters, ShapesOfSymbolicInputsAreClosedForms) {
  const auto type = [](NodeModel m) {
    m.known = Known::Ranks;
    return text_of(m.import().main().result_types()[0]);
  };
  EXPECT_EQ(type({"Flatten", 13, {x234()}, {}}), "f32[?0, ?1*?2]");
  EXPECT_EQ(type({"DepthToSpace", 13, {Tensor(f32, {1, 8, 2, 3})}, {attribute("blocksize", int64_t{2})}}),
            "f32[?0, floor(?1/4), 2*?2, 2*?3]");
}

TEST(Converters, CropAndPadAreInverse) {
  const Tensor x = x234();
  const Tensor wide =
      NodeModel{"CenterCropPad", 18, {x, list({5, 4})}, {attribute("axes", Ints{0, 2})}}.run()[0];
  ASSERT_EQ(wide.shape(), (Shape{5, 3, 4}));
  // One before, two after; from five to two: one off before, two after.
  EXPECT_EQ((NodeModel{"CenterCropPad", 18, {wide, list({2, 3, 4})}, {}}.run()[0]), x);
  const Tensor first = run_tensor(ops::slice, {wide, list({0}), list({1}), list({1})});
  for (int64_t i = 0; i < first.count(); ++i) EXPECT_EQ(first.data<float>()[i], 0);
}

TEST(Converters, SpaceToDepthUndoesDepthToSpace) {
  const Tensor x = Random(4).floats({2, 12, 2, 3});
  const auto block = attribute("blocksize", int64_t{2});
  const Tensor y = NodeModel{"DepthToSpace", 13, {x}, {block}}.run()[0];
  EXPECT_EQ(y.shape(), (Shape{2, 3, 4, 6}));
  EXPECT_EQ((NodeModel{"SpaceToDepth", 13, {y}, {block}}.run()[0]), x);
}

TEST(Converters, OneHotOfEveryIndex) {
  const Tensor values = Tensor::of<float>({2}, std::array{-1.f, 5.f});
  for (Known known : {Known::Dims, Known::Ranks, Known::Values}) {
    NodeModel m{"OneHot", 11, {list({0, 2, -1, 3, -4}), one(3), values}, {}};
    m.known = known;
    const Tensor y = m.run()[0];
    ASSERT_EQ(y.shape(), (Shape{5, 3}));
    const int64_t on[] = {0, 2, 2, -1, -1};
    for (int64_t i = 0; i < 15; ++i) EXPECT_EQ(y.data<float>()[i], i % 3 == on[i / 3] ? 5 : -1);
  }
}

TEST(Converters, TrilSplitsATensor) {
  const Tensor x = Random(5).floats({2, 3, 4});
  for (int64_t k : {-3, -1, 0, 2, 4}) {
    const Tensor upper = NodeModel{"Trilu", 14, {x, one(k)}, {}}.run()[0];
    const Tensor lower = NodeModel{"Trilu", 14, {x, one(k - 1)}, {attribute("upper", int64_t{0})}}.run()[0];
    for (int64_t i = 0; i < x.count(); ++i) {
      const bool in_upper = i % 4 - i / 4 % 3 >= k;
      EXPECT_EQ(upper.data<float>()[i], in_upper ? x.data<float>()[i] : 0);
      EXPECT_EQ(lower.data<float>()[i], in_upper ? 0 : x.data<float>()[i]);
    }
  }
}

TEST(Converters, CompressTakesWhereTrue) {
  const bool flags[] = {false, true, true};
  const Tensor condition = Tensor::of<bool>({3}, flags);
  const Tensor y = NodeModel{"Compress", 11, {x234(), condition}, {attribute("axis", int64_t{1})}}.run()[0];
  EXPECT_EQ(y, run_tensor(ops::slice, {x234(), list({1}), list({3}), list({1})}, {{"axes", Ints{1}}}));
  EXPECT_EQ((NodeModel{"Compress", 11, {x234(), condition}, {}}.run()[0].shape()), (Shape{2}));
}

// Summing each patch back into an image of ones counts in how many patches a pixel is.
TEST(Converters, Col2ImAddsOverlaps) {
  const int64_t h = 5, w = 4, kh = 3, kw = 2;
  Tensor columns(f32, {1, kh * kw, (h - kh + 1 + 2) * (w - kw + 1)});
  for (int64_t i = 0; i < columns.count(); ++i) columns.data<float>()[i] = 1;
  NodeModel m{"Col2Im", 18, {columns, list({h, w}), list({kh, kw})}, {attribute("pads", Ints{1, 0, 1, 0})}};
  for (Known known : {Known::Dims, Known::Values}) {
    m.known = known;
    const Tensor y = m.run()[0];
    ASSERT_EQ(y.shape(), (Shape{1, 1, h, w}));
    for (int64_t i = 0; i < y.count(); ++i) {
      const int64_t row = i / w, column = i % w;
      const int64_t down = row == 0 || row == h - 1 ? 2 : 3, across = column == 0 || column == w - 1 ? 1 : 2;
      EXPECT_EQ(y.data<float>()[i], static_cast<float>(down * across));
    }
  }
}

TEST(Converters, TensorScatterWritesAtTheIndex) {
  const Tensor cache = Random(6).floats({2, 4, 3}), update = Random(7).floats({2, 2, 3});
  for (const char* mode : {"linear", "circular"}) {
    const bool circular = mode[0] == 'c';
    const Tensor at = list({1, circular ? 3 : 2});
    const Tensor y = NodeModel{"TensorScatter", 24, {cache, update, at}, {attribute("mode", mode)}}.run()[0];
    Tensor want(f32, {2, 4, 3});
    for (int64_t i = 0; i < cache.count(); ++i) want.data<float>()[i] = cache.data<float>()[i];
    each_index(update.shape(), [&](const Shape& i, int64_t k) {
      const int64_t row = (at.data<int64_t>()[i[0]] + i[1]) % 4;
      want.data<float>()[linear({2, 4, 3}, {i[0], row, i[2]})] = update.data<float>()[k];
    });
    EXPECT_EQ(y, want) << mode;
  }
}

TEST(Converters, ErrorsSayWhatWasRequired) {
  EXPECT_EQ((NodeModel{"Transpose", 13, {x234()}, {attribute("perm", Ints{0, 1, 3})}}.error()),
            "node.onnx: node \"it\" (Transpose): axis: required -3 <= axis < 3, got 3");
  EXPECT_EQ((NodeModel{"Squeeze", 13, {x234(), list({1})}, {}}.error()),
            "node.onnx: node \"it\" (Squeeze): dim 1 of f32[2, 3, 4] is not 1");
  EXPECT_EQ((NodeModel{"Flatten", 13, {x234()}, {attribute("axis", int64_t{4})}}.error()),
            "node.onnx: node \"it\" (Flatten): axis: required -3 <= axis <= 3, got 4");
}

}  // namespace
}  // namespace tauto::onnx
