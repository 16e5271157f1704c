// The check of memory and calls passes what is bound, and finds what is not: an argument from elsewhere,
// memory that is used again too early, a result over its operand, another constant.
#include <gtest/gtest.h>

#include "compile/loaded_model.h"
#include "verify/check_binding.h"

namespace tauto::equivalence {
namespace {

// Five kernels, each in turn needed by a later one.
constexpr char kModel[] = R"(module g semantics 3

func main(%0 "x": f32[64, 64]) -> ("y", "z") {
  %1 = exp(%0) : f32[64, 64]
  %2 = reduce_sum(%1) {axes: [0], keepdims: 1} : f32[1, 64]
  %3 = tanh(%1) : f32[64, 64]
  %4 = reduce_sum(%3) {axes: [1], keepdims: 1} : f32[64, 1]
  %5 = mul(%4, %2) : f32[64, 64]
  %6 = reduce_sum(%5) {axes: [0, 1], keepdims: 0} : f32[]
  return %5, %6
}
)";

struct Bound {
  std::shared_ptr<const Executable> e;
  std::unique_ptr<BoundFunction> f;
  std::vector<BoundFunction::Call> calls;

  BindingCheck check() const {
    return check_calls(*e, e->functions().at("main"), f->groups(), calls, f->result_places(), f->own_bytes());
  }
};

Bound bound_of(std::string text, std::vector<TensorType> inputs) {
  text.replace(text.find("semantics 3"), 11, cat("semantics ", kSemanticsVersion));
  const LoadedModel m = LoadedModel::from_text(text);
  CompileOptions options;
  options.fuse = false;
  Bound b;
  b.e = compile(m.module(), options);
  b.f = std::make_unique<BoundFunction>(*b.e, b.e->functions().at("main"), std::move(inputs), Env());
  b.calls = b.f->calls();
  return b;
}
Bound bound() { return bound_of(kModel, {{f32, {64, 64}}}); }

using Kind = BoundFunction::Place::Kind;

TEST(Binding, WhatIsBoundIsRight) {
  const Bound b = bound();
  ASSERT_TRUE(b.f->complete());
  ASSERT_GE(b.calls.size(), 5u);
  const BindingCheck c = b.check();
  EXPECT_EQ(c.problem, "");
  EXPECT_TRUE(c.complete);
}

// Every single argument that is turned to another place in memory is found.
TEST(Binding, EveryWrongAddressIsFound) {
  const Bound right = bound();
  int tried = 0;
  for (size_t i = 0; i < right.calls.size(); ++i)
    for (size_t k = 0; k < right.calls[i].reads.size(); ++k) {
      const BoundFunction::Place place = right.calls[i].reads[k];
      if (place.kind != Kind::Block) continue;
      for (const int64_t other : {place.at + 64, place.at - 64, place.at + 4}) {
        Bound b = bound();
        b.calls[i].reads[k].at = other;
        EXPECT_NE(b.check().problem, "") << "call " << i << ", argument " << k << " at " << other;
        ++tried;
      }
    }
  EXPECT_GE(tried, 12);
}

// The last piece of a parallel loop that nobody runs.
TEST(Binding, ALoopThatIsNotRunToItsEndIsFound) {
  const Bound b = bound();
  int tried = 0;
  for (const BoundFunction::Call& call : b.calls) {
    if (b.f->groups()[call.group].to < 2) continue;
    std::vector<BoundGroup> groups = b.f->groups();
    --groups[call.group].to;
    const BindingCheck c = check_calls(*b.e, b.e->functions().at("main"), groups, b.calls,
                                       b.f->result_places(), b.f->own_bytes());
    EXPECT_NE(c.problem.find("required its parallel loop from 0 to "), std::string::npos) << c.problem;
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

TEST(Binding, AStepThatIsLeftOutOrComesTooEarlyIsFound) {
  const size_t count = bound().calls.size();
  for (size_t i = 0; i < count; ++i) {
    Bound b = bound();
    b.calls.erase(b.calls.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NE(b.check().problem, "") << i;
  }
  Bound b = bound();
  std::swap(b.calls.front(), b.calls.back());
  EXPECT_NE(b.check().problem, "");
}

TEST(Binding, WrongSizesOfLoopsAreFound) {
  Bound b = bound();
  b.calls[0].sizes.push_back(3);
  EXPECT_NE(b.check().problem, "");
}

// A scan whose body has two kernels, between two kernels that share memory with it.
constexpr char kScan[] = R"(module g semantics 3

func main(%0 "s": f32[1, 32], %1 "x": f32[5, 1, 32]) -> ("last", "all") {
  %2 = exp(%0) : f32[1, 32]
  %3 = tanh(%1) : f32[5, 1, 32]
  %4 = scan(%2, %3) {axes: [0], body: @body, out_axes: [0], out_reversed: [0], reversed: [1], states: 1} : (f32[1, 32], f32[5, 1, 32])
  %5 = item(%4) {index: 0} : f32[1, 32]
  %6 = item(%4) {index: 1} : f32[5, 1, 32]
  %7 = exp(%5) : f32[1, 32]
  return %7, %6
}

func body(%0 "s": f32[1, 32], %1 "x": f32[1, 32]) -> ("n", "o") {
  %2 = exp(%1) : f32[1, 32]
  %3 = reduce_sum(%2) {axes: [1], keepdims: 1} : f32[1, 1]
  %4 = mul(%0, %3) : f32[1, 32]
  return %4, %2
}
)";

Bound bound_scan() { return bound_of(kScan, {{f32, {1, 32}}, {f32, {5, 1, 32}}}); }

BindingCheck check_scan(const Bound& b) {
  return check_calls(*b.e, b.e->functions().at("main"), b.f->groups(), b.calls, b.f->result_places(),
                     b.f->own_bytes(), b.f->below_bytes());
}

size_t scan_call(const Bound& b) {
  size_t i = 0;
  while (b.calls.at(i).kind != BoundFunction::Call::Kind::Control) ++i;
  return i;
}

TEST(Binding, BodiesAreLookedInto) {
  const Bound b = bound_scan();
  ASSERT_TRUE(b.f->complete());
  const BindingCheck c = check_scan(b);
  EXPECT_EQ(c.problem, "");
  EXPECT_TRUE(c.complete);
  EXPECT_NE(c.checked.find(" of 6 kernels"), std::string::npos) << c.checked;
}

TEST(Binding, WhatIsWrongAboutAScanIsFound) {
  const Bound right = bound_scan();
  const size_t at = scan_call(right);
  const auto wrong = [&](const std::function<void(BoundFunction::Call&)>& change) {
    Bound b = bound_scan();
    change(b.calls[at]);
    return check_scan(b).problem;
  };
  for (size_t k = 0; k < right.calls[at].reads.size(); ++k)
    EXPECT_NE(wrong([&](auto& c) { c.reads[k].at += 64; }), "") << "input " << k;
  // The second place of the state over the sequence, over the state, over the first place.
  ASSERT_EQ(right.calls[at].aside.size(), 1u);
  for (size_t k = 0; k < right.calls[at].reads.size(); ++k)
    EXPECT_NE(wrong([&](auto& c) { c.aside[0].first = c.reads[k]; }), "") << "input " << k;
  EXPECT_NE(wrong([&](auto& c) { c.aside[0].first = c.writes[0]; }), "");
  EXPECT_NE(wrong([&](auto& c) { c.read_ends[0] += 4; }), "");
  EXPECT_NE(wrong([&](auto& c) { c.write_ends[0] += 4; }), "");
  Bound b = bound_scan();
  EXPECT_NE(check_calls(*b.e, b.e->functions().at("main"), b.f->groups(), b.calls, b.f->result_places(),
                        b.f->own_bytes(), b.f->below_bytes() - 1)
                .problem,
            "");
}

}  // namespace
}  // namespace tauto::equivalence
