// If, Loop, Scan: captured values, constant conditions, fix-points of carried types.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "onnx/small_model.h"

namespace tauto::onnx {
namespace {

using namespace testing;  // NOLINT

Tensor floats(Shape shape, std::vector<float> v) {
  return Tensor::of<float>(std::move(shape), std::span<const float>(v));
}

// Imports, verifies, and sends the module through its text form.
Module import_checked(const Model& model) {
  Module m = import_model(model);
  EXPECT_EQ(verify(m), "");
  const ModuleText t = print(m);
  EXPECT_TRUE(parse_module(t.text, t.side) == m) << t.text;
  return m;
}

GraphProto branch(std::vector<NodeProto> nodes, std::string_view out) {
  return graph({}, std::move(nodes), {out});
}

TEST(OnnxControl, IfCapturesOuterValues) {
  GraphProto g = graph({value("c", {}, kBool), value("x", {"N"}), value("z", {"N"})},
                       {node("Add", {"x", "x"}, {"d"}),
                        node("If", {"c"}, {"y"},
                             {attribute("then_branch", branch({node("Add", {"d", "x"}, {"t"})}, "t")),
                              attribute("else_branch", branch({}, "z"))})},
                       {"y"});
  const Module m = import_checked(model_of(g));
  const auto run = [&](bool c) {
    return interpret(m, {Tensor::scalar<bool>(c), floats({2}, {1, 2}), floats({2}, {7, 8})})[0].tensor;
  };
  EXPECT_EQ(run(true), floats({2}, {3, 6}));
  EXPECT_EQ(run(false), floats({2}, {7, 8}));
}

TEST(OnnxControl, IfOnAConstantIsItsBranch) {
  GraphProto g = graph({value("x", {"N"})},
                       {node("If", {"c"}, {"y"},
                             {attribute("then_branch", branch({node("Add", {"x", "x"}, {"t"})}, "t")),
                              attribute("else_branch", branch({node("Unheard", {"x"}, {"t"})}, "t"))})},
                       {"y"});
  g.initializer = {initializer<char>("c", {1}, {1}, kBool)};
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(m.functions.size(), 1u);
  EXPECT_EQ(m.main().nodes.size(), 2u) << print(m).text;
  EXPECT_EQ(interpret(m, {floats({2}, {1, 2})})[0].tensor, floats({2}, {2, 4}));
}

TEST(OnnxControl, NestedBodiesCaptureFromTwoLevelsUp) {
  // y = c ? (d ? x + w : x) : x, where w is a constant of the outermost graph.
  const GraphProto inner =
      graph({},
            {node("If", {"d"}, {"u"},
                  {attribute("then_branch", branch({node("Add", {"x", "w"}, {"v"})}, "v")),
                   attribute("else_branch", branch({}, "x"))})},
            {"u"});
  GraphProto g = graph({value("c", {}, kBool), value("d", {}, kBool), value("x", {"2"})},
                       {node("If", {"c"}, {"y"},
                             {attribute("then_branch", inner), attribute("else_branch", branch({}, "x"))})},
                       {"y"});
  g.initializer = {initializer<float>("w", {2}, {10, 20})};
  const Module m = import_checked(model_of(g));
  for (bool c : {false, true})
    for (bool d : {false, true})
      EXPECT_EQ(
          interpret(m, {Tensor::scalar<bool>(c), Tensor::scalar<bool>(d), floats({2}, {1, 2})})[0].tensor,
          c && d ? floats({2}, {11, 22}) : floats({2}, {1, 2}));
}

TEST(OnnxControl, InnerNamesHideOuterOnes) {
  // The branch's own "t" is another value than the outer "t".
  GraphProto g =
      graph({value("c", {}, kBool), value("x", {"2"})},
            {node("Add", {"x", "x"}, {"t"}),
             node("If", {"c"}, {"y"},
                  {attribute("then_branch",
                             branch({node("Relu", {"x"}, {"t"}), node("Add", {"t", "x"}, {"u"})}, "u")),
                   attribute("else_branch", branch({}, "t"))})},
            {"y"});
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(interpret(m, {Tensor::scalar<bool>(true), floats({2}, {-1, 2})})[0].tensor, floats({2}, {-1, 4}));
  EXPECT_EQ(interpret(m, {Tensor::scalar<bool>(false), floats({2}, {-1, 2})})[0].tensor,
            floats({2}, {-2, 4}));
}

TEST(OnnxControl, BranchesOfDifferentShapesGiveAGeneralType) {
  GraphProto g =
      graph({value("c", {}, kBool), value("x", {"2", "3"}), value("z", {"4", "3"})},
            {node("If", {"c"}, {"y"},
                  {attribute("then_branch", branch({}, "x")), attribute("else_branch", branch({}, "z"))})},
            {"y"});
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[?0, 3]");
}

GraphProto loop_body(std::vector<NodeProto> nodes, Names out) {
  return graph({value("i", {}, kInt64), value("go", {}, kBool), named("s")}, std::move(nodes), out);
}

TEST(OnnxControl, LoopCarriesCapturesAndStacks) {
  GraphProto g =
      graph({value("n", {}, kInt64), value("s0", {"2"}), value("x", {"2"})},
            {node("Loop", {"n", "", "s0"}, {"s_out", "all"},
                  {attribute("body", loop_body({node("Add", {"s", "x"}, {"t"})}, {"go", "t", "s"}))})},
            {"s_out", "all"});
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[2]");
  const auto r = interpret(m, {Tensor::scalar<int64_t>(3), floats({2}, {0, 1}), floats({2}, {1, 10})});
  EXPECT_EQ(r[0].tensor, floats({2}, {3, 31}));
  EXPECT_EQ(r[1].tensor, floats({3, 2}, {0, 1, 1, 11, 2, 21}));
}

TEST(OnnxControl, CarriedTypesWidenUntilTheyHold) {
  // s starts as f32[1], is f32[3] from the second iteration on.
  GraphProto g = graph({value("n", {}, kInt64), value("s0", {"1"}), value("x", {"3"})},
                       {node("Loop", {"n", "", "s0"}, {"s_out"},
                             {attribute("body", loop_body({node("Add", {"s", "x"}, {"t"})}, {"go", "t"}))})},
                       {"s_out"});
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(m.functions.size(), 2u) << "bodies of earlier rounds are gone";
  const auto run = [&](int64_t n) {
    return interpret(m, {Tensor::scalar<int64_t>(n), floats({1}, {1}), floats({3}, {1, 2, 3})})[0].tensor;
  };
  EXPECT_EQ(run(0), floats({1}, {1}));
  EXPECT_EQ(run(2), floats({3}, {3, 5, 7}));
}

TEST(OnnxControl, ALoopWithoutEndIsRefused) {
  GraphProto g = graph({value("x", {"2"})},
                       {node("Loop", {"", "", "x"}, {"y"},
                             {attribute("body", loop_body({node("Add", {"s", "s"}, {"t"})}, {"go", "t"}))})},
                       {"y"});
  EXPECT_EQ(error_of(model_of(g)),
            "small.onnx: node \"it\" (Loop): required a loop that ends, got 9223372036854775807 trips and a "
            "condition that stays true");
}

TEST(OnnxControl, CountedLoopsHaveKnownLengths) {
  GraphProto g =
      graph({value("x", {"2"})},
            {node("Loop", {"n", "", "x"}, {"y", "all"},
                  {attribute("body", loop_body({node("Add", {"s", "s"}, {"t"})}, {"go", "t", "t"}))})},
            {"y", "all"});
  g.initializer = {initializer<int64_t>("n", {}, {5}, kInt64)};
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(text_of(m.main().result_types()[1]), "f32[5, 2]");
}

TEST(OnnxControl, ScanTakesAxesAndDirections) {
  const GraphProto body = graph({named("s"), named("e")}, {node("Add", {"s", "e"}, {"t"})}, {"t", "t"});
  GraphProto g = graph({value("s0", {"B"}), value("x", {"B", "T"})},
                       {node("Scan", {"s0", "x"}, {"s1", "y"},
                             {attribute("body", body), attribute("num_scan_inputs", 1),
                              attribute("scan_input_axes", std::vector<int64_t>{1}),
                              attribute("scan_input_directions", std::vector<int64_t>{1}),
                              attribute("scan_output_axes", std::vector<int64_t>{-1})})},
                       {"s1", "y"});
  const Module m = import_checked(model_of(g));
  EXPECT_EQ(text_of(m.main().result_types()[1]), "f32[B, T]");
  const auto r = interpret(m, {floats({1}, {100}), floats({1, 3}, {1, 2, 4})});
  EXPECT_EQ(r[0].tensor, floats({1}, {107}));
  EXPECT_EQ(r[1].tensor, floats({1, 3}, {104, 106, 107}));
}

TEST(OnnxControl, ErrorsOfBodiesNameTheInnerNode) {
  GraphProto inner = branch({node("Add", {"nowhere", "x"}, {"t"})}, "t");
  inner.node[0].name = "inner";
  GraphProto g = graph({value("c", {}, kBool), value("x", {"2"})},
                       {node("If", {"c"}, {"y"},
                             {attribute("then_branch", inner), attribute("else_branch", branch({}, "x"))})},
                       {"y"});
  EXPECT_EQ(
      error_of(model_of(g)),
      "small.onnx: node \"inner\" (Add): input \"nowhere\" is defined by no earlier node, initializer or "
      "graph input (missing, in a cycle, or out of order)");
}

}  // namespace
}  // namespace tauto::onnx
