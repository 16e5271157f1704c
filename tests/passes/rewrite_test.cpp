// The frame of the passes: whatever it rebuilds is a module in which every symbol has a value before it is
// used, that means the same, and recursion survives.
#include "passes/rewrite.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "ops/ops.h"
#include "passes/fold_constants.h"
#include "passes/specialise.h"
#include "support/error.h"

namespace tauto {
namespace {

Module copied(const Module& m) {
  return rewrite(m, "copy", [](Rewrite& w, Id old) { return w.copy(old); });
}

std::string head() { return cat("module t semantics ", kSemanticsVersion, "\n"); }

TEST(Rewrite, CopiedNodesKeepTheirSymbols) {
  const Module m = parse_module(head() + R"(func main(%0 "x": f32[N, 3]) -> ("y", "z") {
  %1 = nonzero(%0) : i64[2, ?4]
  %2 = dims() {shape: [3], type: i64, values: dims[?4, 2, 1]} : i64[3]
  %3 = reshape(%1, %2) : i64[?4, 2, 1]
  %4 = relu(%0) : f32[N, 3]
  %5 = nonzero(%4) : i64[2, ?7]
  return %3, %5
})");
  const Module again = copied(m);
  EXPECT_EQ(verify(again), "");
  EXPECT_TRUE(again == m) << print(again).text;
  EXPECT_TRUE(copied(again) == m);
}

TEST(Rewrite, WhatSaysWhatASymbolIsStays) {
  const Module m = parse_module(head() + R"(func main(%0 "x": f32[5]) -> ("y") {
  %1 = nonzero(%0) : i64[1, ?0]
  %2 = shape_of(%1) : i64[2]
  return %2
})");
  const Module again = copied(m);
  EXPECT_EQ(verify(again), "");
  Tensor x(f32, {5});
  for (int64_t i = 0; i < 5; ++i) x.data<float>()[i] = static_cast<float>(i % 2);
  for (const Module* p : {&m, &again}) {
    const std::vector<Value> y = interpret(*p, {Value(x)});
    EXPECT_EQ(y[0].tensor.data<int64_t>()[1], 2);
  }
}

TEST(Rewrite, AStepThatDecidesASymbolReplacesItEverywhere) {
  // The constant is too large for the builder to look at; how long the range is shows when it is folded.
  const Module m = parse_module(head() + R"(func body(%0 "v": i64[?0]) -> ("w") {
  %1 = dims() {shape: [2], type: i64, values: dims[?0, 1]} : i64[2]
  %2 = reshape(%0, %1) : i64[?0, 1]
  return %2
}
func main(%0 "x": f32[2]) -> ("y", "z") {
  %1 = i64[] {3}
  %2 = i64[1] {5000}
  %3 = expand(%1, %2) : i64[5000]
  %4 = reduce_max(%3) {axes: [0], keepdims: 0} : i64[]
  %5 = i64[] {0}
  %6 = i64[] {1}
  %7 = range(%5, %4, %6) : i64[?0]
  %8 = dims() {shape: [2], type: i64, values: dims[1, ?0]} : i64[2]
  %9 = reshape(%7, %8) : i64[1, ?0]
  %10 = call(%7) {function: @body} : (i64[?0, 1])
  %11 = item(%10) {index: 0} : i64[?0, 1]
  return %9, %11
})");
  const Module folded = fold_constants(m);
  EXPECT_EQ(verify(folded), "") << print(folded).text;
  EXPECT_EQ(print(folded).text.find('?'), std::string::npos) << print(folded).text;
  const Value x(Tensor(f32, {2}));
  const std::vector<Value> before = interpret(m, {x}), after = interpret(folded, {x});
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(content_hash(before[i].tensor), content_hash(after[i].tensor));
}

TEST(Rewrite, FunctionsThatCallThemselvesSurvive) {
  const Module m = parse_module(head() + R"(func down(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  %2 = i64[] {0}
  %3 = less(%2, %0) : bool[]
  %4 = if(%3, %0, %1) {else: @stop, then: @step} : (f32[N])
  %5 = item(%4) {index: 0} : f32[N]
  return %5
}
func main(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  %2 = call(%0, %1) {function: @down} : (f32[N])
  %3 = item(%2) {index: 0} : f32[N]
  return %3
}
func step(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  %2 = i64[] {1}
  %3 = sub(%0, %2) : i64[]
  %4 = add(%1, %1) : f32[N]
  %5 = call(%3, %4) {function: @down} : (f32[N])
  %6 = item(%5) {index: 0} : f32[N]
  return %6
}
func stop(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  return %1
})");
  const Module again = fold_constants(m);
  EXPECT_EQ(verify(again), "");
  EXPECT_TRUE(again == m) << print(again).text;
  Tensor n(i64, {}), x(f32, {2});
  n.data<int64_t>()[0] = 5;
  x.data<float>()[0] = 1, x.data<float>()[1] = -3;
  const std::vector<Value> y = interpret(again, {Value(n), Value(x)});
  EXPECT_EQ(y[0].tensor.data<float>()[0], 32);
  EXPECT_EQ(y[0].tensor.data<float>()[1], -96);
}

std::string refusal(const std::string& functions) {
  try {
    parse_module(head() + functions);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// A branch may have no meaning for the sizes that are known: it stays as it was, and says so when it is
// taken.
TEST(Specialise, BranchesThatDoNotFitStay) {
  const Module m = parse_module(head() + R"(func fits(%0 "x": f32[N]) -> ("y") {
  %1 = relu(%0) : f32[N]
  return %1
}
func three(%0 "x": f32[N]) -> ("y") {
  %1 = f32[3] {1.0, 2.0, 3.0}
  %2 = concat(%0, %0) {axis: 0} : f32[2*N]
  %3 = i64[1] {3}
  %4 = reshape(%2, %3) : f32[3]
  %5 = add(%4, %1) : f32[3]
  return %5
}
func main(%0 "c": bool[], %1 "x": f32[N]) -> ("y") {
  %2 = if(%0, %1) {then: @fits, else: @three} : (f32[?0])
  %3 = item(%2) {index: 0} : f32[?0]
  return %3
})");
  Env sizes;
  sizes.bind("N", 4);
  const Module special = specialise(m, sizes);
  EXPECT_EQ(verify(special), "");
  EXPECT_EQ(print(special).text.find("f32[N]"), std::string::npos) << print(special).text;
  const auto run = [](const Module& module, bool c) -> std::string {
    const float x[] = {-1, 2, -3, 4};
    try {
      return cat(
          content_hash(interpret(module, {Tensor::scalar<bool>(c), Tensor::of<float>({4}, x)})[0].tensor));
    } catch (const Error& e) {
      return e.what();
    }
  };
  for (const bool c : {true, false}) EXPECT_EQ(run(special, c), run(m, c));
}

TEST(Verify, SymbolsHaveAValueBeforeTheyAreUsed) {
  EXPECT_EQ(refusal(R"(func main(%0 "x": f32[N]) -> ("y") {
  %1 = dims() {shape: [1], type: i64, values: dims[2*M]} : i64[1]
  return %1
})"),
            "function @main, %1: dims: required symbols of earlier shapes, got M");
  // A function that is called has what every one of its callers has.
  const std::string callee = R"(func f(%0 "v": f32[]) -> ("w") {
  %1 = dims() {shape: [1], type: i64, values: dims[N]} : i64[1]
  return %1
}
)";
  EXPECT_EQ(refusal(callee + R"(func main(%0 "v": f32[], %1 "x": f32[N]) -> ("y") {
  %2 = call(%0) {function: @f} : (i64[1])
  return %1
})"),
            "");
  EXPECT_EQ(refusal(callee + R"(func main(%0 "v": f32[]) -> ("y") {
  %1 = call(%0) {function: @f} : (i64[1])
  return %0
})"),
            "function @f, %1: dims: required symbols of earlier shapes, got N");
}

}  // namespace
}  // namespace tauto
