// Control flow, compiled: bound to sizes, run again in the same context, the interpreter's bits and errors.
#include <gtest/gtest.h>

#include <cstring>

#include "compile/bound.h"
#include "graph/text.h"

namespace tauto {
namespace {

Tensor floats(Shape shape, float first) {
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = first + 0.37f * static_cast<float>(i);
  return t;
}
Tensor flag(bool b) { return Tensor::scalar<bool>(b); }
Tensor whole(int64_t i) { return Tensor::scalar<int64_t>(i); }

struct Outcome {
  std::string error;
  std::vector<Value> values;
  bool operator==(const Outcome&) const = default;
};
template <class F>
Outcome outcome(F f) {
  try {
    return {"", f()};
  } catch (const Error& e) {
    return {e.what(), {}};
  }
}

std::vector<TensorView> views(const std::vector<Value>& values) {
  std::vector<TensorView> v;
  for (const Value& one : values) v.push_back({one.tensor.type(), one.tensor.shape(), one.tensor.raw()});
  return v;
}

// Runs each of `inputs` twice, by turns, in one context. `bound`: whether sizes decide all of the program;
// not said: they do not, but it looks so until it runs.
void expect_same(const std::string& functions, const std::vector<std::vector<Value>>& inputs,
                 std::optional<bool> bound) {
  const auto m = std::make_shared<const Module>(
      parse_module(cat("module test semantics ", kSemanticsVersion, "\n", functions)));
  const auto e = compile(m, {});
  for (int threads : {1, 2}) {
    ExecutionContext context;
    ExecuteOptions options;
    options.threads = threads;
    for (size_t round = 0; round < 2 * inputs.size(); ++round) {
      const std::vector<Value>& in = inputs[round % inputs.size()];
      const Outcome want = outcome([&] { return interpret(*m, in); });
      ASSERT_EQ(outcome([&] { return e->run(in, options, context); }), want) << functions << "run " << round;
      if (!bound) continue;
      BoundFunction* ready = context.ready(views(in));
      ASSERT_EQ(ready != nullptr, *bound) << functions << "run " << round;
      if (!ready) continue;
      std::vector<const void*> from;
      std::vector<void*> to;
      std::vector<Value> got;
      for (const Value& v : in) from.push_back(v.tensor.raw());
      for (const TensorType& t : ready->results()) {
        got.emplace_back(Tensor(t.type, t.shape));
        to.push_back(got.back().tensor.raw());
      }
      const bool ran = e->run(*ready, from.data(), to.data(), options, context);
      ASSERT_EQ(ran, want.error.empty()) << functions << "run " << round;
      if (ran) {
        ASSERT_TRUE(got == want.values) << functions << "run " << round;
      }
    }
  }
}

const char* const kBranches = R"(
func double(%0 "x": f32[N], %1 "y": f32[N]) -> ("a", "b") {
  %2 = add(%0, %0) : f32[N]
  return %2, %1
}
func swap(%0 "x": f32[N], %1 "y": f32[N]) -> ("a", "b") {
  return %1, %0
}
)";

TEST(Bound, BranchesWriteWhereTheResultLies) {
  const std::string program = cat(kBranches, R"(
func main(%0 "c": bool[], %1 "x": f32[N], %2 "y": f32[N]) -> ("a", "b", "a again", "x") {
  %3 = if(%0, %1, %2) {then: @double, else: @swap} : (f32[N], f32[N])
  %4 = item(%3) {index: 0} : f32[N]
  %5 = item(%3) {index: 1} : f32[N]
  %6 = mul(%4, %5) : f32[N]
  return %6, %5, %6, %1
}
)");
  std::vector<std::vector<Value>> inputs;
  for (int64_t n : {3, 40, 3, 17})
    for (bool c : {true, false}) inputs.push_back({flag(c), floats({n}, 1), floats({n}, -2)});
  expect_same(program, inputs, true);
}

TEST(Bound, BranchesOfDifferentSizesGoNodeByNode) {
  const std::string program = R"(
func all(%0 "x": f32[N]) -> ("y") {
  %1 = exp(%0) : f32[N]
  return %1
}
func twice(%0 "x": f32[N]) -> ("y") {
  %1 = concat(%0, %0) {axis: 0} : f32[2*N]
  return %1
}
func main(%0 "c": bool[], %1 "x": f32[N]) -> ("y") {
  %2 = if(%0, %1) {then: @all, else: @twice} : (f32[?0])
  %3 = item(%2) {index: 0} : f32[?0]
  %4 = add(%3, %3) : f32[?0]
  return %4
}
)";
  expect_same(program,
              {{flag(true), floats({5}, 0)}, {flag(false), floats({5}, 0)}, {flag(true), floats({9}, 0)}},
              false);
}

// State, a sequence from each end, a captured value, stacked outputs from each end, and a state that stays.
TEST(Bound, ScansKeepStateInTurn) {
  const std::string program = R"(
func step(%0 "s": f32[N], %1 "k": f32[N], %2 "x": f32[N], %3 "z": f32[N], %4 "w": f32[N]) -> ("s", "k", "o", "p") {
  %5 = fma(%0, %4, %2) : f32[N]
  %6 = sub(%5, %3) : f32[N]
  return %6, %1, %5, %0
}
func main(%0 "s": f32[N], %1 "x": f32[T, N], %2 "z": f32[T, N], %3 "w": f32[N]) -> ("s", "k", "o", "p") {
  %4 = scan(%0, %3, %1, %2, %3) {axes: [0, 0], body: @step, out_axes: [0, 0], out_reversed: [0, 1], reversed: [0, 1], states: 2} : (f32[N], f32[N], f32[T, N], f32[T, N])
  %5 = item(%4) {index: 0} : f32[N]
  %6 = item(%4) {index: 1} : f32[N]
  %7 = item(%4) {index: 2} : f32[T, N]
  %8 = item(%4) {index: 3} : f32[T, N]
  return %5, %6, %7, %8
}
)";
  std::vector<std::vector<Value>> inputs;
  for (int64_t t : {1, 2, 3, 8})
    for (int64_t n : {1, 19})
      inputs.push_back({floats({n}, 0.5f), floats({t, n}, 1), floats({t, n}, -1), floats({n}, 0.25f)});
  expect_same(program, inputs, true);
  inputs = {{floats({4}, 0.5f), floats({0, 4}, 1), floats({0, 4}, -1), floats({4}, 0.25f)}};
  expect_same(program, inputs, false);
}

TEST(Bound, ScansOfInnerAxesRunTheirReference) {
  const std::string program = R"(
func step(%0 "s": f32[N], %1 "x": f32[N]) -> ("s", "o") {
  %2 = add(%0, %1) : f32[N]
  return %2, %2
}
func main(%0 "s": f32[N], %1 "x": f32[N, T]) -> ("s", "o") {
  %2 = scan(%0, %1) {axes: [1], body: @step, out_axes: [1], out_reversed: [0], reversed: [0], states: 1} : (f32[N], f32[N, T])
  %3 = item(%2) {index: 0} : f32[N]
  %4 = item(%2) {index: 1} : f32[N, T]
  return %3, %4
}
)";
  expect_same(program, {{floats({5}, 1), floats({5, 3}, 2)}, {floats({2}, 1), floats({2, 7}, 2)}}, true);
}

// Ends by count, by condition, or never begins; the number of its trips is no size.
TEST(Bound, LoopsEndWhenTheySay) {
  const std::string program = R"(
func body(%0 "i": i64[], %1 "c": bool[], %2 "x": f32[N], %3 "n": i64[], %4 "limit": i64[]) -> ("c", "x", "n") {
  %5 = i64[] {1}
  %6 = add(%3, %5) : i64[]
  %7 = less(%6, %4) : bool[]
  %8 = cast(%0) {to: f32} : f32[]
  %9 = add(%2, %8) : f32[N]
  return %7, %9, %6
}
func main(%0 "trips": i64[], %1 "c": bool[], %2 "x": f32[N], %3 "limit": i64[]) -> ("x", "n") {
  %4 = i64[] {0}
  %5 = loop(%0, %1, %2, %4, %3) {body: @body, carried: 2} : (f32[N], i64[])
  %6 = item(%5) {index: 0} : f32[N]
  %7 = item(%5) {index: 1} : i64[]
  return %6, %7
}
)";
  std::vector<std::vector<Value>> inputs;
  for (int64_t trips : {0, 1, 2, 5})
    for (int64_t limit : {1, 4, 100})
      for (bool c : {true, false}) inputs.push_back({whole(trips), flag(c), floats({6}, 1), whole(limit)});
  expect_same(program, inputs, true);
}

TEST(Bound, CountedLoopsStackWhereTheResultLies) {
  const std::string program = R"(
func body(%0 "i": i64[], %1 "c": bool[], %2 "x": f32[N], %3 "w": f32[N]) -> ("c", "x", "o", "i") {
  %4 = mul(%2, %3) : f32[N]
  return %1, %4, %2, %0
}
func main(%0 "x": f32[N], %1 "w": f32[N]) -> ("x", "o", "i") {
  %2 = i64[] {5}
  %3 = bool[] {true}
  %4 = loop(%2, %3, %0, %1) {body: @body, carried: 1, counted: 1} : (f32[N], f32[5, N], i64[5])
  %5 = item(%4) {index: 0} : f32[N]
  %6 = item(%4) {index: 1} : f32[5, N]
  %7 = item(%4) {index: 2} : i64[5]
  return %5, %6, %7
}
)";
  expect_same(program, {{floats({3}, 1), floats({3}, 0.5f)}, {floats({33}, 1), floats({33}, 0.5f)}}, true);
}

// An index out of range inside a body inside a branch: found while it runs, said as the interpreter says it.
TEST(Bound, WhatOnlyValuesDecideIsSaidByTheReference) {
  const std::string program = R"(
func pick(%0 "s": f32[N], %1 "k": i64[], %2 "x": f32[M, N]) -> ("s") {
  %3 = gather(%2, %1) {axis: 0} : f32[N]
  %4 = add(%0, %3) : f32[N]
  return %4
}
func walk(%0 "s": f32[N], %1 "ks": i64[T], %2 "x": f32[M, N]) -> ("s") {
  %3 = scan(%0, %1, %2) {axes: [0], body: @pick, out_axes: [], out_reversed: [], reversed: [0], states: 1} : (f32[N])
  %4 = item(%3) {index: 0} : f32[N]
  return %4
}
func stay(%0 "s": f32[N], %1 "ks": i64[T], %2 "x": f32[M, N]) -> ("s") {
  return %0
}
func main(%0 "c": bool[], %1 "s": f32[N], %2 "ks": i64[T], %3 "x": f32[M, N]) -> ("y") {
  %4 = if(%0, %1, %2, %3) {then: @walk, else: @stay} : (f32[N])
  %5 = item(%4) {index: 0} : f32[N]
  return %5
}
)";
  std::vector<std::vector<Value>> inputs;
  for (int64_t last : {0, 2, 3, -4, -1})
    for (bool c : {true, false}) {
      const int64_t ks[] = {1, 2, 0, last};
      inputs.push_back({flag(c), floats({4}, 0), Tensor::ints(ks), floats({3, 4}, 5)});
    }
  expect_same(program, inputs, true);
}

// Whatever NaN an input has or a kernel makes, results have the one.
TEST(Bound, ResultsHaveOneNan) {
  for (const ElementType t : {f16, bf16, f32, f64}) {
    Tensor x(t, {67});
    std::memset(x.raw(), 0xff, static_cast<size_t>(x.bytes()));  // a negative NaN with a payload
    std::memset(x.raw(), 0, static_cast<size_t>(x.bytes()) / 2);
    expect_same(cat("func main(%0 \"x\": ", t, "[N]) -> (\"x\", \"y\") {\n  %1 = neg(%0) : ", t,
                    "[N]\n  return %0, %1\n}\n"),
                {{x}}, true);
  }
}

// A function that calls itself cannot be bound to the end of it.
TEST(Bound, RecursionGoesNodeByNode) {
  const std::string program = R"(
func stop(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  return %1
}
func down(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  %2 = i64[] {1}
  %3 = sub(%0, %2) : i64[]
  %4 = i64[] {0}
  %5 = less(%4, %3) : bool[]
  %6 = add(%1, %1) : f32[N]
  %7 = if(%5, %3, %6) {then: @down, else: @stop} : (f32[N])
  %8 = item(%7) {index: 0} : f32[N]
  %9 = add(%8, %6) : f32[N]
  return %9
}
func main(%0 "n": i64[], %1 "x": f32[N]) -> ("y") {
  %2 = call(%0, %1) {function: @down} : (f32[N])
  %3 = item(%2) {index: 0} : f32[N]
  return %3
}
)";
  expect_same(program, {{whole(1), floats({3}, 1)}, {whole(4), floats({3}, 1)}, {whole(9), floats({5}, 1)}},
              {});
}

}  // namespace
}  // namespace tauto
