// Laws of the statistics: bounds cover at least as often as they say, the sequential test errs at most as
// often, whenever one stops.
#include "verify/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "verify/same.h"

namespace tauto::equivalence {
namespace {

constexpr int kCampaigns = 10'000;
constexpr uint32_t kSeed = 20241130;

// How often a rate of 1 - alpha may be missed in so many campaigns before one must doubt it (five sigmas).
double allowance(double alpha) { return alpha + 5 * std::sqrt(alpha * (1 - alpha) / kCampaigns); }

TEST(Statistics, NamesTheInputsThatABudgetNeeds) {
  EXPECT_EQ(needed_inputs(0, 0.001, 0.95), 2995);
  EXPECT_EQ(needed_inputs(0, 0.005, 0.95), 598);
  EXPECT_EQ(needed_inputs(0, 0.0, 0.95), std::nullopt);
  for (const int64_t flips : {0, 1, 3, 11}) {
    const int64_t n = needed_inputs(flips, 0.01, 0.95).value();
    EXPECT_LE(upper_rate(flips, n, 0.95), 0.01) << flips;
    EXPECT_GT(upper_rate(flips, n - 1, 0.95), 0.01) << flips;
  }
}

// upper_rate is the rate at which so few flips have a chance of 1 - confidence.
TEST(Statistics, BoundsAreTailsOfTheBinomial) {
  for (const int n : {1, 7, 40})
    for (int k = 0; k < n; ++k) {
      const double p = upper_rate(k, n, 0.95);
      double tail = 0, term = std::pow(1 - p, n);
      for (int i = 0; i <= k; ++i) tail += term, term *= p / (1 - p) * (n - i) / (i + 1);
      EXPECT_NEAR(tail, 0.05, 1e-9) << n << " " << k;
      EXPECT_NEAR(lower_rate(n - k, n, 0.95), 1 - p, 1e-9);  // flips and non-flips change sides
    }
  EXPECT_EQ(upper_rate(5, 5, 0.95), 1);
  EXPECT_EQ(lower_rate(0, 5, 0.95), 0);
}

TEST(Statistics, BoundsCoverAtLeastAsOftenAsTheySay) {
  std::mt19937 random(kSeed);
  for (const double rate : {0.0005, 0.004, 0.03, 0.2, 0.5}) {
    const int n = 600;
    std::binomial_distribution<int> draw(n, rate);
    int missed_above = 0, missed_below = 0;
    for (int i = 0; i < kCampaigns; ++i) {
      const int k = draw(random);
      missed_above += upper_rate(k, n, 0.95) < rate;
      missed_below += lower_rate(k, n, 0.95) > rate;
    }
    EXPECT_LE(missed_above, allowance(0.05) * kCampaigns) << "rate " << rate << ", seed " << kSeed;
    EXPECT_LE(missed_below, allowance(0.05) * kCampaigns) << "rate " << rate << ", seed " << kSeed;
  }
}

// Looks after every input and stops at the first answer: the most tempting rule there is. What the test
// answers depends on the numbers of inputs and flips alone, so each is asked once.
TEST(Statistics, SequentialTestHoldsItsErrorUnderOptionalStopping) {
  std::mt19937 random(kSeed);
  const double budget = 0.02, alpha = 0.05;
  constexpr int kMost = 1500;
  std::vector<std::vector<SequentialTest::Answer>> known;  // by flips, then by inputs
  const auto answer_of = [&](int flips, int inputs) {
    while (static_cast<int>(known.size()) <= flips) {
      SequentialTest test(budget, alpha);
      std::vector<SequentialTest::Answer>& row = known.emplace_back();
      for (int n = 0; n <= kMost; ++n) {
        row.push_back(n < static_cast<int>(known.size()) - 1 ? SequentialTest::Answer::Open : test.answer());
        test.add(n < static_cast<int>(known.size()) - 1);
      }
    }
    return known[static_cast<size_t>(flips)][static_cast<size_t>(inputs)];
  };
  for (const double rate : {0.02, 0.021, 0.0199}) {
    std::bernoulli_distribution flip(rate);
    int wrong = 0;
    for (int i = 0; i < kCampaigns; ++i) {
      int flips = 0;
      SequentialTest::Answer answer = SequentialTest::Answer::Open;
      for (int n = 1; n <= kMost && answer == SequentialTest::Answer::Open; ++n)
        answer = answer_of(flips += flip(random), n);
      wrong += (answer == SequentialTest::Answer::Below && rate >= budget) ||
               (answer == SequentialTest::Answer::Above && rate <= budget);
    }
    // At exactly the budget both answers are wrong, each with a chance of at most alpha.
    EXPECT_LE(wrong, allowance(rate == budget ? 2 * alpha : alpha) * kCampaigns)
        << rate << ", seed " << kSeed;
  }
}

TEST(Statistics, SequentialTestStopsEarlyWhereItIsClear) {
  SequentialTest none(0.01, 0.05);
  while (none.answer() == SequentialTest::Answer::Open && none.n() < 2000) none.add(false);
  EXPECT_EQ(none.answer(), SequentialTest::Answer::Below);
  EXPECT_LE(none.n(), 2 * needed_inputs(0, 0.01, 0.95).value());
  SequentialTest many(0.01, 0.05);
  while (many.answer() == SequentialTest::Answer::Open && many.n() < 2000) many.add(many.n() % 5 == 0);
  EXPECT_EQ(many.answer(), SequentialTest::Answer::Above);
  EXPECT_LT(many.n(), 100);
}

// The bound that may be read at any time is the largest rate that has not been ruled out.
TEST(Statistics, SequentialBoundIsWhereTheEvidenceSuffices) {
  SequentialTest test(0.05, 0.05);
  for (int i = 0; i < 1000; ++i) test.add(i % 100 == 0);
  const double bound = test.upper_rate();
  EXPECT_GT(bound, upper_rate(10, 1000, 0.95));  // the price of looking
  for (const double more : {1.001, 1.5, 3.0}) {
    SequentialTest at(bound * more, 0.05);
    for (int i = 0; i < 1000; ++i) at.add(i % 100 == 0);
    EXPECT_GE(at.log_evidence_below(), std::log(20)) << more;
  }
  SequentialTest below(bound * 0.999, 0.05);
  for (int i = 0; i < 1000; ++i) below.add(i % 100 == 0);
  EXPECT_LT(below.log_evidence_below(), std::log(20));

  const double least = test.lower_rate();  // and the smallest one
  EXPECT_GT(least, 0);
  EXPECT_LT(least, lower_rate(10, 1000, 0.95));
  for (const double part : {1.001, 0.999}) {
    SequentialTest at(least * part, 0.05);
    for (int i = 0; i < 1000; ++i) at.add(i % 100 == 0);
    EXPECT_EQ(at.log_evidence_above() >= std::log(20), part < 1) << part;
  }
  EXPECT_EQ(SequentialTest(0.05, 0.05).lower_rate(), 0);
}

// A bound holds as it is printed.
TEST(Statistics, PercentagesOfBoundsAreRoundedOutward) {
  EXPECT_EQ(percent(0.0036149), "0.36 %");
  EXPECT_EQ(percent(0.0036149, Round::Up), "0.37 %");
  EXPECT_EQ(percent(0.0036149, Round::Down), "0.36 %");
  EXPECT_EQ(percent(0.0036951, Round::Down), "0.36 %");
  EXPECT_EQ(percent(0.09999, Round::Up), "10 %");
  EXPECT_EQ(percent(0.1234501, Round::Up), "12.4 %");
  EXPECT_EQ(percent(0.05, Round::Up), "5 %");
  EXPECT_EQ(percent(0, Round::Down), "0 %");
  EXPECT_EQ(percent(1, Round::Up), "100 %");
}

}  // namespace
}  // namespace tauto::equivalence
