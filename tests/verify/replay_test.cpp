// Replays of whole ledgers: exact entries leave all bits, rounding ones stay within their bounds, on values
// captured from a run; and a replay notices what breaks a contract.
#include "verify/replay.h"

#include <gtest/gtest.h>

#include "compile/pipeline.h"
#include "graph/text.h"
#include "support/error.h"

namespace tauto {
namespace {

Module parse(const std::string& functions) {
  return parse_module(cat("module t semantics ", kSemanticsVersion, "\n", functions));
}

const char* const kModel = R"(func half(%0 "v": f32[2, 2048]) -> ("w") {
  %1 = f32[] {0.5}
  %2 = mul(%0, %1) : f32[2, 2048]
  return %2
}
func main(%0 "x": f32[2, 2048]) -> ("y", "z") {
  %1 = call(%0) {function: @half} : (f32[2, 2048])
  %2 = item(%1) {index: 0} : f32[2, 2048]
  %3 = i64[2] {1, 5000}
  %4 = f32[] {1e-41}
  %5 = expand(%4, %3) : f32[1, 5000]
  %6 = reduce_sum(%5) {axes: [1], keepdims: 1} : f32[1, 1]
  %7 = add(%2, %6) : f32[2, 2048]
  %8 = reduce_max(%7) {axes: [1], keepdims: 1} : f32[2, 1]
  %9 = sub(%7, %8) : f32[2, 2048]
  %10 = exp(%9) : f32[2, 2048]
  %11 = reduce_sum(%10) {axes: [1], keepdims: 1} : f32[2, 1]
  return %11, %7
})";

Value input() {
  Tensor t(f32, {2, 2048});
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>((i * 7919) % 1009) / 100 - 5;
  return Value(std::move(t));
}

TEST(Replay, EveryEntryKeepsItsContract) {
  const std::string names[] = {"online-softmax", "reassociate", "flush-to-zero"};
  const std::vector<ReplayedEntry> all = replay_all(parse(kModel), Allowed::of(names, "test"), {input()}, 1);
  int64_t exact = 0, rounding = 0;
  for (const ReplayedEntry& r : all) {
    ASSERT_TRUE(r.replay.ran()) << text_of(r.entry) << ": " << r.replay.why_not;
    EXPECT_EQ(r.replay.beyond, 0) << text_of(r.entry) << " " << r.inputs << " " << r.replay.worst;
    ++(r.entry.contract.kind == ContractKind::Exact ? exact : rounding);
  }
  EXPECT_GE(exact, 3);      // the call, the expanded constant, its sum
  EXPECT_GE(rounding, 20);  // each with five kinds of inputs
}

TEST(Replay, WhatBreaksAContractIsNoticed) {
  Module m = parse(kModel);
  m.keeps_replays = true;
  Ledger ledger = run_passes(m, "", compile_flags()).ledger;
  const auto captured = capture(ledger, {input()});
  bool found = false;
  for (size_t i = 0; i < ledger.size(); ++i) {
    if (ledger[i].pass != "inline_calls") continue;
    found = true;
    EXPECT_EQ(replay(ledger[i], captured[i]->inputs).differing, 0);
    ledger[i].produced = std::make_shared<const Module>(parse(R"(func main(%0 "x0": f32[2, 2048]) -> ("y0") {
  %1 = f32[] {0.50000006}
  %2 = mul(%0, %1) : f32[2, 2048]
  return %2
})"));
    EXPECT_GT(replay(ledger[i], captured[i]->inputs).beyond, 3000);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace tauto
