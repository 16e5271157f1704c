// Programs for the sizes of a run: the same bits as the interpreter for every size, and never more than a few
// of them.
#include "compile/programs.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "compile/bound.h"
#include "compile/loaded_model.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "passes/specialise.h"

namespace tauto {
namespace {

// Tiles of rows, a reduction, a reshape to sizes that the graph computes, a branch and a second symbol.
const char* const kGraph = R"(
func body(%0 "h": f32[N, 19]) -> ("r") {
  %1 = exp(%0) : f32[N, 19]
  return %1
}
func other(%0 "h": f32[N, 19]) -> ("r") {
  %1 = relu(%0) : f32[N, 19]
  return %1
}
func main(%0 "x": f32[N, 21], %1 "w": f32[21, 19], %2 "u": f32[M], %3 "c": bool[]) -> ("y", "z", "v") {
  %4 = contract(%0, %1) {access: over {i: N, j: 19 | k: 21} [i, k] [k, j]} : f32[N, 19]
  %5 = if(%3, %4) {else: @other, then: @body} : (f32[N, 19])
  %6 = item(%5) {index: 0} : f32[N, 19]
  %7 = reduce_sum(%6) {axes: [1], keepdims: 1} : f32[N, 1]
  %8 = div(%6, %7) : f32[N, 19]
  %9 = dims() {shape: [1], type: i64, values: dims[19*N]} : i64[1]
  %10 = reshape(%8, %9) : f32[19*N]
  %11 = transpose(%8) {perm: [1, 0]} : f32[19, N]
  %12 = exp(%2) : f32[M]
  return %10, %11, %12
})";

std::shared_ptr<const Module> module_of(const std::string& functions) {
  return std::make_shared<const Module>(
      parse_module(cat("module t semantics ", kSemanticsVersion, "\n") + functions));
}

std::vector<Value> inputs_of(const Module& m, int64_t n, int64_t size_of_m) {
  Env env;
  env.bind("N", n);
  env.bind("M", size_of_m);
  std::mt19937 random(static_cast<unsigned>(n * 100 + size_of_m));
  std::vector<Value> in;
  for (const Type& t : m.main().parameter_types()) {
    Tensor x(t.element, static_shape(substitute(t, env)));
    for (int64_t i = 0; i < x.count(); ++i) {
      if (t.element.is_bool())
        x.data<bool>()[i] = random() % 2;
      else
        x.data<float>()[i] = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 256;
    }
    in.emplace_back(std::move(x));
  }
  return in;
}

TEST(Specialise, KnowsWhatFollowsFromTheSizes) {
  const auto m = module_of(kGraph);
  Env sizes;
  sizes.bind("N", 6);
  const Module one = specialise(*m, sizes);
  EXPECT_EQ(verify(one), "");
  const std::vector<Type> results = one.main().result_types();
  EXPECT_EQ(text_of(results[0]), "f32[114]");
  EXPECT_EQ(text_of(results[1]), "f32[19, 6]");
  EXPECT_EQ(text_of(results[2]), "f32[M]");
  EXPECT_EQ(text_of(one.function("body").result_types()[0]), "f32[6, 19]");
  const std::vector<Value> in = inputs_of(*m, 6, 4);
  EXPECT_TRUE(interpret(one, in) == interpret(*m, in));
}

TEST(Programs, EverySizeGivesTheInterpretersBits) {
  const auto m = module_of(kGraph);
  Programs programs(m);
  std::mt19937 random(7);
  for (int run = 0; run < 40; ++run) {
    const std::vector<Value> in =
        inputs_of(*m, static_cast<int64_t>(random() % 9), 1 + static_cast<int64_t>(random() % 2));
    EXPECT_TRUE(programs.get(in)->run(in, {}) == interpret(*m, in)) << run;
  }
  EXPECT_EQ(programs.compiled(), 1 + Programs::kMostSpecialised);
}

TEST(Programs, TheFirstSizesAndThoseSeenAgainGetTheirOwn) {
  const auto m = module_of(kGraph);
  Programs programs(m);
  const auto sizes = [&](int64_t n) {
    return static_cast<int64_t>(programs.get(inputs_of(*m, n, 3))->sizes().lookup("N").value_or(-1));
  };
  EXPECT_EQ(sizes(5), 5);
  EXPECT_EQ(sizes(6), -1);  // for all sizes
  EXPECT_EQ(sizes(5), 5);
  EXPECT_EQ(sizes(6), 6);
  // A thousand sizes compile nothing more.
  for (int64_t n = 7; n < 1007; ++n) EXPECT_EQ(sizes(n), -1);
  EXPECT_EQ(programs.compiled(), 3u);
  EXPECT_EQ(sizes(1006), 1006);
  EXPECT_EQ(sizes(7), -1);  // long forgotten
  EXPECT_EQ(sizes(7), 7);
  EXPECT_EQ(sizes(8), -1);
  EXPECT_EQ(sizes(8), -1);  // no more
  EXPECT_EQ(programs.compiled(), 5u);
}

TEST(Programs, PackedConstantsAreShared) {
  std::string weights;
  for (int i = 0; i < 512; ++i) weights += cat(i ? ", " : "", "0.", static_cast<int64_t>(1 + i % 7));
  const auto m = module_of(cat(R"(func main(%0 "x": f32[N, 32]) -> ("y") {
  %1 = f32[32, 16] {)",
                               weights, R"(}
  %2 = contract(%0, %1) {access: over {i: N, j: 16 | k: 32} [i, k] [k, j]} : f32[N, 16]
  return %2
})"));
  Programs programs(m);
  std::vector<const void*> constants;
  for (int64_t n : {64, 96}) {
    Tensor x(f32, {n, 32});
    const std::vector<Value> in = {Value(x)};
    for (int run = 0; run < 2; ++run) {
      const auto e = programs.get(in);
      for (const KernelArgument& a : e->functions().at("main").groups[0].group.arguments)
        if (a.kind == KernelArgument::Kind::Constant) constants.push_back(a.constant.raw());
    }
  }
  ASSERT_EQ(constants.size(), 4u);
  for (const void* c : constants) EXPECT_EQ(c, constants[0]);
}

TEST(Programs, WhatIsRefusedIsRefusedInTheSameWords) {
  const LoadedModel m = LoadedModel::from_text(cat("module t semantics ", kSemanticsVersion, "\n", R"(
func main(%0 "x": f32[N], %1 "y": f32[M]) -> ("z") {
  %2 = add(%0, %1) : f32[bcast(N, M)]
  return %2
})"));
  const auto message = [&](int64_t n, int64_t size_of_m, bool interpreted) -> std::string {
    const auto given = [&] { return m.order({Value(Tensor(f32, {n})), Value(Tensor(f32, {size_of_m}))}); };
    try {
      interpreted ? m.run(given()) : m.execute(given());
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  for (const auto& [x, y] : {std::pair(2, 3), {2, 2}, {2, 3}, {3, 2}, {1, 3}, {3, 2}, {1, 3}}) {
    EXPECT_EQ(message(x, y, false), message(x, y, true));
    EXPECT_EQ(message(x, y, false).empty(), x == y || x == 1);
  }
}

TEST(Programs, TheShortWayWaitsForTheProgramThatStays) {
  const LoadedModel m = LoadedModel::from_text(cat("module t semantics ", kSemanticsVersion, R"(
func main(%0 "x": f32[N]) -> ("y") {
  %1 = exp(%0) : f32[N]
  return %1
})"));
  const auto run = [&](int64_t n) {
    const Tensor x(f32, {n});
    m.execute(m.order({Value(x)}));
    const TensorView view{x.type(), std::span(x.shape()), x.raw()};
    return m.ready(std::span(&view, 1)).has_value();
  };
  EXPECT_TRUE(run(20));   // its own program
  EXPECT_FALSE(run(30));  // the one for all sizes, the first time
  EXPECT_TRUE(run(30));
  EXPECT_TRUE(run(20));
}

TEST(Programs, ManyThreadsWithManySizes) {
  const LoadedModel m = LoadedModel::from_text(cat("module t semantics ", kSemanticsVersion, "\n") + kGraph);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int run = 0; run < 30; ++run) {
        const std::vector<Value> in = inputs_of(*m.module(), 1 + static_cast<int64_t>(random() % 8), 2);
        wrong[t] += m.execute(m.order(in)) != m.run(m.order(in));
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace tauto
