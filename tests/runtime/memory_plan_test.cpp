// Plans of random programs: no two live buffers overlap, views lie in their parents, little room is lost.
// The judge is a simulation that knows nothing of how plans are made: each step writes and reads real bytes.
#include "runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/error.h"

namespace tauto {
namespace {

struct Program {
  std::vector<BufferNeed> needs;
  std::vector<InPlace> in_place;
};

// A chain with branches, as networks have: step i writes buffer i, which is read once or twice, mostly soon.
Program random_program(std::mt19937_64& random, int steps) {
  Program p;
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  for (int i = 0; i < steps; ++i) {
    const int reach = below(10) == 0 ? 1 + below(steps) : 1 + below(4);
    const int64_t bytes = below(20) == 0 ? 0 : int64_t{1 + below(100)} << below(14);
    p.needs.push_back({bytes, i, std::min(steps, i + reach)});
  }
  for (int i = 1; i < steps; ++i) {
    for (int k = 0; k < i; ++k) {
      if (p.needs[static_cast<size_t>(k)].last == i && below(3) == 0) p.in_place.push_back({k, i});
    }
  }
  for (int i = 1; i < steps; ++i) {  // some buffers become views: of earlier ones, of later ones, of views
    const int parent = below(steps);
    if (below(8) != 0 || parent == i) continue;
    BufferNeed& view = p.needs[static_cast<size_t>(i)];
    const BufferNeed& of = p.needs[static_cast<size_t>(parent)];
    bool chained = false;
    for (int up = parent; up >= 0; up = p.needs[static_cast<size_t>(up)].view_of) chained |= up == i;
    bool has_views = false;
    for (const BufferNeed& other : p.needs) has_views |= other.view_of == i;
    if (chained || has_views) continue;
    view.bytes = std::min(view.bytes, of.bytes);
    view.view_of = parent;
    view.view_offset = of.bytes == view.bytes ? 0 : below(static_cast<int>(of.bytes - view.bytes + 1));
  }
  return p;
}

int root_of(const Program& p, int i) {
  while (p.needs[static_cast<size_t>(i)].view_of >= 0) i = p.needs[static_cast<size_t>(i)].view_of;
  return i;
}

// Writes each root's mark into its bytes at its first step, and looks for it up to its last. In the step in
// which a buffer in place is written, its partner's bytes have been read before.
std::string simulate(const Program& p, const MemoryPlan& plan) {
  std::vector<int> memory(static_cast<size_t>(plan.total), -1);
  const int n = static_cast<int>(p.needs.size());
  std::vector<int> first(static_cast<size_t>(n), INT32_MAX), last(static_cast<size_t>(n), -1);
  int steps = 0;
  for (int i = 0; i < n; ++i) {
    const auto root = static_cast<size_t>(root_of(p, i));
    first[root] = std::min(first[root], p.needs[static_cast<size_t>(i)].first);
    last[root] = std::max(last[root], p.needs[static_cast<size_t>(i)].last);
    steps = std::max(steps, p.needs[static_cast<size_t>(i)].last + 1);
  }
  const auto holds = [&](size_t i) {
    const auto begin = memory.begin() + plan.offsets[i];
    return std::all_of(begin, begin + p.needs[i].bytes, [&](int m) { return m == static_cast<int>(i); });
  };
  for (int step = 0; step < steps; ++step) {
    for (size_t i = 0; i < p.needs.size(); ++i) {  // read before writing, as a kernel in place does
      if (first[i] < step && step <= last[i] && !holds(i))
        return cat("step ", step, ": buffer ", uint64_t{i}, " is lost");
    }
    for (size_t i = 0; i < p.needs.size(); ++i) {
      if (first[i] != step) continue;
      // Whatever is alive in this step and no partner of i at the same address must not be touched.
      for (size_t k = 0; k < p.needs.size(); ++k) {
        if (k == i || step < first[k] || last[k] < step) continue;
        const bool overlap = plan.offsets[i] < plan.offsets[k] + p.needs[k].bytes &&
                             plan.offsets[k] < plan.offsets[i] + p.needs[i].bytes;
        const bool allowed = plan.offsets[i] == plan.offsets[k] &&
                             std::any_of(p.in_place.begin(), p.in_place.end(), [&](const InPlace& pair) {
                               const auto a = static_cast<size_t>(root_of(p, pair.earlier));
                               const auto b = static_cast<size_t>(root_of(p, pair.later));
                               return a == k && b == i && last[a] == first[b];
                             });
        if (overlap && !allowed) return cat("step ", step, ": ", uint64_t{i}, " written over ", uint64_t{k});
      }
      std::fill_n(memory.begin() + plan.offsets[i], p.needs[i].bytes, static_cast<int>(i));
    }
  }
  return "";
}

TEST(MemoryPlan, NoTwoLiveBuffersOverlap) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937_64 random(seed);
  double worst = 0, sum = 0;
  constexpr int kRounds = 150;
  for (int round = 0; round < kRounds; ++round) {
    const Program p = random_program(random, 2 + round % 60);
    const MemoryPlan plan = plan_memory(p.needs, p.in_place);
    ASSERT_EQ(plan_problem(p.needs, p.in_place, plan), "") << "round " << round;
    ASSERT_EQ(simulate(p, plan), "") << "round " << round;
    const int64_t bound = liveness_bound(p.needs, p.in_place);
    ASSERT_GE(plan.total, bound) << "round " << round;
    const double ratio = bound ? static_cast<double>(plan.total) / static_cast<double>(bound) : 1;
    worst = std::max(worst, ratio), sum += ratio;
  }
  EXPECT_LT(sum / kRounds, 1.1);
  RecordProperty("mean_of_bound", cat(sum / kRounds));
  std::printf("             plans take %.3f x the liveness bound, worst %.3f\n", sum / kRounds, worst);
}

TEST(MemoryPlan, JudgesWrongPlans) {
  const BufferNeed needs[] = {{100, 0, 1}, {100, 1, 2}, {10, 1, 2, 1, 90}};
  MemoryPlan plan = plan_memory(needs);
  EXPECT_EQ(plan_problem(needs, {}, plan), "");
  EXPECT_EQ(plan.total, 256);
  EXPECT_EQ(plan.offsets[2], plan.offsets[1] + 90);
  MemoryPlan wrong = plan;
  wrong.offsets[1] = wrong.offsets[0];
  wrong.offsets[2] = wrong.offsets[1] + 90;
  EXPECT_EQ(plan_problem(needs, {}, wrong), "buffers 0 and 1 overlap while both are alive");
  const InPlace pair[] = {{0, 1}};
  EXPECT_EQ(plan_problem(needs, pair, wrong), "");
  wrong.offsets[2] = 0;
  EXPECT_EQ(plan_problem(needs, pair, wrong), "view 2 lies outside its parent");
  wrong = plan, wrong.offsets[0] += 8;
  EXPECT_EQ(plan_problem(needs, {}, wrong), "buffer 0 is not aligned");
  wrong = plan, wrong.total = 128;
  EXPECT_NE(plan_problem(needs, {}, wrong), "");
}

// relu after relu after ...: one buffer. With a copy of the first kept alive: two.
TEST(MemoryPlan, ChainsInPlaceTakeOneBuffer) {
  Program chain;
  for (int i = 0; i < 20; ++i) {
    chain.needs.push_back({1000, i, i + 1});
    if (i) chain.in_place.push_back({i - 1, i});
  }
  EXPECT_EQ(plan_memory(chain.needs, chain.in_place).total, 1024);
  EXPECT_EQ(plan_memory(chain.needs).total, 2048);
  chain.needs[0].last = 20;  // a residual connection
  EXPECT_EQ(plan_memory(chain.needs, chain.in_place).total, 2048);
  EXPECT_EQ(liveness_bound(chain.needs, chain.in_place), 2048);
}

TEST(MemoryPlan, PartsOfAConcatenationAreWrittenInPlace) {
  const BufferNeed needs[] = {{300, 2, 3}, {100, 0, 2, 0, 0}, {200, 1, 2, 0, 100}};
  const MemoryPlan plan = plan_memory(needs);
  EXPECT_EQ(plan.total, 320);
  EXPECT_EQ(plan.offsets[2], 100);
  EXPECT_EQ(liveness_bound(needs), 320);
}

TEST(MemoryPlan, EmptyThingsTakeNothing) {
  EXPECT_EQ(plan_memory({}).total, 0);
  const BufferNeed needs[] = {{0, 0, 5}, {0, 0, 5}};
  EXPECT_EQ(plan_memory(needs).total, 0);
  EXPECT_EQ(liveness_bound(needs), 0);
}

TEST(MemoryPlan, RefusesNonsense) {
  const BufferNeed backwards[] = {{1, 2, 1}};
  EXPECT_THROW(plan_memory(backwards), InternalError);
  const BufferNeed outside[] = {{10, 0, 1}, {5, 0, 1, 0, 6}};
  EXPECT_THROW(plan_memory(outside), InternalError);
  const BufferNeed circle[] = {{10, 0, 1, 1, 0}, {10, 0, 1, 0, 0}};
  EXPECT_THROW(plan_memory(circle), InternalError);
}

TEST(MemoryPlan, IsAFunctionOfItsArguments) {
  std::mt19937_64 random(7);
  const Program p = random_program(random, 500);
  EXPECT_EQ(plan_memory(p.needs, p.in_place).offsets, plan_memory(p.needs, p.in_place).offsets);
}

}  // namespace
}  // namespace tauto
