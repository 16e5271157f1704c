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

Bound bound() {
  std::string text = kModel;
  text.replace(text.find("semantics 3"), 11, cat("semantics ", kSemanticsVersion));
  const LoadedModel m = LoadedModel::from_text(text);
  CompileOptions options;
  options.fuse = false;
  Bound b;
  b.e = compile(m.module(), options);
  b.f = std::make_unique<BoundFunction>(*b.e, b.e->functions().at("main"),
                                        std::vector<TensorType>{{f32, {64, 64}}}, Env());
  b.calls = b.f->calls();
  return b;
}

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

}  // namespace
}  // namespace tauto::equivalence
