// Rules of elementwise converters that the standard's own test data do not reach: old operator sets,
// defaults, mixed types.
#include <gtest/gtest.h>

#include <cmath>

#include "interpret/interpret.h"
#include "onnx/import.h"

namespace tauto::onnx {
namespace {

AttributeProto attribute(std::string_view name, int64_t v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kInt;
  a.i = v;
  return a;
}
AttributeProto attribute(std::string_view name, std::string_view v) {
  AttributeProto a;
  a.name = name;
  a.type = AttributeProto::kString;
  a.s = v;
  return a;
}

struct Given {
  int32_t onnx_type;
  Tensor value;
};

// One node of one operator set, run on these inputs.
std::vector<Value> run(int64_t version, std::string_view op, std::vector<Given> inputs,
                       std::vector<AttributeProto> attributes = {}, int outputs = 1) {
  static constexpr std::string_view kIn[] = {"a", "b", "c"}, kOut[] = {"x", "y"};
  GraphProto g;
  NodeProto n;
  n.op_type = op;
  n.attribute = std::move(attributes);
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    n.input.push_back(kIn[i]);
    ValueInfoProto v;
    v.name = kIn[i];
    TypeProto::Tensor t;
    t.elem_type = inputs[i].onnx_type;
    auto& shape = t.shape.make();
    for (int64_t d : inputs[i].value.shape()) {
      DimensionProto dim;
      dim.dim_value = d;
      shape.dim.push_back(dim);
    }
    v.type.make().tensor_type = t;
    g.input.push_back(std::move(v));
    values.emplace_back(inputs[i].value);
  }
  for (int i = 0; i < outputs; ++i) {
    n.output.push_back(kOut[i]);
    ValueInfoProto v;
    v.name = kOut[i];
    g.output.push_back(std::move(v));
  }
  g.node = {n};
  Model m;
  m.proto.ir_version = 3;
  m.proto.opset_import.push_back({"", version});
  m.proto.graph = std::move(g);
  m.storage = std::make_shared<Storage>(Bytes{}, "one.onnx", "");
  return interpret(import_model(m), std::move(values));
}

Given floats(Shape shape, std::vector<float> v) { return {kFloat, Tensor::of<float>(std::move(shape), v)}; }

std::vector<float> result(const std::vector<Value>& r) {
  const auto v = r[0].tensor.values<float>();
  return {v.begin(), v.end()};
}

TEST(OldBroadcast, AxisPlacesTheSecondOperand) {
  const Given a = floats({2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_EQ(result(run(6, "Add", {a, floats({2}, {1, 2})},
                       {attribute("broadcast", 1), attribute("axis", int64_t{0})})),
            (std::vector<float>{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(result(run(6, "Add", {a, floats({3}, {1, 2, 3})}, {attribute("broadcast", 1)})),
            (std::vector<float>{1, 2, 3, 1, 2, 3}));
  // From operator set 7 on numpy's rule alone.
  EXPECT_EQ(result(run(7, "Add", {a, floats({3}, {1, 2, 3})})), (std::vector<float>{1, 2, 3, 1, 2, 3}));
}

TEST(OldBroadcast, WithoutItShapesMustBeEqual) {
  try {
    run(6, "Mul", {floats({2, 3}, {0, 0, 0, 0, 0, 0}), floats({3}, {1, 2, 3})});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("without broadcast=1 equal shapes are required"), std::string::npos)
        << e.what();
  }
}

TEST(OldBroadcast, PReluSlopePerChannel) {
  EXPECT_EQ(result(run(6, "PRelu", {floats({1, 2, 2}, {-1, -2, -3, 4}), floats({2}, {10, 100})})),
            (std::vector<float>{-10, -20, -300, 4}));
}

TEST(Pow, MixedTypesKeepTheBase) {
  const Given base = {kInt32, Tensor::of<int32_t>({2}, std::vector<int32_t>{9, -2})};
  const auto root = run(13, "Pow", {base, floats({}, {0.5f})});
  EXPECT_EQ(root[0].tensor.type(), i32);
  EXPECT_EQ(root[0].tensor.data<int32_t>()[0], 3);
  const auto cube = run(13, "Pow", {base, {kInt64, Tensor::scalar<int64_t>(3)}});
  EXPECT_EQ(cube[0].tensor.data<int32_t>()[0], 729);
  EXPECT_EQ(cube[0].tensor.data<int32_t>()[1], -8);
  EXPECT_EQ(result(run(13, "Pow", {floats({1}, {2}), {kInt64, Tensor::scalar<int64_t>(-2)}})),
            std::vector<float>{0.25f});
}

TEST(Clip, BoundsByOperatorSet) {
  const Given x = floats({3}, {-HUGE_VALF, 0.5f, HUGE_VALF});
  const float top = std::numeric_limits<float>::max();
  EXPECT_EQ(result(run(6, "Clip", {x})), (std::vector<float>{-top, 0.5f, top}));
  EXPECT_EQ(result(run(13, "Clip", {x})), (std::vector<float>{-HUGE_VALF, 0.5f, HUGE_VALF}));
  EXPECT_EQ(result(run(13, "Clip", {x, floats({}, {-1}), floats({}, {1})})),
            (std::vector<float>{-1, 0.5f, 1}));
  // A lower bound above the upper one: the upper one wins.
  EXPECT_EQ(result(run(13, "Clip", {x, floats({}, {2}), floats({}, {1})})), (std::vector<float>{1, 1, 1}));
}

TEST(Cast, TypesByNameBeforeOperatorSet6) {
  const auto r = run(1, "Cast", {floats({2}, {1.5f, -2.5f})}, {attribute("to", std::string_view("INT32"))});
  EXPECT_EQ(r[0].tensor.type(), i32);
  EXPECT_EQ(r[0].tensor.data<int32_t>()[1], -2);
}

TEST(Dropout, InferenceKeepsEverything) {
  const auto r = run(13, "Dropout", {floats({2}, {NAN, 2})}, {}, 2);
  EXPECT_TRUE(r[1].tensor.type().is_bool());
  EXPECT_TRUE(r[1].tensor.data<bool>()[0] && r[1].tensor.data<bool>()[1]);
  const auto old = run(7, "Dropout", {floats({2}, {1, 2})}, {}, 2);
  EXPECT_EQ(old[1].tensor.type(), f32);
  EXPECT_EQ(old[1].tensor.data<float>()[0], 1);
}

// Far from zero softplus is max(x, 0), also where e^x overflows.
TEST(Softplus, DoesNotOverflow) {
  EXPECT_EQ(result(run(1, "Softplus", {floats({3}, {200, -200, 0})})),
            (std::vector<float>{200, 0, std::log(2.0f)}));
}

}  // namespace
}  // namespace tauto::onnx
