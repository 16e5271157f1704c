// Affine forms, ranges and decisions hold for every value of the variables and sizes.
#include "loops/affine.h"

#include <gtest/gtest.h>

#include "loops/run_kernel.h"

namespace tauto::testing {
namespace {

using namespace loops;  // the text of this test is made of its words

const Dim kN = Dim::symbol("N"), kM = Dim::symbol("M");
const Ranges kRanges{{"i", below(16)}, {"j", below(kN)}, {"k", {Dim(-3), kM + 2}}};

Expr draw(std::mt19937_64& random, int depth) {
  const auto between = [&](int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
  };
  const Expr leaves[] = {variable("i"),          variable("j"), variable("k"),
                         Expr(between(-20, 40)), Expr(kN),      Expr(kM + 3)};
  if (depth == 0 || between(0, 4) == 0) return leaves[between(0, 5)];
  const Expr a = draw(random, depth - 1);
  const Expr divisor = between(0, 2) ? Expr(between(1, 20)) : Expr(kN);
  switch (between(0, 9)) {
    case 0:
      return floor_div(a, divisor);
    case 1:
      return floor_mod(a, divisor);
    case 2:
      return apply(Function::Min, {a, draw(random, depth - 1)});
    case 3:
      return apply(Function::Max, {a, draw(random, depth - 1)});
    case 4:
      return a - draw(random, depth - 1);
    case 5:
      return floor_div(a * divisor + variable("i"), divisor);
    case 6:
    case 7:
      return a * leaves[between(3, 5)];
    default:
      return a + draw(random, depth - 1);
  }
}

// The values of an expression at i, j, k = 0, 1 … over their ranges.
std::vector<int64_t> values(const Expr& e, int64_t n, int64_t m) {
  Kernel kernel;
  kernel.name = "values";
  kernel.symbols = {"N", "M"};
  const BufferPtr out = make_buffer("out", i64, {16, kN, kM + 6});
  kernel.buffers = {out};
  const Expr k = variable("k");
  kernel.body = loop(LoopKind::Serial, "i", 0, 16,
                     loop(LoopKind::Serial, "j", 0, kN,
                          loop(LoopKind::Serial, "k", -3, kM + 3,
                               store(out, {variable("i"), variable("j"), k + Expr(3)}, e))));
  return run_kernel_to_last(kernel, {}, {n, m}).as_ints();
}

TEST(LoopsAffine, FormsRangesAndDecisionsHoldForAllValues) {
  int affine = 0, bounded = 0, decided = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    std::mt19937_64 random(seed);
    const Expr e = draw(random, 3), other = draw(random, 2);
    const std::optional<Affine> a = affine_of(e, kRanges);
    const std::optional<Range> r = range_of(e, kRanges);
    const Expr condition = apply(random() % 2 ? Function::Less : Function::LessEqual, {e, other});
    const std::optional<bool> c = decide(condition, kRanges);
    affine += a.has_value(), bounded += r.has_value(), decided += c.has_value();
    for (const auto& [n, m] : {std::pair(1, 0), std::pair(3, 2), std::pair(5, 7)}) {
      const std::string where = cat("seed ", seed, ", N = ", n, ", M = ", m, ": ", text_of(e));
      const std::vector<int64_t> v = values(e, n, m);
      if (a) {
        ASSERT_EQ(v, values(expr_of(*a), n, m)) << where << "\n" << text_of(expr_of(*a));
      }
      Env env;
      env.bind("N", n), env.bind("M", m);
      for (int64_t x : r ? v : std::vector<int64_t>()) {
        ASSERT_LE(*tauto::evaluate(r->lo, env), x) << where;
        ASSERT_GE(*tauto::evaluate(r->hi, env), x) << where;
      }
      if (c) {
        const std::vector<int64_t> holds = values(select(condition, 1, 0), n, m);
        ASSERT_EQ(holds, std::vector<int64_t>(holds.size(), *c)) << where << " " << text_of(condition);
      }
    }
  }
  EXPECT_GT(affine, 500);
  EXPECT_GT(bounded, 500);
  EXPECT_GT(decided, 60);
}

std::string form(const Expr& e) {
  const std::optional<Affine> a = affine_of(e, kRanges);
  return a ? text_of(expr_of(*a)) : "none";
}

TEST(LoopsAffine, SeesThroughSplitsAndMerges) {
  const Expr i = variable("i"), j = variable("j");
  EXPECT_EQ(form(floor_div(j * 16 + i, 16)), "j");
  EXPECT_EQ(form(floor_mod(j * 16 + i, 16)), "i");
  EXPECT_EQ(form(floor_div(i * Expr(kN) + j, kN)), "i");
  EXPECT_EQ(form(floor_mod(i * Expr(kN) + j, kN)), "j");
  EXPECT_EQ(form(floor_div(i + 16, 16)), "1");
  EXPECT_EQ(form(floor_div(j * 32 + i + 40, 16)), "none");
  EXPECT_EQ(form(apply(Function::Min, {i, Expr(20)})), "i");
  EXPECT_EQ(form(Expr(7) - i), "7 - i");
  EXPECT_EQ(form(i * 3 - j * 2 - 4), "i*3 - j*2 - 4");
}

}  // namespace
}  // namespace tauto::testing
