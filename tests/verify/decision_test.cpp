// Decisions: what each rule sees, ties, margins.
#include "verify/decision.h"

#include <gtest/gtest.h>

#include <limits>

namespace tauto::equivalence {
namespace {

Tensor scores(Shape shape, std::vector<float> v) { return Tensor::of<float>(std::move(shape), v); }

TEST(Decision, TheFirstOfEqualScoresDecides) {
  const Decided d = decide(parse_decision("top1"), scores({1, 4}, {1, 3, 3, 2}));
  EXPECT_EQ(d.what, std::vector<int64_t>{1});
  EXPECT_TRUE(d.tied);
  EXPECT_EQ(d.margin, 0);
  const Decided least = decide(parse_decision("argmin"), scores({1, 4}, {1, 3, 0.5, 2}));
  EXPECT_EQ(least.what, std::vector<int64_t>{2});
  EXPECT_EQ(least.margin, 0.5);
  EXPECT_FALSE(least.tied);
}

TEST(Decision, TopKIsASetWhoseOrderInsideDoesNotCount) {
  const DecisionRule rule = parse_decision("topk:2");
  EXPECT_EQ(decide(rule, scores({4}, {1, 4, 3, 2})), decide(rule, scores({4}, {1, 3, 4, 2})));
  EXPECT_EQ(decide(rule, scores({4}, {1, 4, 3, 2})).margin, 1);
}

TEST(Decision, SequenceIsReadWithoutRepetitionsAndBlanks) {
  const Decided d = decide(parse_decision("sequence"), scores({1, 6, 3}, {0, 1, 0,  //
                                                                          0, 1, 0,  //
                                                                          9, 1, 0,  //
                                                                          0, 1, 0,  //
                                                                          0, 1, 2,  //
                                                                          9, 1, 0}));
  EXPECT_EQ(d.what, (std::vector<int64_t>{1, 1, 2}));
  EXPECT_EQ(d.margin, 1);
}

TEST(Decision, ThresholdCountsItsOwnValueAsAbove) {
  const Decided d = decide(parse_decision("threshold:0.5"), scores({3}, {0.5f, 0.25f, 1}));
  EXPECT_EQ(d.what, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_TRUE(d.tied);
}

TEST(Decision, NanIsNoDecision) {
  const Decided d = decide(parse_decision("top1"), scores({2}, {std::numeric_limits<float>::quiet_NaN(), 1}));
  EXPECT_TRUE(d.nan);
  EXPECT_TRUE(d.margin != d.margin);
}

TEST(Decision, BoxesNeedAPartnerOfTheirClass) {
  const DecisionRule rule = parse_decision("boxes:0.5");
  const NamedTypes types{{"boxes", parse_type("f32[N, 4]")},
                         {"scores", parse_type("f32[N]")},
                         {"classes", parse_type("i64[N]")}};
  const auto outputs = [](std::vector<float> boxes, std::vector<float> s, std::vector<int64_t> c) {
    const auto n = static_cast<int64_t>(s.size());
    return std::vector<Tensor>{scores({n, 4}, std::move(boxes)), scores({n}, std::move(s)), Tensor::ints(c)};
  };
  const auto a = outputs({0, 0, 10, 10, 20, 20, 30, 30}, {0.9f, 0.8f}, {1, 2});
  EXPECT_TRUE(same_boxes(rule, types, a, outputs({20, 20, 30, 31, 0, 1, 10, 10}, {0.7f, 0.9f}, {2, 1})));
  EXPECT_FALSE(same_boxes(rule, types, a, outputs({0, 0, 10, 10, 20, 20, 30, 30}, {0.9f, 0.8f}, {1, 1})));
  EXPECT_FALSE(same_boxes(rule, types, a, outputs({0, 0, 10, 10, 40, 20, 50, 30}, {0.9f, 0.8f}, {1, 2})));
  EXPECT_FALSE(
      same_boxes(rule, types, a, outputs({0, 0, 10, 10, 20, 20, 30, 30}, {0.9f, 0.4f}, {1, 2})));  // no box
  EXPECT_TRUE(same_boxes(rule, types, a,
                         outputs({0, 0, 10, 10, 20, 20, 30, 30, 0, 0, 1, 1}, {0.9f, 0.8f, 0.1f}, {1, 2, 7})));
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Decision, RulesThatDoNotFitAreRefused) {
  const NamedTypes three{{"y", parse_type("f32[N, 3]")}}, labels{{"y", parse_type("i64[N]")}};
  EXPECT_EQ(error_of([&] { require_fit(parse_decision("topk:5"), three, ""); }),
            "same: --decision topk:5: required at least 6 classes, got \"y\": f32[N, 3]");
  EXPECT_EQ(error_of([&] { require_fit(parse_decision("top1"), labels, ""); }),
            "same: --decision top1: required an output of floats, got \"y\": i64[N]");
  EXPECT_EQ(error_of([&] { require_fit(parse_decision("boxes:0.5"), three, ""); }),
            "same: --decision boxes:0.5: required an output of boxes, f32[…, 4], got \"y\": f32[N, 3]");
  EXPECT_EQ(error_of([&] { require_fit(parse_decision("top1"), three, "z"); }),
            "same: --decision top1: required an output named \"z\", got \"y\": f32[N, 3]");
  for (const char* text : {"top", "topk:0", "topk:1.5", "boxes:2", "threshold:", "topk", "threshold:nan"})
    EXPECT_NE(error_of([&] { parse_decision(text); }), "") << text;
}

}  // namespace
}  // namespace tauto::equivalence
