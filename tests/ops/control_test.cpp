// call, if, loop, scan over small programs in text form.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "ops/number.h"

namespace tauto {
namespace {

Module parse(const std::string& functions) {
  return parse_module(cat("module test semantics ", kSemanticsVersion, "\n", functions));
}

Tensor floats(Shape shape, std::vector<float> v) {
  return Tensor::of<float>(std::move(shape), std::span<const float>(v));
}

std::string error_of(const std::string& functions) {
  try {
    parse(functions);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

const char* const kBranches = R"(
func double(%0 "x": f32[N]) -> ("y") {
  %1 = add(%0, %0) : f32[N]
  return %1
}
func same(%0 "x": f32[N]) -> ("y") {
  return %0
}
)";

TEST(Control, IfEvaluatesOneBranch) {
  const Module m = parse(cat(kBranches, R"(
func main(%0 "c": bool[], %1 "x": f32[N]) -> ("y") {
  %2 = if(%0, %1) {then: @double, else: @same} : (f32[N])
  %3 = item(%2) {index: 0} : f32[N]
  return %3
}
)"));
  EXPECT_EQ(interpret(m, {Tensor::scalar<bool>(true), floats({2}, {1, 2})})[0].tensor, floats({2}, {2, 4}));
  EXPECT_EQ(interpret(m, {Tensor::scalar<bool>(false), floats({2}, {1, 2})})[0].tensor, floats({2}, {1, 2}));
}

TEST(Control, AnUndecidedConditionIsSaidSo) {
  const Module m = parse(cat(kBranches, R"(
func main(%0 "a": f32[], %1 "x": f32[N]) -> ("y") {
  %2 = f32[] {1.0}
  %3 = less(%0, %2) : bool[]
  %4 = if(%3, %1) {then: @double, else: @same} : (f32[N])
  %5 = item(%4) {index: 0} : f32[N]
  return %5
}
)"));
  Tensor wide(f32, {}, Rep::Interval);
  const FInterval<double> around{0.5, 1.5}, below{0.25, 0.5};
  wide.data<FInterval<double>>()[0] = around;
  const Value x = to_rep(floats({1}, {3}), Rep::Interval);
  try {
    interpret(m, {wide, x}, {.rep = Rep::Interval});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "function @main, %4: if has no value here: a steering input is not decided");
  }
  wide.data<FInterval<double>>()[0] = below;
  const auto y = interpret(m, {wide, x}, {.rep = Rep::Interval});
  EXPECT_NEAR(y[0].tensor.data<FInterval<double>>()[0].lo, 6, 1e-5) << "doubled";
}

const char* const kCounting = R"(
func body(%0 "i": i64[], %1 "go": bool[], %2 "sum": i64[], %3 "limit": i64[]) -> ("go", "sum", "out") {
  %4 = add(%2, %0) : i64[]
  %5 = less(%4, %3) : bool[]
  return %5, %4, %4
}
func main(%0 "trips": i64[], %1 "go": bool[], %2 "limit": i64[]) -> ("sum", "out") {
  %3 = i64[] {0}
  %4 = loop(%0, %1, %3, %2) {body: @body, carried: 1} : (i64[], i64[L])
  %5 = item(%4) {index: 0} : i64[]
  %6 = item(%4) {index: 1} : i64[L]
  return %5, %6
}
)";

TEST(Control, LoopEndsByItsConditionOrItsCount) {
  const Module m = parse(kCounting);
  const auto run = [&](int64_t trips, bool go, int64_t limit) {
    return interpret(
        m, {Tensor::scalar<int64_t>(trips), Tensor::scalar<bool>(go), Tensor::scalar<int64_t>(limit)});
  };
  for (int64_t trips : {int64_t{0}, int64_t{1}, int64_t{5}, INT64_MAX})
    for (int64_t limit : {-1, 0, 1, 7, 100}) {
      // The same loop in C++.
      int64_t sum = 0;
      std::vector<int64_t> out;
      bool go = true;
      for (int64_t i = 0; go && i < trips; ++i) out.push_back(sum += i), go = sum < limit;
      const auto r = run(trips, true, limit);
      EXPECT_EQ(r[0].tensor, Tensor::scalar<int64_t>(sum)) << trips << " " << limit;
      EXPECT_EQ(r[1].tensor, Tensor::ints(out)) << trips << " " << limit;
      EXPECT_EQ(run(trips, false, limit)[1].tensor.count(), 0);
    }
}

TEST(Control, AnEndlessLoopCanBeCancelled) {
  const Module m = parse(R"(
func body(%0 "i": i64[], %1 "go": bool[], %2 "x": f32[4]) -> ("go", "x") {
  return %1, %2
}
func main(%0 "x": f32[4]) -> ("y") {
  %1 = i64[] {9223372036854775807}
  %2 = bool[] {true}
  %3 = loop(%1, %2, %0) {body: @body, carried: 1} : (f32[4])
  %4 = item(%3) {index: 0} : f32[4]
  return %4
}
)");
  int polls = 0;
  const std::function<bool()> cancelled = [&] { return ++polls > 1000; };
  InterpretOptions options;
  options.cancelled = &cancelled;
  EXPECT_THROW(interpret(m, {Tensor(f32, {4})}, options), Cancelled);
}

TEST(Control, ALoopsIterationsMayGrowAValue) {
  const Module m = parse(R"(
func body(%0 "i": i64[], %1 "go": bool[], %2 "x": f32[A], %3 "y": f32[B]) -> ("go", "x", "out") {
  %4 = add(%2, %3) : f32[bcast(A, B)]
  return %1, %4, %4
}
func main(%0 "trips": i64[], %1 "x": f32[A], %2 "y": f32[B]) -> ("x", "out") {
  %3 = bool[] {true}
  %4 = loop(%0, %3, %1, %2) {body: @body, carried: 1, counted: 1} : (f32[X], f32[L, bcast(A, B)])
  %5 = item(%4) {index: 0} : f32[X]
  %6 = item(%4) {index: 1} : f32[L, bcast(A, B)]
  return %5, %6
}
)");
  const auto r = interpret(m, {Tensor::scalar<int64_t>(2), floats({2}, {0, 1}), floats({2}, {1, 1})});
  EXPECT_EQ(r[0].tensor, floats({2}, {2, 3}));
  EXPECT_EQ(r[1].tensor, floats({2, 2}, {1, 2, 2, 3}));
  // Without an iteration the dims of an element come from the type.
  EXPECT_EQ(
      text_of(type_of(
          interpret(m, {Tensor::scalar<int64_t>(0), floats({2}, {0, 1}), floats({2}, {1, 1})})[1].tensor)),
      "f32[0, 2]");
}

const char* const kRunningSum = R"(
func body(%0 "s": f32[B], %1 "x": f32[B]) -> ("s", "out") {
  %2 = add(%0, %1) : f32[B]
  return %2, %2
}
func main(%0 "s": f32[B], %1 "x": f32[B, T]) -> ("s", "out") {
  %2 = scan(%0, %1) {body: @body, states: 1, axes: [-1], reversed: [REVERSED], out_axes: [1], out_reversed: [OUT]} : (f32[B], f32[B, T])
  %3 = item(%2) {index: 0} : f32[B]
  %4 = item(%2) {index: 1} : f32[B, T]
  return %3, %4
}
)";

TEST(Control, ScanWalksEitherWay) {
  for (int reversed : {0, 1})
    for (int out : {0, 1}) {
      std::string text = kRunningSum;
      text.replace(text.find("REVERSED"), 8, std::to_string(reversed));
      text.replace(text.find("OUT"), 3, std::to_string(out));
      const Module m = parse(text);
      const auto r = interpret(m, {floats({2}, {0, 100}), floats({2, 3}, {1, 2, 4, 10, 20, 40})});
      EXPECT_EQ(r[0].tensor, floats({2}, {7, 170}));
      std::vector<float> want =
          reversed ? std::vector<float>{4, 6, 7, 140, 160, 170} : std::vector<float>{1, 3, 7, 110, 130, 170};
      if (out) std::swap(want[0], want[2]), std::swap(want[3], want[5]);
      EXPECT_EQ(r[1].tensor, floats({2, 3}, want)) << reversed << out;
      EXPECT_EQ(interpret(m, {floats({2}, {1, 2}), Tensor(f32, {2, 0})})[1].tensor, Tensor(f32, {2, 0}));
    }
}

TEST(Control, ScanOfIntervalsEnclosesScanOfPoints) {
  std::string text = kRunningSum;
  text.replace(text.find("REVERSED"), 8, "0");
  text.replace(text.find("OUT"), 3, "0");
  const Module m = parse(text);
  const std::vector<Value> in{floats({1}, {0.1f}), floats({1, 3}, {0.1f, 0.7f, 1e-9f})};
  const auto exact = interpret(m, in), ideal = interpret(m, in, {.rep = Rep::Ideal}),
             enclosed = interpret(m, in, {.rep = Rep::Interval});
  const FInterval<double> e = enclosed[0].tensor.data<FInterval<double>>()[0];
  EXPECT_LE(e.lo, exact[0].tensor.data<float>()[0]);
  EXPECT_GE(e.hi, exact[0].tensor.data<float>()[0]);
  EXPECT_NEAR(ideal[0].tensor.data<double>()[0], exact[0].tensor.data<float>()[0], 1e-6);
}

TEST(Control, TypesAreChecked) {
  EXPECT_EQ(error_of(cat(kBranches, R"(
func main(%0 "c": bool[], %1 "x": i32[N]) -> () {
  %2 = if(%0, %1) {then: @double, else: @same} : (f32[N])
  return
}
)")),
            "function @main, %2: if(bool[], i32[N]): @double: argument 0: required f32[N], got i32[N]");
  EXPECT_EQ(error_of(cat(kBranches, R"(
func main(%0 "c": i64[], %1 "x": f32[N]) -> () {
  %2 = if(%0, %1) {then: @double, else: @same} : (f32[N])
  return
}
)")),
            "function @main, %2: if(i64[], f32[N]): condition: required one element bool, got i64[]");
  EXPECT_EQ(error_of(R"(
func main(%0 "x": f32[N]) -> () {
  %1 = call(%0) {function: @missing} : (f32[N])
  return
}
)"),
            "function @main, %1: function @missing does not exist");
}

TEST(Control, ACallsOwnSymbolsAreFreshOutside) {
  // Both calls return a value of a size that only the call knows; they are not the same size.
  const Module m = parse(R"(
func grow(%0 "x": f32[?1]) -> ("y") {
  return %0
}
func main(%0 "a": f32[N], %1 "b": f32[M]) -> ("a", "b") {
  %2 = call(%0) {function: @grow} : (f32[?2])
  %3 = call(%1) {function: @grow} : (f32[?3])
  %4 = item(%2) {index: 0} : f32[?2]
  %5 = item(%3) {index: 0} : f32[?3]
  return %4, %5
}
)");
  const auto r = interpret(m, {floats({1}, {1}), floats({2}, {2, 3})});
  EXPECT_EQ(r[1].tensor, floats({2}, {2, 3}));
}

}  // namespace
}  // namespace tauto
