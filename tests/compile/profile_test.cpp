// Profiles: what is counted, that times add up, and that the peak kernel is what it says.
#include "compile/profile.h"

#include <gtest/gtest.h>

#include "codegen/vector.h"
#include "compile/peak.h"
#include "graph/text.h"

namespace tauto {
namespace {

std::shared_ptr<const Executable> compiled(const std::string& functions) {
  return compile(std::make_shared<const Module>(
                     parse_module(cat("module t semantics ", kSemanticsVersion, "\n") + functions)),
                 {});
}

std::vector<ProfileLine> profile(const Executable& e, const std::vector<Value>& in, Profile& p) {
  ExecuteOptions options;
  options.profile = &p;
  e.run(in, options);
  return lines_of(e, {p});
}

TEST(Profile, WorkIsCountedFromTheTensorExpressionForTheSizesOfTheRun) {
  const auto e = compiled(R"(func main(%0 "x": f32[N, 40], %1 "w": f32[40, 37], %2 "b": f32[37]) -> ("y") {
  %3 = contract(%0, %1) {access: over {i: N, j: 37 | k: 40} [i, k] [k, j]} : f32[N, 37]
  %4 = add(%3, %2) : f32[N, 37]
  return %4
})");
  for (const int64_t n : {1, 9}) {
    Profile p;
    const auto lines =
        profile(*e, {Value(Tensor(f32, {n, 40})), Value(Tensor(f32, {40, 37})), Value(Tensor(f32, {37}))}, p);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].kind, "kernel");
    EXPECT_EQ(lines[0].calls, 1);
    EXPECT_EQ(lines[0].work.flops, static_cast<double>(2 * n * 40 * 37 + n * 37));
    EXPECT_EQ(lines[0].work.bytes, static_cast<double>(4 * (n * 40 + 40 * 37 + 37 + n * 37)));
  }
}

TEST(Profile, WhatDoesNotDependOnALoopIsCountedOutsideOfIt) {
  const auto e = compiled(R"(func main(%0 "x": f32[5, 30]) -> ("y") {
  %1 = reduce_sum(%0) {axes: [1], keepdims: 1} : f32[5, 1]
  %2 = sqrt(%1) : f32[5, 1]
  %3 = div(%0, %2) : f32[5, 30]
  return %3
})");
  Profile p;
  double flops = 0;
  for (const ProfileLine& l : profile(*e, {Value(Tensor(f32, {5, 30}))}, p)) flops += l.work.flops;
  EXPECT_EQ(flops, 5 * 30 + 5 + 5 * 30);
}

TEST(Profile, TimesOfGroupsAddUpToNoMoreThanTheRun) {
  const auto e = compiled(R"(func body(%0 "v": f32[N]) -> ("w") {
  %1 = exp(%0) : f32[N]
  return %1
}
func main(%0 "x": f32[N]) -> ("y") {
  %1 = call(%0) {function: @body} : (f32[N])
  %2 = item(%1) {index: 0} : f32[N]
  %3 = call(%2) {function: @body} : (f32[N])
  %4 = item(%3) {index: 0} : f32[N]
  return %4
})");
  Profile p;
  const auto lines = profile(*e, {Value(Tensor(f32, {10000}))}, p);
  double sum = 0;
  for (const ProfileLine& l : lines) {
    EXPECT_GE(l.seconds, 0);
    sum += l.seconds;
    EXPECT_EQ(l.calls, l.function == "body" ? 2 : 1);
  }
  EXPECT_LE(sum, median_seconds({p}));
  const std::string trace = trace_json(p);
  size_t events = 0;
  for (size_t at = 0; (at = trace.find("\"ph\": \"X\"", at)) != trace.npos; ++at) ++events;
  EXPECT_EQ(events, p.events.size() + 1);
}

TEST(Peak, TheLoopIsIndependentChainsInRegisters) {
  for (const int lanes : {8, 16}) {
    const vec::Program p = peak_program(lanes);
    EXPECT_EQ(vec::check(p), "");
    EXPECT_EQ(vec::check(stream_program(lanes)), "");
    size_t fma = 0, loop = 0, end = 0;
    for (size_t i = 0; i < p.code.size(); ++i) {
      if (p.code[i].op == vec::VecOp::Loop) loop = i;
      if (p.code[i].op == vec::VecOp::End) end = i;
      fma += p.code[i].op == vec::VecOp::Fma;
    }
    EXPECT_GE(kPeakChains, 12);
    EXPECT_EQ(fma, static_cast<size_t>(kPeakChains * kPeakSteps));
    EXPECT_EQ(end - loop - 1, fma);
    alignas(64) float sums[16] = {};
    const uint64_t arguments[] = {1000, reinterpret_cast<uint64_t>(sums)};
    vec::evaluate(p, arguments);
    for (int i = 0; i < lanes; ++i) EXPECT_EQ(sums[i], 2.0f * kPeakChains);
  }
}

TEST(Peak, RoofsBindWhereTheyAreLower) {
  const Peak peak{100e9, 50e9, 10e9};
  EXPECT_STREQ(roof_of(1e9, 1e3, peak, 1).bound, "compute");
  EXPECT_DOUBLE_EQ(roof_of(1e9, 1e3, peak, 1).seconds, 0.01);
  EXPECT_DOUBLE_EQ(roof_of(1e9, 1e3, peak, 2).seconds, 0.005);
  EXPECT_STREQ(roof_of(1, 1e3, peak, 1).bound, "L2");
  EXPECT_STREQ(roof_of(1, 1e12, peak, 1).bound, "memory");
}

}  // namespace
}  // namespace tauto
