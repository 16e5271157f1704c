// Proofs about integers hold for what the passes make, and fail for one wrong threshold or weight.
#include "verify/prove_integers.h"

#include <gtest/gtest.h>

#include "compile/pipeline.h"
#include "graph/text.h"

namespace tauto {
namespace {

Ledger ledger_of(const std::string& body) {
  Module m = parse_module(cat("module t semantics ", kSemanticsVersion, "\nfunc main(", body));
  m.keeps_replays = true;
  return run_passes(m, "thresholds", Flags{}).ledger;
}

const LedgerEntry& of_pass(const Ledger& ledger, const std::string& pass) {
  for (const LedgerEntry& e : ledger)
    if (e.pass == pass) return e;
  throw InternalError("no entry of " + pass);
}

constexpr char kLayer[] = R"(%0 "x": i8[1, 3]) -> ("y") {
  %1 = f32[3, 2] {1, -1, 2, 1, -3, 1}
  %2 = f32[2] {0.5, -2}
  %3 = f32[2] {-0.25, 7}
  %4 = f32[] {0}
  %5 = cast(%0) {to: f32} : f32[1, 3]
  %6 = contract(%5, %1) {access: over {m: 1, n: 2 | k: 3} [m, k] [k, n]} : f32[1, 2]
  %7 = fma(%6, %2, %3) : f32[1, 2]
  %8 = less_equal(%4, %7) : bool[1, 2]
  return %8
})";

// The entry with other text in what was produced.
LedgerEntry changed(LedgerEntry e, const std::string& from, const std::string& to) {
  std::string text = print(*e.produced).text;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << text;
  e.produced = std::make_shared<const Module>(parse_module(text.replace(at, from.size(), to)));
  return e;
}

TEST(ProveIntegers, WhatThePassesMakeIsProved) {
  const Ledger ledger = ledger_of(kLayer);
  for (const char* pass : {"integers", "thresholds"}) {
    const IntegerNode n = prove_step(of_pass(ledger, pass));
    EXPECT_EQ(n.neurons, 2) << pass;
    EXPECT_EQ(n.proved, 2) << pass << ": " << n.why_not;
  }
  EXPECT_EQ(prove_step(of_pass(ledger, "thresholds")).compared, 255 * (1 + 2 + 3) + 1 + 255 * 3 + 1);
}

TEST(ProveIntegers, AThresholdThatIsOneOffIsFound) {
  const Ledger ledger = ledger_of(kLayer);
  const LedgerEntry& e = of_pass(ledger, "thresholds");
  const IntegerNode n = prove_step(changed(e, "{1, -3}", "{1, -2}"));
  EXPECT_EQ(n.proved, 1);
  EXPECT_EQ(n.why_not, "an accumulator on which the thresholds decide otherwise");
}

TEST(ProveIntegers, AWeightThatIsOneOffIsFound) {
  const Ledger ledger = ledger_of(kLayer);
  const LedgerEntry& e = of_pass(ledger, "integers");
  const IntegerNode n = prove_step(changed(e, "{1, -1, 2, 1, -3, 1}", "{1, -1, 2, 1, -3, 2}"));
  EXPECT_EQ(n.proved, 1);
}

}  // namespace
}  // namespace tauto
