// Operators that choose: top_k, arg_max, unique, nonzero; and the running sum and range beside them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/interval.h"
#include "ops/run_op.h"

namespace tauto {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A total order of f32 in which NaN is above all.
bool above(float a, float b) { return a > b || (std::isnan(a) && !std::isnan(b)); }

Tensor with_some_nan(Random& random, Tensor x) {
  for (int64_t i = 0; i < x.count(); ++i)
    if (random.between(0, 9) == 0) x.data<float>()[i] = kNan;
  return x;
}

TEST(TopK, IsTheHeadOfAStableSort) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t n = random.between(0, 9), k = random.between(0, n);
    const Tensor x = with_some_nan(random, random.floats({2, n, 3}, -2, 2));
    const bool largest = random.coin();
    for (const Known& known : {kEverything, kNothing}) {
      const auto r = run_op(ops::top_k, {x, Tensor::ints(std::array{k})},
                            {{"axis", int64_t{1}}, {"largest", int64_t{largest}}}, known);
      const Tensor &values = r[0].tensor, &indices = r[1].tensor;
      ASSERT_EQ(values.shape(), (Shape{2, k, 3}));
      each_index({2, 3}, [&](const Shape& line, int64_t) {
        const auto at = [&](int64_t i) { return x.data<float>()[(line[0] * n + i) * 3 + line[1]]; };
        std::vector<int64_t> order(static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          return largest ? above(at(a), at(b)) : above(at(b), at(a));
        });
        for (int64_t i = 0; i < k; ++i) {
          const int64_t p = (line[0] * k + i) * 3 + line[1], want = order[static_cast<size_t>(i)];
          EXPECT_EQ(indices.data<int64_t>()[p], want);
          EXPECT_TRUE(values.data<float>()[p] == at(want) || std::isnan(at(want)));
        }
      });
    }
  }
}

TEST(ArgMax, IsTheHeadOfTopK) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t n = random.between(1, 7);
    const Tensor x = random.floats({2, n, 3}, -2, 2);
    const auto head = [&](bool largest) {
      return run_op(ops::top_k, {x, Tensor::ints(std::array{int64_t{1}})},
                    {{"axis", int64_t{1}}, {"largest", int64_t{largest}}})[1]
          .tensor;
    };
    const Attributes keep{{"axis", int64_t{-2}}, {"keep_dims", int64_t{1}}};
    EXPECT_EQ(run_tensor(ops::arg_max, {x}, keep, kNothing), head(true));
    EXPECT_EQ(run_tensor(ops::arg_min, {x}, keep, kNothing), head(false));
    // select_last is the first of the reversed line.
    const auto turned = [](const Tensor& t) {
      const auto one = [](int64_t v) { return Value(Tensor::ints(std::array{v})); };
      return run_tensor(ops::slice, {t, one(-1), one(INT64_MIN), one(-1)}, {{"axes", Ints{1}}});
    };
    const Tensor last = run_tensor(ops::arg_max, {x}, {{"axis", int64_t{1}}, {"select_last", int64_t{1}}}),
                 first = run_tensor(ops::arg_max, {turned(x)}, {{"axis", int64_t{1}}});
    ASSERT_EQ(last.shape(), (Shape{2, 3}));
    for (int64_t i = 0; i < last.count(); ++i)
      EXPECT_EQ(last.data<int64_t>()[i], n - 1 - first.data<int64_t>()[i]);
  }
}

TEST(ArgMax, NanIsBeyondAllOthers) {
  const Tensor x = Tensor::of<float>({4}, std::array{1.f, kNan, 7.f, kNan});
  const auto index = [&](const Op& op, int64_t last) {
    return run_tensor(op, {x}, {{"axis", int64_t{0}}, {"select_last", last}}).data<int64_t>()[0];
  };
  EXPECT_EQ(index(ops::arg_max, 0), 1);
  EXPECT_EQ(index(ops::arg_min, 0), 1);
  EXPECT_EQ(index(ops::arg_max, 1), 3);
  EXPECT_EQ(error_of(ops::arg_max, {Tensor(f32, {2, 0})}, {{"axis", int64_t{1}}}),
            "arg_max(f32[2, 0]): axis 1 has no elements");
}

// Values known up to ±1: whatever they are, the results lie in the intervals.
TEST(Intervals, EncloseTopKAndArgMaxOfAllValues) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t n = random.between(1, 6), k = random.between(1, n);
    const Tensor x = random.floats({n}, -6, 6);
    Tensor wide(f32, {n}, Rep::Interval);
    std::vector<bool> exact;
    for (int64_t i = 0; i < n; ++i) {
      exact.push_back(random.coin());
      const double v = x.data<float>()[i], r = exact.back() ? 0 : 1;
      wide.data<FInterval<float>>()[i] = {v - r, v + r};
    }
    const Attributes attributes{{"axis", int64_t{0}}, {"largest", int64_t{random.coin()}}};
    Known intervals = kValuesOnly;
    intervals.rep = Rep::Interval;
    const Value count = Tensor::ints(std::array{k});
    const auto bounds = run_op(ops::top_k, {wide, count}, attributes, intervals);
    const Tensor best = run_tensor(ops::arg_max, {wide}, {{"axis", int64_t{0}}}, intervals);
    for (int trial = 0; trial < 20; ++trial) {
      Tensor y(f32, {n});
      for (int64_t i = 0; i < n; ++i)
        y.data<float>()[i] =
            x.data<float>()[i] +
            (exact[static_cast<size_t>(i)] ? 0 : static_cast<float>(random.between(-2, 2)) / 2);
      const auto r = run_op(ops::top_k, {y, count}, attributes);
      for (int64_t i = 0; i < k; ++i) {
        const auto v = bounds[0].tensor.data<FInterval<float>>()[i];
        const auto at = bounds[1].tensor.data<IInterval>()[i];
        const float value = r[0].tensor.data<float>()[i];
        const int64_t index = r[1].tensor.data<int64_t>()[i];
        EXPECT_TRUE(v.lo <= value && value <= v.hi);
        EXPECT_TRUE(at.lo <= index && index <= at.hi);
      }
      const int64_t index = run_tensor(ops::arg_max, {y}, {{"axis", int64_t{0}}}).data<int64_t>()[0];
      EXPECT_TRUE(best.data<IInterval>()[0].lo <= index && index <= best.data<IInterval>()[0].hi);
    }
  }
}

TEST(Unique, ValuesByInverseAreTheInput) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(2, 5), 0, 2);
    Attributes attributes{{"sorted", int64_t{random.coin()}}};
    const bool sorted = attributes.flag("sorted");
    const auto flat = run_op(ops::unique, {x}, attributes, kNothing);
    const auto ints = [&](size_t i) { return flat[i].tensor.as_ints(); };
    const auto values = ints(0), first = ints(1), inverse = ints(2), counts = ints(3);
    EXPECT_TRUE(std::is_sorted(sorted ? values.begin() : first.begin(), sorted ? values.end() : first.end()));
    std::vector<int64_t> seen(values.size());
    for (size_t i = 0; i < inverse.size(); ++i) {
      const auto u = static_cast<size_t>(inverse[i]);
      EXPECT_EQ(values[u], x.data<int64_t>()[i]);
      if (seen[u]++ == 0) {
        EXPECT_EQ(first[u], static_cast<int64_t>(i));
      }
    }
    EXPECT_EQ(seen, counts);
    auto distinct = values;
    std::sort(distinct.begin(), distinct.end());
    EXPECT_EQ(std::unique(distinct.begin(), distinct.end()), distinct.end());
    // Slices: gathering the distinct ones by the inverse rebuilds x.
    attributes.set("axis", random.between(-2, 1));
    const auto slices = run_op(ops::unique, {x}, attributes, kNothing);
    EXPECT_EQ(run_tensor(ops::gather, {slices[0], slices[2]}, {{"axis", attributes.get<int64_t>("axis")}}),
              x);
  }
}

TEST(Nonzero, ListsThePositionsInOrder) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(random.between(0, 3)), 0, 1);
    const Tensor y = run_tensor(ops::nonzero, {x}, {}, kNothing);
    ASSERT_EQ(y.dim(0), x.rank());
    int64_t n = 0;
    each_index(x.shape(), [&](const Shape& index, int64_t i) {
      if (x.data<int64_t>()[i] == 0) return;
      for (int64_t d = 0; d < x.rank(); ++d)
        EXPECT_EQ(y.data<int64_t>()[d * y.dim(1) + n], index[static_cast<size_t>(d)]);
      ++n;
    });
    EXPECT_EQ(y.dim(1), n);
  }
  EXPECT_EQ(run_tensor(ops::nonzero, {Tensor::of<float>({3}, std::array{-0.f, kNan, 1.f})}).dim(1), 2);
}

TEST(CumSum, AddsFromLeftToRight) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3));
    const bool exclusive = random.coin(), reverse = random.coin();
    const int64_t axis = random.between(0, 2);
    const Tensor y = run_tensor(
        ops::cum_sum, {x}, {{"axis", axis}, {"exclusive", int64_t{exclusive}}, {"reverse", int64_t{reverse}}},
        kNothing);
    each_index(x.shape(), [&](const Shape& index, int64_t i) {
      int64_t want = 0;
      const auto a = static_cast<size_t>(axis);
      for (int64_t k = 0; k < x.dim(axis); ++k) {
        Shape term = index;
        term[a] = k;
        if (reverse ? k > index[a] : k < index[a]) want += x.data<int64_t>()[linear(x.shape(), term)];
      }
      if (!exclusive) want += x.data<int64_t>()[i];
      EXPECT_EQ(y.data<int64_t>()[i], want);
    });
  }
  // 1 + 2^-24 + 2^-24 is 1 from the left (ties to even) and 1 + 2^-23 from the right.
  const std::array<float, 3> x{1, 0x1p-24f, 0x1p-24f};
  const Tensor t = Tensor::of<float>({3}, x);
  EXPECT_EQ(run_tensor(ops::cum_sum, {t}, {{"axis", int64_t{0}}}).data<float>()[2], 1.f);
  EXPECT_EQ(run_tensor(ops::cum_sum, {t}, {{"axis", int64_t{0}}, {"reverse", int64_t{1}}}).data<float>()[0],
            1 + 0x1p-23f);
}

TEST(Range, HasItsLengthAndSteps) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t start = random.between(-9, 9), limit = random.between(-9, 9);
    const int64_t delta = (random.coin() ? 1 : -1) * random.between(1, 4);
    std::vector<int64_t> want;
    for (int64_t v = start; delta > 0 ? v < limit : v > limit; v += delta) want.push_back(v);
    const auto scalar = [](auto v) { return Value(Tensor::scalar(v)); };
    for (const Known& known : {kEverything, kNothing})
      EXPECT_EQ(run_tensor(ops::range, {scalar(start), scalar(limit), scalar(delta)}, {}, known),
                Tensor::ints(want));
    const auto f = [&](int64_t v) { return scalar(static_cast<float>(v)); };
    EXPECT_EQ(run_tensor(ops::range, {f(start), f(limit), f(delta)}).count(),
              static_cast<int64_t>(want.size()));
  }
  const auto scalar = [](float v) { return Value(Tensor::scalar(v)); };
  const Tensor y = run_tensor(ops::range, {scalar(0.25f), scalar(1.f), scalar(0.1f)});
  ASSERT_EQ(y.count(), 8);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y.data<float>()[i], std::fma(static_cast<float>(i), 0.1f, 0.25f));
  EXPECT_EQ(error_of(ops::range, {scalar(0), scalar(1), scalar(0)}),
            "function @main, %3: range(f32[], f32[], f32[]): delta: required not 0");
}

}  // namespace
}  // namespace tauto
