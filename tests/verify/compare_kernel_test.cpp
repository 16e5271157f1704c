// Kernels of every template are the same level by level, and on terms; the code of another kernel is found
// out. Sums of integers are the same in any order.
#include "verify/compare_kernel.h"

#include <gtest/gtest.h>

#include <cstring>

#include "graph/text.h"
#include "support/error.h"
#include "verify/algebra.h"
#include "verify/pattern.h"
#include "verify/prove_executable.h"
#include "verify/ring.h"
#include "verify/shrink.h"

namespace tauto::proof {
namespace {

constexpr char kText[] = R"(
func main(%0 "x": f32[70, 300], %1 "v": f32[70, 300], %2 "w": f32[300, 40]) -> ("a", "b", "c", "d", "e") {
  %3 = contract(%0, %2) {access: over {m: 70, n: 40 | k: 300} [m, k] [k, n]} : f32[70, 40]
  %4 = relu(%3) : f32[70, 40]
  %5 = exp(%0) : f32[70, 300]
  %6 = neg(%0) : f32[70, 300]
  %7 = transpose(%1) {perm: [1, 0]} : f32[300, 70]
  %8 = reduce_sum(%1) {axes: [1]} : f32[70]
  return %4, %5, %6, %7, %8
})";

std::shared_ptr<const Executable> compiled() {
  return compile(std::make_shared<const Module>(
                     parse_module(cat("module t semantics ", kSemanticsVersion, "\n", kText))),
                 {});
}

TEST(CompareKernel, LevelsAgreeAndOtherCodeIsFoundOut) {
  const auto e = compiled();
  const CompiledFunction& main = e->functions().at("main");
  const CompiledGroup *exp = nullptr, *neg = nullptr;
  for (const CompiledGroup& g : main.groups) {
    if (g.group.kind != Group::Kind::Kernel) continue;
    const Comparison c = compare_kernel(*e, g, {});
    EXPECT_EQ(c.differs, "") << g.group.kernel.name;
    EXPECT_EQ(c.left, "") << g.group.kernel.name;
    EXPECT_GT(c.shrunk, 0);
    EXPECT_GE(c.sampled, std::min<int64_t>(1000, g.group.extents.empty() ? 1 : 70));
    const std::string op(main.function->node(g.group.result).op->name);
    if (op == "exp") exp = &g;
    if (op == "neg") neg = &g;
  }
  ASSERT_TRUE(exp && neg);
  CompiledGroup wrong = *exp;
  wrong.kernel = neg->kernel;
  EXPECT_EQ(compare_kernel(*e, wrong, {}).differs.substr(0, 46),
            "machine code and expression differ at element ");
}

// A size that is known when the kernel before has run.
TEST(CompareKernel, SizesThatFollowFromElements) {
  const auto e =
      compile(std::make_shared<const Module>(parse_module(cat("module t semantics ", kSemanticsVersion, R"(
func main(%0 "x": f32[70]) -> ("y") {
  %1 = nonzero(%0) : i64[1, ?0]
  %2 = cast(%1) {to: f32} : f32[1, ?0]
  %3 = exp(%2) : f32[1, ?0]
  return %3
})"))),
              {});
  Env sizes;
  sizes.bind("?0", 33);
  for (const CompiledGroup& g : e->functions().at("main").groups) {
    if (g.group.kind != Group::Kind::Kernel) continue;
    const Comparison c = compare_kernel(*e, g, sizes);
    EXPECT_EQ(c.differs, "");
    EXPECT_EQ(c.sampled, 33);
  }
}

// Tails stay, and equal extents stay equal.
TEST(Shrink, KeepsTails) {
  const auto e = compiled();
  for (const CompiledGroup& g : e->functions().at("main").groups) {
    if (g.group.kind != Group::Kind::Kernel) continue;
    const BuiltKernel& b = *g.built;
    const int64_t tile = int64_t{b.generated.program.lanes} * b.plan.vectors;
    const Nest small = shrunk(b.nest, b.plan, b.generated.program.lanes);
    for (size_t k = 0; k < small.axes.size(); ++k) {
      const int64_t full = b.nest.axes[k].extent.literal(), few = small.axes[k].extent.literal();
      EXPECT_LE(few, full);
      if (small.axes[k].variable == b.plan.lanes) {
        EXPECT_EQ(few % tile, full % tile);
      }
    }
    EXPECT_LT(values_in(small.store.value, {}), 3000);
  }
}

TEST(RingOrder, SumsOfIntegersAreTheSameInAnyOrder) {
  const TermScope scope;
  for (const ElementType t : {i32, i64, f32}) {
    std::vector<Term> x;
    for (int64_t k = 0; k < 6; ++k) x.push_back(term_input("x", k, t));
    const auto sum = [&](std::vector<int> order) {
      Term s = literal(t, 0);
      for (const int k : order)
        s = apply(loops::Function::Add, s,
                  apply(loops::Function::Mul, x[static_cast<size_t>(k)], x[static_cast<size_t>(k + 1)]));
      return s;
    };
    InRingOrder in_order;
    const Term a = sum({0, 1, 2, 3, 4}), b = sum({3, 0, 4, 2, 1}), c = sum({3, 0, 4, 2, 2});
    EXPECT_FALSE(a == b);
    EXPECT_EQ(in_order(a) == in_order(b), t.is_integer());
    EXPECT_FALSE(in_order(a) == in_order(c));
    const Term pairs = apply(loops::Function::Add, sum({4, 1}), sum({2, 0, 3}));
    EXPECT_EQ(in_order(apply(loops::Function::Abs, a)) == in_order(apply(loops::Function::Abs, pairs)),
              t.is_integer());
  }
}

TEST(Pattern, RepeatsAndIsOfItsRange) {
  const PatternMemory m({i32, true, std::pair<int64_t, int64_t>(-3, 5), 7}, 3'000'000);
  const auto* x = static_cast<const int32_t*>(m.data());
  const std::vector<uint8_t> start = drawn_elements({i32, true, std::pair<int64_t, int64_t>(-3, 5), 7}, 100);
  EXPECT_EQ(std::memcmp(x, start.data(), start.size()), 0);
  EXPECT_EQ(std::memcmp(x + 61 * 1024, start.data(), start.size()), 0);
  for (int64_t i = 0; i < 750'000; ++i) ASSERT_TRUE(x[i] >= -3 && x[i] < 5) << i;
}

}  // namespace
}  // namespace tauto::proof
