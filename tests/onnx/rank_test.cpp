// Values whose rank only run time knows: operators that need a rank check it then (ops::refine).
#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "onnx/node_model.h"
#include "onnx/small_model.h"

namespace tauto::onnx {
namespace {

Tensor counted(Shape shape) {
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = static_cast<float>(i % 11 - 4);
  return t;
}

Tensor list(Ints v) { return Tensor::ints(v); }

// The same node over inputs of known ranks, and over the first one (and the initial states of recurrent
// networks) as f32[...].
TEST(Rank, ResultsDoNotDependOnWhenItIsKnown) {
  const Tensor image = counted({2, 4, 5, 6}), none;
  const auto number = [](const char* name, int64_t v) { return attribute(name, v); };
  const auto numbers = [](const char* name, Ints v) { return attribute(name, std::move(v)); };
  const NodeModel cases[] = {
      {"Squeeze", 13, {counted({2, 1, 3, 1})}},
      {"Squeeze", 13, {counted({2, 1, 3, 1}), list({-1, 1})}},
      {"Unsqueeze", 13, {counted({2, 3}), list({-1, 0})}},
      {"Unsqueeze", 11, {counted({2, 3})}, {numbers("axes", {1, 3})}},
      {"Transpose", 13, {counted({2, 3, 4})}, {numbers("perm", {2, 0, 1})}},
      {"Split", 18, {counted({2, 7})}, {number("axis", -1), number("num_outputs", 3)}, 3},
      {"Split", 13, {counted({2, 7}), list({3, 4})}, {number("axis", 1)}, 2},
      {"Gemm", 13, {counted({3, 4}), counted({4, 2})}},
      {"MatMul", 13, {counted({4}), counted({4, 2})}},
      {"MatMul", 13, {counted({5, 3, 4}), counted({4, 2})}},
      {"Conv", 11, {image, counted({6, 2, 3, 3})}, {number("group", 2)}},
      {"ConvTranspose", 11, {image, counted({4, 3, 2, 2})}},
      {"MaxPool", 12, {image}, {numbers("kernel_shape", {2, 3})}},
      {"AveragePool", 11, {image}, {numbers("kernel_shape", {2, 3}), numbers("pads", {1, 0, 0, 1})}},
      {"LSTM", 14, {counted({5, 2, 3}), counted({1, 8, 3}), counted({1, 8, 2})}, {}, 3},
      {"GRU",
       14,
       {counted({5, 2, 3}), counted({1, 6, 3}), counted({1, 6, 2}), none, none, counted({1, 2, 2})},
       {},
       2},
  };
  for (NodeModel n : cases) {
    SCOPED_TRACE(n.op);
    n.known = NodeModel::Known::Values;
    const std::vector<Tensor> want = n.run();
    n.unranked = {0, 5};
    ASSERT_EQ(n.error(), "no error");
    EXPECT_EQ(n.run(), want);
  }
}

// y = f(x without its first dim if that is 1), as networks have it that take one row or a batch of them.
GraphProto squeezed_if_one(NodeProto f) {
  using namespace testing;  // NOLINT
  GraphProto then, otherwise;
  then = graph({}, {node("Squeeze", {"x", "first"}, {"t"})}, {"t"});
  otherwise = graph({}, {}, {"x"});
  GraphProto g = graph(
      {value("x", {"N", "2", "3"})},
      {node("Shape", {"x"}, {"s"}), node("Gather", {"s", "zero"}, {"n"}), node("Equal", {"n", "one"}, {"c"}),
       node("If", {"c"}, {"r"}, {attribute("then_branch", then), attribute("else_branch", otherwise)}),
       std::move(f)},
      {"y"});
  g.initializer = {initializer<int64_t>("zero", {}, {0}, kInt64),
                   initializer<int64_t>("one", {}, {1}, kInt64),
                   initializer<int64_t>("first", {1}, {0}, kInt64)};
  return g;
}

TEST(Rank, OneGraphServesAllSizes) {
  using namespace testing;  // NOLINT
  const Module m = import_model(model_of(squeezed_if_one(node("Unsqueeze", {"r", "first"}, {"y"}))));
  EXPECT_EQ(verify(m), "");
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[...]");
  const ModuleText t = print(m);
  EXPECT_TRUE(parse_module(t.text, t.side) == m) << t.text;
  EXPECT_EQ(interpret(m, {counted({1, 2, 3})})[0].tensor, counted({1, 2, 3}));
  EXPECT_EQ(interpret(m, {counted({4, 2, 3})})[0].tensor, counted({1, 4, 2, 3}));
}

TEST(Rank, AWrongOneIsRefusedAtRunTime) {
  using namespace testing;  // NOLINT
  const Module m = import_model(
      model_of(squeezed_if_one(node("Transpose", {"r"}, {"y"}, {onnx::attribute("perm", Ints{1, 0})}))));
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[?1, ?0]");
  EXPECT_EQ(interpret(m, {counted({1, 2, 3})})[0].tensor.shape(), (Shape{3, 2}));
  try {
    interpret(m, {counted({4, 2, 3})});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "node \"it\": refine(f32[4, 2, 3]): required f32[?0, ?1]");
  }
}

}  // namespace
}  // namespace tauto::onnx
