// Reductions: the stated order bit for bit, enclosures of every other order, zero extension, empty axes.
#include "ops/reduction.h"

#include <gtest/gtest.h>

#include <cstring>

#include "ops/evaluate.h"
#include "ops/ops.h"
#include "ops/run_op.h"

namespace tauto::testing {
namespace {

Attributes over(Ints axes, bool keepdims = false) {
  return {{"axes", std::move(axes)}, {"keepdims", int64_t{keepdims}}};
}

Ints random_axes(Random& random, int64_t rank) {
  Ints axes;
  for (int64_t d = 0; d < rank; ++d)
    if (random.coin()) axes.push_back(d);
  return axes;
}

bool same(float a, float b) { return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0; }

// The definition of one run, as docs/semantics.md writes it down.
template <class F>
float one_run(const std::vector<float>& x, float identity, F f) {
  float s[16], t[16];
  std::fill_n(s, 16, identity);
  for (size_t piece = 0; piece < x.size(); piece += 256) {
    std::fill_n(t, 16, identity);
    for (size_t i = piece; i < std::min(x.size(), piece + 256); ++i) t[i % 16] = f(t[i % 16], x[i]);
    for (int p = 0; p < 16; ++p) s[p] = f(s[p], t[p]);
  }
  for (int h = 8; h > 0; h /= 2)
    for (int p = 0; p < h; ++p) s[p] = f(s[p], s[p + h]);
  return s[0];
}

// The whole definition: `axes` of x, whose values are f32, the innermost run first.
template <class F>
std::vector<float> by_definition(std::vector<float> x, Shape shape, Ints axes, float identity, F f) {
  const size_t rank = shape.size();
  while (!axes.empty()) {
    Ints run{axes.back()};
    axes.pop_back();
    while (!axes.empty() && axes.back() == run[0] - 1 && run[0] != 1 && !(rank >= 3 && run[0] == 2)) {
      run.insert(run.begin(), axes.back());
      axes.pop_back();
    }
    Shape left = shape, inside;
    for (int64_t d : run) inside.push_back(shape[static_cast<size_t>(d)]), left[static_cast<size_t>(d)] = 1;
    std::vector<float> next;
    each_index(left, [&](const Shape& at, int64_t) {
      std::vector<float> terms;
      each_index(inside, [&](const Shape& k, int64_t) {
        Shape index = at;
        for (size_t i = 0; i < run.size(); ++i) index[static_cast<size_t>(run[i])] = k[i];
        terms.push_back(x[static_cast<size_t>(linear(shape, index))]);
      });
      next.push_back(one_run(terms, identity, f));
    });
    shape = left;
    x = next;
  }
  return x;
}

template <class F>
void follows_definition(const Op& op, float identity, F f, ElementType type) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat(op.name, " of ", type, ", seed ", seed));
    Random random(seed);
    std::mt19937_64 engine(seed);
    const int64_t rank = random.between(1, 5);
    Shape shape = random.shape(rank, 4);
    if (random.coin()) shape[static_cast<size_t>(random.between(0, rank - 1))] = random.between(1, 700);
    Tensor x = random_tensor(type, shape, engine);
    if (random.coin())  // without infinities, so that roundings show
      for (int64_t i = 0; i < x.count(); ++i) {
        const float v = static_cast<float>(random.between(-1000, 1000)) * 0.01f;
        if (type == f32)
          x.data<float>()[i] = v;
        else
          x.data<Half>()[i] = Half(v);
      }
    const Ints axes = random_axes(random, rank);
    std::vector<float> wide(static_cast<size_t>(x.count()));
    for (size_t i = 0; i < wide.size(); ++i)
      wide[i] = static_cast<float>(real_at(x, static_cast<int64_t>(i)));
    const auto want = by_definition(wide, shape, axes, identity, f);
    const Tensor got = evaluate(op, {x}, over(axes, random.coin()));
    ASSERT_EQ(got.count(), static_cast<int64_t>(want.size()));
    for (int64_t i = 0; i < got.count(); ++i) {
      const float w = want[static_cast<size_t>(i)];
      const float rounded = type == f32 ? w : static_cast<float>(Half(w));
      ASSERT_TRUE(same(static_cast<float>(real_at(got, i)), rounded))
          << i << ": " << real_at(got, i) << ", not " << w;
    }
  }
}

float max_of(float a, float b) { return a != a || b != b ? NAN : a > b ? a : b; }
float min_of(float a, float b) { return a != a || b != b ? NAN : a < b ? a : b; }

TEST(Reduction, FollowsTheStatedOrder) {
  for (ElementType t : {f32, f16}) {
    follows_definition(
        ops::reduce_sum, 0, [](float a, float b) { return a + b; }, t);
    follows_definition(
        ops::reduce_prod, 1, [](float a, float b) { return a * b; }, t);
    follows_definition(ops::reduce_max, -INFINITY, max_of, t);
    follows_definition(ops::reduce_min, INFINITY, min_of, t);
  }
}

// Integers wrap, so their order does not matter; a bool's maximum is or, its minimum and.
TEST(Reduction, OfIntegersIsThatOfTheWholeNumbersWrapped) {
  for (uint64_t seed = 0; seed < 20; ++seed)
    for (ElementType type : arithmetic_types()) {
      if (type.is_float()) continue;
      SCOPED_TRACE(cat(type, ", seed ", seed));
      std::mt19937_64 engine(seed);
      const Tensor x = random_tensor(type, {3, 40}, engine);
      const auto wrapped_to = [&](uint64_t v) {
        const int shift = 64 - static_cast<int>(x.element_bytes()) * 8;
        return type.is_signed() ? static_cast<int64_t>(v << shift) >> shift
                                : static_cast<int64_t>(v << shift >> shift);
      };
      for (int64_t row = 0; row < 3; ++row) {
        uint64_t sum = 0, product = 1;
        int64_t greatest = whole_at(x, row * 40), least = greatest;
        for (int64_t i = row * 40; i < row * 40 + 40; ++i) {
          const int64_t v = whole_at(x, i);
          sum += static_cast<uint64_t>(v), product *= static_cast<uint64_t>(v);
          const auto below = [&](int64_t a, int64_t b) {
            return type == u64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
          };
          if (below(greatest, v)) greatest = v;
          if (below(v, least)) least = v;
        }
        EXPECT_EQ(whole_at(evaluate(ops::reduce_max, {x}, over({1})), row), greatest);
        EXPECT_EQ(whole_at(evaluate(ops::reduce_min, {x}, over({1})), row), least);
        if (type.is_bool()) continue;
        EXPECT_EQ(whole_at(evaluate(ops::reduce_sum, {x}, over({1})), row), wrapped_to(sum));
        EXPECT_EQ(whole_at(evaluate(ops::reduce_prod, {x}, over({1})), row), wrapped_to(product));
      }
    }
}

// A random tree over a random permutation of the terms.
template <class F>
float any_order(std::vector<float> x, std::mt19937_64& engine, F f) {
  while (x.size() > 1) {
    std::swap(x[engine() % x.size()], x.back());
    const float b = x.back();
    x.pop_back();
    float& a = x[engine() % x.size()];
    a = f(a, b);
  }
  return x[0];
}

TEST(Reduction, IntervalsEncloseEveryOrder) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    std::mt19937_64 engine(seed);
    const auto n = static_cast<int64_t>(1 + engine() % 600);
    const bool tame = seed % 2 == 0;
    Tensor x = random_tensor(f32, {n}, engine);
    if (tame)
      for (int64_t i = 0; i < n; ++i)
        x.data<float>()[i] =
            std::ldexp(1 + static_cast<float>(engine() % 1000) / 999, static_cast<int>(engine() % 3) - 1);
    const std::vector<float> terms(x.data<float>(), x.data<float>() + n);
    const Tensor points = in_rep(x, Rep::Interval);
    const auto check = [&](const Op& op, auto f) {
      const Tensor enclosure = evaluate(op, {points}, over({0}), Rep::Interval);
      EXPECT_TRUE(encloses(enclosure, evaluate(op, {x}, over({0})), 0)) << op.name;
      for (int k = 0; k < 20; ++k) {
        const float v = any_order(terms, engine, f);
        ASSERT_TRUE(encloses(enclosure, Tensor::scalar(v), 0))
            << op.name << ": " << v << " is not in " << element_text(enclosure, 0);
      }
      const auto e = enclosure.data<FInterval<double>>()[0];
      if (tame && std::isfinite(e.lo) && std::isfinite(e.hi)) {  // and not by much
        EXPECT_LE(e.hi - e.lo, 1e-3 * std::fabs(e.hi) + 1e-37) << op.name;
      }
    };
    check(ops::reduce_sum, [](float a, float b) { return a + b; });
    check(ops::reduce_prod, [](float a, float b) { return a * b; });
    check(ops::reduce_max, max_of);
    check(ops::reduce_min, min_of);
  }
}

TEST(Reduction, IntervalsOfIntervalsEncloseWhatTheyHold) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.floats({2, random.between(1, 40)});
    Tensor wide = in_rep(x, Rep::Interval), inside = x.reshaped(x.shape());
    Tensor values(f32, x.shape());
    for (int64_t i = 0; i < x.count(); ++i) {
      auto& v = wide.data<FInterval<double>>()[i];
      const auto below = static_cast<double>(random.between(0, 3)),
                 above = static_cast<double>(random.between(0, 3));
      values.data<float>()[i] =
          static_cast<float>(v.lo) +
          static_cast<float>(random.between(-static_cast<int64_t>(below), static_cast<int64_t>(above)));
      v.lo -= below, v.hi += above;
    }
    for (const Op* op : {&ops::reduce_sum, &ops::reduce_prod, &ops::reduce_max, &ops::reduce_min}) {
      const Tensor e = evaluate(*op, {wide}, over({1}), Rep::Interval),
                   v = evaluate(*op, {values}, over({1}));
      for (int64_t i = 0; i < 2; ++i) EXPECT_TRUE(encloses(e, v, i)) << op->name;
    }
  }
}

TEST(Reduction, AppendedZerosChangeNoBitOfASum) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t n = random.between(0, 600), more = random.between(1, 600);
    const Tensor x = random.floats({n, 2});
    Tensor longer(f32, {n + more, 2});
    for (int64_t i = 0; i < longer.count(); ++i)
      longer.data<float>()[i] = i < x.count() ? x.data<float>()[i] * 0.1f : random.coin() ? 0.f : -0.f;
    Tensor head(f32, {n, 2});
    std::copy_n(longer.data<float>(), head.count(), head.data<float>());
    EXPECT_EQ(evaluate(ops::reduce_sum, {head}, over({0})), evaluate(ops::reduce_sum, {longer}, over({0})));
  }
}

TEST(Reduction, OfNoTermsIsTheIdentity) {
  const auto one = [](const Op& op, ElementType t) {
    return element_text(evaluate(op, {Tensor(t, {2, 0})}, over({0, 1}, true)), 0);
  };
  EXPECT_EQ(one(ops::reduce_sum, f32), "0");
  EXPECT_EQ(one(ops::reduce_prod, f64), "1");
  EXPECT_EQ(one(ops::reduce_max, f32), "-inf");
  EXPECT_EQ(one(ops::reduce_min, f16), "inf");
  EXPECT_EQ(one(ops::reduce_max, i8), "-128");
  EXPECT_EQ(one(ops::reduce_min, u16), "65535");
  EXPECT_EQ(one(ops::reduce_max, boolean), "0");
  EXPECT_EQ(one(ops::reduce_min, boolean), "1");
  EXPECT_EQ(evaluate(ops::reduce_sum, {Tensor(f32, {0, 3})}, over({1})).count(), 0);
  EXPECT_EQ(evaluate(ops::reduce_max, {Tensor(f32, {0, 3})}, over({0})).count(), 3);
}

TEST(Reduction, OverNoAxesIsItsInput) {
  const std::vector<float> x{-0.f, 1, 2};
  const Tensor t = Tensor::of<float>({3}, x);
  EXPECT_EQ(evaluate(ops::reduce_sum, {t}, over({})), t);
}

TEST(Reduction, TypesKeepSymbols) {
  const auto type = [](const char* x, Ints axes, bool keep) {
    return text_of(result_type(ops::reduce_sum, {parse_type(x)}, over(std::move(axes), keep)));
  };
  EXPECT_EQ(type("f32[N, C, 2*H, W]", {1, 3}, false), "f32[N, 2*H]");
  EXPECT_EQ(type("f32[N, C, 2*H, W]", {2, 3}, true), "f32[N, C, 1, 1]");
  try {
    type("f32[N, C]", {2}, true);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "reduce_sum(f32[N, C]): axes: required ascending and below 2, got 2");
  }
}

TEST(Reduction, TakesPartInShapeArithmetic) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, 3, H]"));
  const Id count = b.add(ops::reduce_prod, {b.add(ops::shape_of, {x})}, over({0}));
  b.finish({b.add(ops::reshape, {x, b.add(ops::reshape, {count, b.ints({1})})})}, {"y"});
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[3*H*N]");
}

TEST(Reduction, OfTermsIsTheOrderItself) {
  TermScope scope;
  Tensor x(f32, {18}, Rep::Term);
  for (int64_t i = 0; i < 18; ++i) x.data<Term>()[i] = term_input("x", i, f32);
  const Tensor y = evaluate(ops::reduce_max, {x.reshaped({9, 2})}, over({0, 1}), Rep::Term);
  // Two runs: rows of 2, then the column of 9.
  const auto row = [](int64_t i) {
    return cat("max(max(-inf, max(-inf, x[", 2 * i, "])), max(-inf, max(-inf, x[", 2 * i + 1, "])))");
  };
  const auto leaf = [&](int64_t i) { return "max(-inf, max(-inf, " + row(i) + "))"; };
  const auto join = [](const std::string& a, const std::string& c) { return "max(" + a + ", " + c + ")"; };
  const auto four = [&](int64_t i) { return join(i == 0 ? join(leaf(0), leaf(8)) : leaf(i), leaf(i + 4)); };
  EXPECT_EQ(text_of(y.data<Term>()[0]), join(join(four(0), four(2)), join(four(1), four(3))));
}

// Added from the right the sum is infinity - infinity.
TEST(Reduction, IntervalsHoldWhatOverflowsOnTheWay) {
  const float x[] = {std::numeric_limits<float>::infinity(), -3e38f, -3e38f};
  const Tensor points = in_rep(Tensor::of<float>({3}, x), Rep::Interval);
  const Tensor enclosure = evaluate(ops::reduce_sum, {points}, over({0}), Rep::Interval);
  EXPECT_TRUE(num::is_anything(enclosure.data<FInterval<float>>()[0]));
}

}  // namespace
}  // namespace tauto::testing
