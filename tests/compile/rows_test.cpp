// A row and what is made of its sums is one kernel, whoever wrote it, over whichever axes, and the same bits.
#include <gtest/gtest.h>

#include "compile/on_every_isa.h"
#include "onnx/import.h"
#include "onnx/small_model.h"
#include "ops/run_op.h"
#include "support/error.h"

namespace tauto {
namespace {

using onnx::testing::attribute;
using onnx::testing::graph;
using onnx::testing::initializer;
using onnx::testing::model_of;
using onnx::testing::node;
using onnx::testing::value;

struct Row {
  std::string name;
  onnx::Model model;
  Shape shape;  // of the input
};

std::shared_ptr<const Module> module_of(const onnx::Model& m) {
  return std::make_shared<const Module>(onnx::import_model(m));
}

std::vector<const CompiledGroup*> kernels_of(const Executable& e) {
  std::vector<const CompiledGroup*> all;
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups) all.push_back(&g);
  return all;
}

onnx::Model softmax(std::vector<std::string_view> dims, int64_t axis) {
  return model_of(
      graph({value("x", dims)}, {node("Softmax", {"x"}, {"y"}, {attribute("axis", axis)})}, {"y"}));
}

onnx::Model softmax_by_hand(std::vector<std::string_view> dims, int64_t axis) {
  const std::vector<int64_t> axes{axis};
  auto g = graph({value("x", dims)},
                 {node("ReduceMax", {"x"}, {"m"}, {attribute("axes", axes)}), node("Sub", {"x", "m"}, {"d"}),
                  node("Exp", {"d"}, {"e"}), node("ReduceSum", {"e", "a"}, {"s"}),
                  node("Reciprocal", {"s"}, {"r"}), node("Mul", {"e", "r"}, {"y"})},
                 {"y"});
  g.initializer.push_back(initializer("a", {1}, axes, onnx::kInt64));
  return model_of(std::move(g));
}

onnx::Model layer_norm(std::vector<std::string_view> dims, int64_t axis, int64_t width) {
  auto g = graph({value("x", dims)},
                 {node("LayerNormalization", {"x", "s", "b"}, {"n"}, {attribute("axis", axis)}),
                  node("Relu", {"n"}, {"y"})},
                 {"y"});
  std::vector<float> s, b;
  for (int64_t i = 0; i < width; ++i) s.push_back(static_cast<float>(i % 7) - 3), b.push_back(0.25f);
  g.initializer.push_back(initializer("s", {width}, s));
  g.initializer.push_back(initializer("b", {width}, b));
  return model_of(std::move(g));
}

onnx::Model channel_norm(const char* op, std::vector<std::string_view> dims, int64_t channels,
                         std::vector<onnx::AttributeProto> attributes) {
  auto g = graph({value("x", dims)}, {node(op, {"x", "s", "b"}, {"y"}, std::move(attributes))}, {"y"});
  std::vector<float> s, b;
  for (int64_t i = 0; i < channels; ++i) s.push_back(0.5f + static_cast<float>(i)), b.push_back(-1);
  g.initializer.push_back(initializer("s", {channels}, s));
  g.initializer.push_back(initializer("b", {channels}, b));
  return model_of(std::move(g), 21);
}

TEST(Rows, WrittenByHandIsTheSameMachineCode) {
  for (const int64_t axis : {-1, 1}) {
    for (const std::vector<std::string_view>& dims :
         {std::vector<std::string_view>{"6", "12", "40"}, std::vector<std::string_view>{"B", "12", "N"}}) {
      const auto named = compile(module_of(softmax(dims, axis)), {}),
                 by_hand = compile(module_of(softmax_by_hand(dims, axis)), {});
      const auto a = kernels_of(*named), b = kernels_of(*by_hand);
      ASSERT_EQ(a.size(), 1u);
      ASSERT_EQ(b.size(), 1u);
      EXPECT_EQ(a[0]->group.kind, Group::Kind::Kernel);
      EXPECT_FALSE(a[0]->built->bytes.empty());
      EXPECT_EQ(a[0]->built->bytes, b[0]->built->bytes) << axis;
    }
  }
}

TEST(Rows, OneKernelAndTheSameBits) {
  const std::vector<Row> rows{
      {"softmax", softmax({"9", "131"}, -1), {9, 131}},
      {"softmax of a short row", softmax({"3", "5"}, -1), {3, 5}},
      {"softmax over channels", softmax({"2", "21", "37"}, 1), {2, 21, 37}},
      {"softmax over rows", softmax({"300", "18"}, 0), {300, 18}},
      {"softmax, sizes of run time", softmax({"B", "N"}, -1), {5, 530}},
      {"softmax over channels, sizes of run time", softmax({"B", "C", "N"}, 1), {2, 19, 33}},
      {"layer norm", layer_norm({"4", "9", "96"}, -1, 96), {4, 9, 96}},
      {"layer norm, rows of run time", layer_norm({"B", "S", "40"}, -1, 40), {3, 7, 40}},
      {"instance norm", channel_norm("InstanceNormalization", {"2", "9", "5", "7"}, 9, {}), {2, 9, 5, 7}},
      {"instance norm, sizes of run time",
       channel_norm("InstanceNormalization", {"2", "9", "H", "W"}, 9, {}),
       {2, 9, 11, 26}},
      {"group norm",
       channel_norm("GroupNormalization", {"2", "12", "5", "7"}, 12, {attribute("num_groups", int64_t{3})}),
       {2, 12, 5, 7}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto m = module_of(row.model);
    Tensor x = Random(7).floats(row.shape);
    testing::expect_interpreted(m, {x}, [&](const Executable& e, Isa) {
      size_t kernels = 0;
      for (const CompiledGroup* g : kernels_of(e)) kernels += g->group.kind != Group::Kind::View;
      EXPECT_EQ(kernels, 1u);
    });
  }
}

}  // namespace
}  // namespace tauto
