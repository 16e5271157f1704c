// Ranges of accumulators: exactly the least and the largest sum over all inputs, neuron by neuron.
#include "passes/attainable.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/text.h"
#include "interpret/interpret.h"

namespace tauto {
namespace {

NodeOf nodes_of(const Module& m) {
  return [&m](Id i) -> const Node& { return m.function("main").node(i); };
}

Module parsed(const std::string& body) {
  return parse_module(cat("module t semantics ", kSemanticsVersion, "\nfunc main(", body));
}

// Random weights between a window of x and few channels; all x in {-1, 0, 1} are tried.
TEST(Attainable, IsTheLeastAndTheLargestOfAllInputs) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 rng(seed);
  for (const bool padded : {false, true})
    for (int round = 0; round < 8; ++round) {
      std::string w;
      for (int i = 0; i < 6; ++i) w += cat(i ? ", " : "", static_cast<int>(rng() % 9) - 4);
      const Module m = parsed(cat(
          R"(%0 "x": f32[1, 5]) -> ("y") {
  %1 = i32[2, 3] {)",
          w, R"(}
  %2 = f32[] {-1}
  %3 = f32[] {1}
  %4 = max(%2, %0) : f32[1, 5]
  %5 = min(%3, %4) : f32[1, 5]
  %6 = round(%5) : f32[1, 5]
  %7 = cast(%6) {to: i32} : i32[1, 5]
  %8 = contract(%7, %1) {access: over {n: 1, o: 2, p: )",
          padded ? 5 : 3, R"( | k: 3} [n, p + k)", padded ? " - 1" : "", R"(] [o, k]} : i32[1, 2, )",
          padded ? 5 : 3, R"(]
  return %8
})"));
      const auto acc = accumulators_of(nodes_of(m), m.function("main").results[0]);
      ASSERT_TRUE(acc);
      EXPECT_EQ(acc->shape, (Shape{1, 2, 1}));
      std::vector<IntegerRange> seen(2, {100, -100});
      for (int code = 0; code < 243; ++code) {
        Tensor x(f32, {1, 5});
        for (int i = 0, c = code; i < 5; ++i, c /= 3) x.data<float>()[i] = static_cast<float>(c % 3 - 1);
        const Tensor y = interpret(m, {Value(x)})[0].tensor;
        const int64_t each = y.count() / 2;
        for (int64_t i = 0; i < y.count(); ++i) {
          IntegerRange& s = seen[static_cast<size_t>(i / each)];
          s = {std::min<int64_t>(s.low, y.data<int32_t>()[i]),
               std::max<int64_t>(s.high, y.data<int32_t>()[i])};
        }
      }
      EXPECT_EQ(acc->range[0], seen[0]);
      EXPECT_EQ(acc->range[1], seen[1]);
    }
}

TEST(Attainable, SumsThatLeaveTheirTypeHaveNoRange) {
  const auto of = [](const char* weight) {
    const Module m = parsed(cat(R"(%0 "x": i8[1, 2]) -> ("y") {
  %1 = i32[2, 1] {)",
                                weight, R"(, 1}
  %2 = cast(%0) {to: i32} : i32[1, 2]
  %3 = contract(%2, %1) {access: over {m: 1, n: 1 | k: 2} [m, k] [k, n]} : i32[1, 1]
  return %3
})"));
    return accumulators_of(nodes_of(m), m.function("main").results[0]);
  };
  ASSERT_TRUE(of("16777214"));
  EXPECT_EQ(of("16777214")->range[0], (IntegerRange{-128 * int64_t{16777215}, 127 * int64_t{16777215}}));
  EXPECT_FALSE(of("16777216"));  // -128 · (2^24 + 1)
}

TEST(Attainable, RangesOfConversions) {
  const Module m = parsed(R"(%0 "x": f32[2], %1 "b": bool[2]) -> ("y", "z", "u") {
  %2 = f32[] {-3.5}
  %3 = f32[] {300}
  %4 = max(%2, %0) : f32[2]
  %5 = min(%3, %4) : f32[2]
  %6 = cast(%5) {to: i8} : i8[2]
  %7 = f32[] {2}
  %8 = max(%7, %0) : f32[2]
  %9 = cast(%8) {to: u8} : u8[2]
  %10 = i8[] {5}
  %11 = i8[] {-7}
  %12 = where(%1, %10, %11) : i8[2]
  return %6, %9, %12
})");
  const auto& r = m.function("main").results;
  EXPECT_EQ(range_of(nodes_of(m), r[0]), (IntegerRange{-3, 127}));  // saturates
  EXPECT_EQ(range_of(nodes_of(m), r[1]), (IntegerRange{0, 255}));   // NaN gives 0
  EXPECT_EQ(range_of(nodes_of(m), r[2]), (IntegerRange{-7, 5}));
}

}  // namespace
}  // namespace tauto
