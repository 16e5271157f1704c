// Re-association, the running maximum, flush-to-zero: each applies where it should, stays within its bound on
// ordinary and harmful inputs, and machine code returns the bits of the program it makes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "compile/executable.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "passes/flush_to_zero.h"
#include "passes/online_softmax.h"
#include "passes/reassociate.h"
#include "support/error.h"
#include "verify/replay.h"

namespace tauto {
namespace {

Module parse(const std::string& functions) {
  return parse_module(cat("module t semantics ", kSemanticsVersion, "\n", functions));
}

Value random_value(Shape shape, uint64_t seed, double size = 1) {
  std::mt19937_64 random(seed);
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>(size * (static_cast<double>(random() >> 11) * 0x1p-52 - 1));
  return Value(std::move(t));
}

void check(const Module& q, const std::vector<Value>& inputs, size_t entries) {
  ASSERT_EQ(verify(q), "") << print(q).text;
  ASSERT_EQ(q.ledger.size(), entries) << print(q).text;
  const auto program = compile(std::make_shared<const Module>(q), {});
  const std::vector<Value> want = interpret(q, inputs), got = program->run(inputs, {});
  for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(want[i].tensor == got[i].tensor) << i;
}

// For entries whose sub-graphs have the parameters of main.
void check_bound(const LedgerEntry& e, const std::vector<Value>& inputs, bool may_be_unbound = false) {
  const auto one = [&](const std::vector<Value>& given, const std::string& kind) {
    const Replay r = replay(e, given);
    ASSERT_TRUE(r.ran()) << kind << ": " << r.why_not;
    EXPECT_EQ(r.beyond, 0) << kind << ": " << text_of(e) << " " << r.worst;
    if (kind == "ordinary" && !may_be_unbound) {
      EXPECT_EQ(r.unbound, 0);
    }
  };
  one(inputs, "ordinary");
  for (Adversary a : kAdversaries) {
    std::vector<Value> made;
    for (const Value& v : inputs) made.push_back(adversarial(v, a, 3 + made.size()));
    one(made, name_of(a));
  }
}

TEST(Reassociate, BlocksOfAContractionArePairwise) {
  for (int64_t k : {1024, 1100, 4096}) {
    const Module m =
        parse(cat("func main(%0 \"x\": f32[2, ", k, "], %1 \"w\": f32[", k, ", 3]) -> (\"y\") {\n",
                  "  %2 = contract(%0, %1) {access: over {n: 2, o: 3 | k: ", k,
                  "} [n, k] [k, o]} : f32[2, 3]\n  return %2\n}"));
    const Module q = reassociate(m);
    const std::vector<Value> inputs{random_value({2, k}, 1), random_value({k, 3}, 2)};
    check(q, inputs, 1);
    check_bound(q.ledger[0], inputs);
    EXPECT_GT(replay(q.ledger[0], inputs).differing, 0);
  }
}

TEST(Reassociate, ManyResultsStay) {
  const Module m = parse(R"(func main(%0 "x": f32[64, 2048], %1 "w": f32[2048, 64]) -> ("y") {
  %2 = contract(%0, %1) {access: over {n: 64, o: 64 | k: 2048} [n, k] [k, o]} : f32[64, 64]
  return %2
})");
  EXPECT_TRUE(reassociate(m) == m);
}

TEST(Reassociate, ElementsOfASumArePairwise) {
  const Module m = parse(R"(func main(%0 "x": f32[2, 3000]) -> ("y") {
  %1 = reduce_sum(%0) {axes: [1], keepdims: 0} : f32[2]
  return %1
})");
  const Module q = reassociate(m);
  const std::vector<Value> inputs{random_value({2, 3000}, 1)};
  check(q, inputs, 1);
  check_bound(q.ledger[0], inputs);
  EXPECT_NE(q.ledger[0].contract.statement.find("3 levels"), std::string::npos)
      << q.ledger[0].contract.statement;
}

const char* const kSoftmax = R"(func main(%0 "x": f32[3, 700]) -> ("y") {
  %1 = reduce_max(%0) {axes: [1], keepdims: 0} : f32[3]
  %2 = unsqueeze(%1) {axes: [1]} : f32[3, 1]
  %3 = sub(%0, %2) : f32[3, 700]
  %4 = exp(%3) : f32[3, 700]
  %5 = reduce_sum(%4) {axes: [1], keepdims: 1} : f32[3, 1]
  %6 = div(%4, %5) : f32[3, 700]
  return %6
})";

TEST(OnlineSoftmax, IsFoundHoweverItIsWritten) {
  const Module q = online_softmax(parse(kSoftmax));
  const std::vector<Value> inputs{random_value({3, 700}, 1, 30)};
  check(q, inputs, 1);
  check_bound(q.ledger[0], inputs);
}

TEST(OnlineSoftmax, MasksOfWholeBlocksAddNothing) {
  Value x = random_value({3, 700}, 1, 5);
  for (int64_t i = 0; i < 400; ++i) x.tensor.data<float>()[i] = -std::numeric_limits<float>::infinity();
  const Module m = parse(kSoftmax), q = online_softmax(m);
  const std::vector<Value> before = interpret(m, {x}), after = interpret(q, {x});
  for (int64_t i = 0; i < before[0].tensor.count(); ++i)
    EXPECT_NEAR(before[0].tensor.data<float>()[i], after[0].tensor.data<float>()[i], 1e-6) << i;
}

TEST(OnlineSoftmax, AnotherMaximumIsNotIt) {
  std::string other = kSoftmax;
  other.replace(other.find("reduce_max"), 10, "reduce_min");
  const Module m = parse(other);
  EXPECT_TRUE(online_softmax(m) == m);
}

TEST(FlushToZero, DenormalsBecomeZerosOfTheirSign) {
  const Module m = parse(R"(func main(%0 "x": f32[4], %1 "y": f32[4]) -> ("z") {
  %2 = f32[4] {1e-40, -1e-40, 1.0, 2.0}
  %3 = mul(%0, %1) : f32[4]
  %4 = add(%3, %2) : f32[4]
  %5 = neg(%4) : f32[4]
  return %5
})");
  const Module q = flush_to_zero(m);
  Value x(Tensor(f32, {4})), y(Tensor(f32, {4}));
  const float xs[] = {1e-30f, -1e-42f, 3, 0x1p-126f}, ys[] = {1e-10f, 1e20f, -1, 1};
  for (size_t i = 0; i < 4; ++i) x.tensor.data<float>()[i] = xs[i], y.tensor.data<float>()[i] = ys[i];
  check(q, {x, y}, 5);  // x, y, the constant, mul, add
  const Tensor z = interpret(q, {x, y})[0].tensor;
  const float want[] = {-0.0f, 0.0f, 2, -2};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(z.data<float>()[i], want[i]) << i;
    EXPECT_EQ(std::signbit(z.data<float>()[i]), std::signbit(want[i])) << i;
  }
  for (const LedgerEntry& e : q.ledger) {
    std::vector<Value> inputs;
    for (size_t i = 0; i < e.consumed->main().parameter_count(); ++i)
      inputs.push_back(random_value({4}, i + 1));
    check_bound(e, inputs);
  }
}

// The entry of a product says what the product changes, not what its flushed inputs do.
TEST(FlushToZero, EntriesAreChargedOnce) {
  const Module q = flush_to_zero(parse(R"(func main(%0 "x": f32[4]) -> ("z") {
  %1 = f32[4] {1e-40, -1e-40, 1e30, 2.0}
  %2 = f32[] {1e30}
  %3 = mul(%0, %2) : f32[4]
  %4 = mul(%1, %2) : f32[4]
  %5 = add(%3, %4) : f32[4]
  return %5
})"));
  ASSERT_EQ(q.ledger.size(), 4u);
  for (const LedgerEntry& e : q.ledger) {
    std::vector<Value> inputs;
    for (size_t i = 0; i < e.consumed->main().parameter_count(); ++i) {
      inputs.push_back(random_value({4}, i + 1));
      for (size_t k = 0; k < 2; ++k) inputs.back().tensor.data<float>()[k] *= 1e-39f;
    }
    check_bound(e, inputs);
    EXPECT_TRUE(replay(e, inputs).differing == 0 || replay(e, inputs).worst <= 1) << text_of(e);
  }
}

}  // namespace
}  // namespace tauto
