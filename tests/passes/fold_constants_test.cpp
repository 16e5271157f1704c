// Constant folding: same results, a ledger entry for each fold, and a budget.
#include "passes/fold_constants.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "interpret/interpret.h"
#include "ops/ops.h"

namespace tauto {
namespace {

size_t count(const Module& m, const Op& op) {
  size_t n = 0;
  for (const Node& node : m.main().nodes) n += node.op == &op;
  return n;
}

TEST(FoldConstants, FoldsWhatTheBuilderLeftAndSaysSo) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[5000]"));
  b.set_source("bias");
  const Id w = b.constant(Tensor(f32, {5000}));
  const Id sum = b.add(ops::add, {w, b.add(ops::relu, {w})});
  b.set_source("use");
  b.finish({b.add(ops::add, {x, sum})}, {"y"});
  const Module folded = fold_constants(m);
  EXPECT_EQ(verify(folded), "");
  EXPECT_EQ(count(m, ops::add), 2u);
  EXPECT_EQ(count(folded, ops::add), 1u);
  ASSERT_EQ(folded.ledger.size(), 2u);
  EXPECT_EQ(folded.ledger[0].before, "relu(f32[5000]) : f32[5000]");
  EXPECT_EQ(folded.ledger[0].after, "constant : f32[5000]");
  EXPECT_EQ(folded.ledger[0].sources, std::vector<std::string>{"bias"});
  EXPECT_EQ(folded.ledger[0].contract, Contract{});
  const Tensor in(f32, {5000});
  EXPECT_EQ(interpret(m, {in}), interpret(folded, {in}));
}

TEST(FoldConstants, LeavesWhatWouldGrow) {
  Module m;
  Builder b(m, "main");
  const Id row = b.constant(Tensor(f32, {1, 5000})), column = b.constant(Tensor(f32, {5000, 1}));
  b.finish({b.add(ops::add, {row, column})}, {"y"});
  const Module folded = fold_constants(m);
  EXPECT_EQ(count(folded, ops::add), 1u);
  EXPECT_TRUE(folded.ledger.empty());
  EXPECT_EQ(fold_constants(m, {.small_bytes = int64_t{1} << 30}).ledger.size(), 1u);
}

}  // namespace
}  // namespace tauto
