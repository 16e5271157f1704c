// Winograd's rewrite: the transforms are right in exact arithmetic, the rewritten program stays within its
// bound on ordinary and on harmful inputs, machine code returns its bits, and what has not the form stays.
#include "passes/winograd.h"

#include <gtest/gtest.h>

#include <random>

#include "compile/executable.h"
#include "graph/builder.h"
#include "graph/text.h"
#include "ops/ops.h"
#include "passes/winograd_cost.h"
#include "support/error.h"
#include "verify/replay.h"

namespace tauto {
namespace {

struct Conv {
  int64_t n, c, o, h, w, top, left, height, width;  // height × width: of the result
  int64_t kernel = 3, stride = 1, dilation = 1;
  bool weights_first = false;
};

Tensor random_tensor(Shape shape, std::mt19937_64& random) {
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = std::ldexp(static_cast<float>(static_cast<int64_t>(random() >> 40)) - 0x1p23f, -23);
  return t;
}

Module convolution(const Conv& v, uint64_t seed) {
  std::mt19937_64 random(seed);
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", Type::tensor(f32, {v.n, v.c, v.h, v.w}));
  const Id w = b.constant(random_tensor({v.o, v.c, v.kernel, v.kernel}, random));
  const auto at = [](int axis) { return AxisIndex{{{axis, 1}}, 0, 1}; };
  Access a;
  a.axes = {"n", "o", "y", "x", "c", "ky", "kx"};
  a.extents = {v.n, v.o, v.height, v.width, v.c, v.kernel, v.kernel};
  a.outputs = 4;
  std::vector<AxisIndex> xi{at(0),
                            at(4),
                            {{{2, v.stride}, {5, v.dilation}}, -v.top, 1},
                            {{{3, v.stride}, {6, v.dilation}}, -v.left, 1}};
  std::vector<AxisIndex> wi{at(1), at(4), at(5), at(6)};
  std::vector<Id> inputs{x, w};
  a.operands = {std::move(xi), std::move(wi)};
  if (v.weights_first) std::swap(inputs[0], inputs[1]), std::swap(a.operands[0], a.operands[1]);
  const Id y = b.add(ops::contract, inputs, {{"access", std::move(a)}});
  b.finish({b.add(ops::relu, {y})}, {"y"});
  return m;
}

void check_replays(const LedgerEntry& e, const Value& x, const std::string& what) {
  const auto check = [&](const Value& input, const std::string& kind) {
    const Replay r = replay(e, {input});
    ASSERT_TRUE(r.ran()) << what << ", " << kind << ": " << r.why_not;
    EXPECT_EQ(r.beyond, 0) << what << ", " << kind << ": " << r.worst;
    EXPECT_GT(r.elements, 0);
    if (kind == "ordinary") {
      EXPECT_EQ(r.unbound, 0) << what;
    }
  };
  check(x, "ordinary");
  for (Adversary a : kAdversaries) check(adversarial(x, a, 5), name_of(a));
}

TEST(Winograd, TheTransformsAreRight) {
  for (int64_t m : {2, 4}) {
    const WinogradMatrices& k = winograd_matrices(m);
    // Σ_i a[y, i] g[i, r] b[i, l] is 1 where l = y + r, else 0; in integers, times 24.
    for (int64_t y = 0; y < k.m; ++y)
      for (int64_t r = 0; r < 3; ++r)
        for (int64_t l = 0; l < k.t; ++l) {
          int64_t sum = 0;
          for (int64_t i = 0; i < k.t; ++i) {
            const double g = k.g[static_cast<size_t>(i * 3 + r)] * 24;
            ASSERT_NEAR(g, std::round(g), 1e-12);
            sum += static_cast<int64_t>(k.a[static_cast<size_t>(y * k.t + i)]) *
                   static_cast<int64_t>(std::round(g)) *
                   static_cast<int64_t>(k.b[static_cast<size_t>(i * k.t + l)]);
          }
          EXPECT_EQ(sum, l == y + r ? 24 : 0) << m << " " << y << " " << r << " " << l;
        }
  }
}

TEST(Winograd, StaysWithinItsBoundAndCompiles) {
  const Conv cases[] = {
      {1, 16, 16, 8, 8, 1, 1, 8, 8},
      {2, 5, 7, 9, 6, 1, 1, 9, 6},
      {1, 3, 4, 7, 10, 0, 0, 5, 8},
      {1, 4, 3, 5, 5, 2, 2, 7, 7},
      {1, 160, 16, 6, 7, 1, 0, 6, 5},
      {3, 1, 1, 4, 4, 1, 1, 4, 4},
      {1, 16, 32, 14, 14, 1, 1, 14, 14, 3, 1, 1, true},
  };
  uint64_t seed = 1;
  for (const Conv& c : cases)
    for (int64_t tile : {2, 4}) {
      const std::string what = cat("case ", seed++, ", tile ", tile);
      const Module m = convolution(c, seed), q = winograd_always(m, tile);
      ASSERT_EQ(verify(q), "") << what;
      ASSERT_EQ(q.ledger.size(), 1u) << what;
      EXPECT_EQ(q.ledger[0].contract.kind, ContractKind::Rounding);
      std::mt19937_64 random(seed);
      const Value x(random_tensor({c.n, c.c, c.h, c.w}, random));
      check_replays(q.ledger[0], x, what);
      const auto program = compile(std::make_shared<const Module>(q), {});
      const std::vector<Value> want = interpret(q, {x}), got = program->run({x}, {});
      EXPECT_TRUE(want[0].tensor == got[0].tensor) << what;
    }
}

TEST(Winograd, TheBoundIsNoMereFormality) {
  const Module q = winograd_always(convolution({1, 64, 16, 16, 16, 1, 1, 16, 16}, 3), 4);
  std::mt19937_64 random(4);
  const Replay r = replay(q.ledger[0], {Value(random_tensor({1, 64, 16, 16}, random))});
  EXPECT_GT(r.worst, 1e-3);
  EXPECT_GT(r.produced_error, r.consumed_error);
  // A program that is a little wrong breaks it.
  LedgerEntry wrong = q.ledger[0];
  const Module other = convolution({1, 64, 16, 16, 16, 1, 1, 16, 16}, 99);
  wrong.produced = winograd_always(other, 4).ledger[0].produced;
  EXPECT_GT(replay(wrong, {Value(random_tensor({1, 64, 16, 16}, random))}).beyond, 0);
}

TEST(Winograd, WhatHasNotTheFormStays) {
  const Conv cases[] = {
      {1, 4, 4, 9, 9, 1, 1, 5, 5, 3, 2, 1},  // stride 2
      {1, 4, 4, 9, 9, 2, 2, 9, 9, 3, 1, 2},  // dilated
      {1, 4, 4, 9, 9, 0, 0, 9, 9, 1, 1, 1},  // 1×1
      {1, 4, 4, 9, 9, 2, 2, 9, 9, 5, 1, 1},  // 5×5
  };
  for (const Conv& c : cases) {
    const Module m = convolution(c, 7);
    EXPECT_TRUE(winograd_always(m, 2) == m);
  }
}

TEST(Winograd, IsChosenWhereItPays) {
  const auto tile = [](int64_t pixels, int64_t channels) {
    const Module m = convolution({1, channels, channels, pixels, pixels, 1, 1, pixels, pixels}, 1);
    const Function& f = m.main();
    for (const Node& n : f.nodes)
      if (const auto c = plain_convolution(f, n)) return winograd_tile(*c);
    return int64_t{-1};
  };
  EXPECT_EQ(tile(56, 64), 4);
  EXPECT_EQ(tile(28, 128), 4);
  EXPECT_EQ(tile(14, 256), 2);
  EXPECT_EQ(tile(7, 512), 0);  // the weights are read for nothing
  EXPECT_EQ(tile(56, 16), 0);  // the transforms are most of it
  EXPECT_EQ(tile(28, 20), 0);  // channels that do not fill vectors
}

// 7 × 7 pixels are four tiles of 4 × 4: 36 · 512² transformed weights, which stay in no cache, are read for
// four products each. From three images on they are worth it.
TEST(Winograd, FewTilesAreNotWorthTheirWeights) {
  PlainConvolution c;
  c.in = c.out = 512;
  c.height = c.width = 7;
  c.batch = 1;
  EXPECT_NEAR(winograd_gain(c, 4), 0.80, 0.01);
  EXPECT_NEAR(winograd_gain(c, 2), 1.04, 0.01);
  EXPECT_EQ(winograd_tile(c), 0);
  c.batch = 2;
  EXPECT_EQ(winograd_tile(c), 0);
  c.batch = 3;
  EXPECT_EQ(winograd_tile(c), 2);
  c.batch = 4;
  EXPECT_EQ(winograd_tile(c), 4);
}

TEST(Winograd, SymbolsOfSizesCountAsAnImage) {
  PlainConvolution c;
  c.batch = Dim::symbol("N");
  c.in = c.out = 64;
  c.height = c.width = Dim::symbol("H");
  EXPECT_EQ(winograd_tile(c), 4);
  c.height = c.width = floor_div(Dim::symbol("H") + 31, Dim(32));  // 8 × 8
  EXPECT_EQ(winograd_tile(c), 0);
}

}  // namespace
}  // namespace tauto
