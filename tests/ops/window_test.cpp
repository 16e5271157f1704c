// Windows: nested chains over the taps inside, against the definition written down plainly.
#include "ops/window.h"

#include <gtest/gtest.h>

#include "ops/evaluate.h"
#include "ops/ops.h"
#include "ops/run_op.h"

namespace tauto::testing {
namespace {

struct Window {
  Shape shape;  // N C, then the spatial dims
  Ints kernel, strides, dilations, before, outputs;
  Access access;
};

Window random_window(Random& random, int64_t rank) {
  Window w;
  w.shape = {random.between(1, 2), random.between(1, 3)};
  w.access.outputs = static_cast<int>(rank) + 2;
  w.access.axes = {"n", "c"};
  w.access.extents = {w.shape[0], w.shape[1]};
  w.access.operands = {{{{{0, 1}}, 0, 1}, {{{1, 1}}, 0, 1}}};
  for (int64_t d = 0; d < rank; ++d) {
    w.shape.push_back(random.between(1, 9));
    w.kernel.push_back(random.between(1, 3));
    w.strides.push_back(random.between(1, 3));
    w.dilations.push_back(random.between(1, 2));
    w.before.push_back(random.between(0, 2));
    w.outputs.push_back(random.between(0, 5));
    w.access.axes.push_back(cat("o", d));
    w.access.extents.emplace_back(w.outputs.back());
  }
  for (int64_t d = 0; d < rank; ++d) {
    const auto i = static_cast<size_t>(d);
    w.access.axes.push_back(cat("k", d));
    w.access.extents.emplace_back(w.kernel[i]);
    AxisIndex x;
    x.terms = {{static_cast<int>(d) + 2, w.strides[i]}, {static_cast<int>(rank + d) + 2, w.dilations[i]}};
    x.offset = -w.before[i];
    w.access.operands[0].push_back(x);
  }
  return w;
}

// f over the taps of axis d and those after it; leaf(index) gives an element.
template <class C, class Leaf, class F>
C nested(const Window& w, const Shape& out, Shape& index, size_t d, C identity, F f, Leaf leaf) {
  if (d == w.kernel.size()) return leaf(index);
  C acc = identity;
  for (int64_t k = 0; k < w.kernel[d]; ++k) {
    const int64_t i = out[d + 2] * w.strides[d] + k * w.dilations[d] - w.before[d];
    if (i < 0 || i >= w.shape[d + 2]) continue;
    index[d + 2] = i;
    acc = f(acc, nested(w, out, index, d + 1, identity, f, leaf));
  }
  return acc;
}

TEST(Window, IsANestOfChainsOverTheTapsInside) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Window w = random_window(random, random.between(1, 3));
    Tensor x = random.floats(w.shape);
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] *= 0.1f;
    const auto check = [&](const char* kind, float identity, auto f) {
      const Attributes a{{"access", w.access}, {"kind", std::string(kind)}};
      const Tensor got = evaluate(ops::window_reduce, {x}, a);
      const Tensor bounds = evaluate(ops::window_reduce, {in_rep(x, Rep::Interval)}, a, Rep::Interval);
      each_index(got.shape(), [&](const Shape& out, int64_t at) {
        Shape index = out;
        const float want = nested(w, out, index, 0, identity, f,
                                  [&](const Shape& i) { return x.data<float>()[linear(w.shape, i)]; });
        ASSERT_EQ(got.data<float>()[at], want) << kind;
        ASSERT_TRUE(encloses(bounds, got, at)) << kind;
      });
    };
    check("sum", 0, [](float a, float b) { return a + b; });
    check("max", -INFINITY, [](float a, float b) { return a > b ? a : b; });
    check("min", INFINITY, [](float a, float b) { return a < b ? a : b; });
  }
}

TEST(WindowArgMax, IsTheFirstMaximumInRowMajorOrder) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Window w = random_window(random, random.between(1, 3));
    Tensor x = random.floats(w.shape, -2, 2);
    for (int64_t i = 0; i < x.count(); ++i)
      if (random.between(0, 20) == 0) x.data<float>()[i] = NAN;
    const Attributes a{{"access", w.access}};
    const Tensor got = evaluate(ops::window_arg_max, {x}, a);
    const Tensor bounds = evaluate(ops::window_arg_max, {in_rep(x, Rep::Interval)}, a, Rep::Interval);
    each_index(got.shape(), [&](const Shape& out, int64_t at) {
      std::vector<int64_t> taps;
      Shape index = out;
      nested(
          w, out, index, 0, 0, [](int, int) { return 0; },
          [&](const Shape& i) { return taps.push_back(linear(w.shape, i)), 0; });
      int64_t best = -1;
      for (int64_t i : taps) {
        const float v = x.data<float>()[i];
        if (best < 0 || v > x.data<float>()[best] ||
            (v != v && x.data<float>()[best] == x.data<float>()[best]))
          best = i;
      }
      EXPECT_EQ(got.data<int64_t>()[at], best);
      EXPECT_TRUE(encloses(bounds, got, at));
    });
  }
}

// With a divisor a window reads between inserted zeros: the gradient of an average pool.
TEST(Window, SkipsIndicesThatAreNoMultipleOfTheDivisor) {
  Access a;
  a.axes = {"o", "k"};
  a.extents = {7, 3};
  a.outputs = 1;
  a.operands = {{{{{0, 1}, {1, -1}}, 0, 2}}};
  const std::vector<float> x{1, 10, 100};
  const Tensor y = evaluate(ops::window_reduce, {Tensor::of<float>({3}, x)},
                            {{"access", a}, {"kind", std::string("sum")}});
  const std::vector<float> want{1, 1, 11, 10, 110, 100, 100};
  EXPECT_EQ(y, (Tensor::of<float>({7}, want)));
}

TEST(Window, RefusesAnAccessThatIsNone) {
  const auto message = [](Access a) -> std::string {
    try {
      result_type(ops::window_reduce, {parse_type("f32[4, 6]")},
                  {{"access", std::move(a)}, {"kind", std::string("max")}});
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  Access a;
  a.axes = {"n", "o", "k"};
  a.extents = {4, 3, 2};
  a.outputs = 2;
  a.operands = {{{{{0, 1}}, 0, 1}, {{{1, 2}, {2, 1}}, 0, 1}}};
  EXPECT_EQ(message(a), "");
  Access b = a;
  b.extents[0] = 5;
  EXPECT_EQ(message(b), "window_reduce(f32[4, 6]): dim 0 and axis n: 4 and 5 differ");
  b = a;
  b.operands[0][0] = b.operands[0][1];
  EXPECT_EQ(message(b),
            "window_reduce(f32[4, 6]): dim 0: required the index of its own output axis and at most one of "
            "the window");
  b = a;
  b.operands[0][1] = {{{1, 1}}, 0, 1};
  b.extents[1] = 6;
  EXPECT_EQ(message(b), "window_reduce(f32[4, 6]): axis k: required in one dim, is in 0");
}

}  // namespace
}  // namespace tauto::testing
