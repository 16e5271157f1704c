// Import of small models written by hand.
#include "onnx/import.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "onnx/small_model.h"

namespace tauto::onnx {
namespace {

using namespace testing;  // NOLINT

std::string error_of(GraphProto g) { return testing::error_of(model_of(std::move(g))); }

TEST(Import, MatMulBroadcastsBatchDimsThatOnlyRunTimeKnows) {
  GraphProto g;
  g.input = {value("a", {"N", "2", "3"}), value("b", {"M", "3", "2"})};
  g.node = {node("MatMul", {"a", "b"}, {"y"})};
  g.output = {value("y", {})};
  const Module m = import_model(model_of(g));
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[bcast(M, N), 2, 2]");
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{1, 0, 0, 1, 1, 1, 2, 0, 0, 2, 2, 2};
  const auto y = interpret(m, {Tensor::of<float>({1, 2, 3}, a), Tensor::of<float>({2, 3, 2}, b)});
  const std::vector<float> want{4, 5, 10, 11, 8, 10, 20, 22};
  EXPECT_EQ(y[0].tensor, (Tensor::of<float>({2, 2, 2}, want)));
  const ModuleText t = print(m);
  EXPECT_TRUE(parse_module(t.text, t.side) == m) << t.text;
}

TEST(Import, ErrorsNameFileAndNode) {
  GraphProto g;
  g.input = {value("x", {"2"})};
  g.node = {node("Frobnicate", {"x"}, {"y"})};
  g.output = {value("y", {})};
  EXPECT_EQ(error_of(g), "small.onnx: node \"it\" (Frobnicate): the operator is not supported");
  g.node = {node("Relu", {"z"}, {"y"})};
  EXPECT_EQ(
      error_of(g),
      "small.onnx: node \"it\" (Relu): input \"z\" is defined by no earlier node, initializer or graph input "
      "(missing, in a cycle, or out of order)");
  g.node = {node("Add", {"x", "x"}, {"x2"})};
  EXPECT_EQ(error_of(g),
            "small.onnx: output \"y\" is defined by no earlier node, initializer or graph input (missing, in "
            "a cycle, or "
            "out of order)");
}

}  // namespace
}  // namespace tauto::onnx
