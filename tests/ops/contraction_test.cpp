// Contractions against their definition (docs/semantics.md), written out for one output at a time: the same
// bits for every way through the evaluator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "graph/scanner.h"
#include "ops/contraction.h"
#include "ops/evaluate.h"
#include "ops/ops.h"

namespace tauto::testing {
namespace {

Access access(const std::string& text) {
  Scanner s(text);
  return scan_access(s);
}

// Calls f for each point of the axes [first, last), the last fastest.
template <class F>
void each_point(const Ints& extents, size_t first, size_t last, Ints& at, F f) {
  if (first == last) return f();
  for (at[first] = 0; at[first] < extents[first]; ++at[first]) each_point(extents, first + 1, last, at, f);
  at[first] = 0;
}

template <class C, class Fma>
std::vector<C> defined(const Access& a, const std::vector<C>& x, const Shape& xs, const std::vector<C>& y,
                       const Shape& ys, Fma fma) {
  Ints extents;
  for (const Dim& d : a.extents) extents.push_back(d.literal());
  const auto outputs = static_cast<size_t>(a.outputs);
  size_t outermost = outputs;
  while (outermost < extents.size() && extents[outermost] == 1) ++outermost;
  int64_t inner = 1, steps = 1;
  for (size_t i = outermost + 1; i < extents.size(); ++i) inner *= extents[i];
  while (steps * 2 * inner <= 144) steps *= 2;

  Ints at(extents.size(), 0);
  const auto offset = [&](size_t k, const Shape& shape) -> int64_t {
    int64_t r = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      int64_t i = a.operands[k][d].offset.literal();
      for (const AxisTerm& t : a.operands[k][d].terms)
        i += t.coefficient.literal() * at[static_cast<size_t>(t.axis)];
      if (i % a.operands[k][d].divisor != 0) return -1;
      i /= a.operands[k][d].divisor;
      if (i < 0 || i >= shape[d]) return -1;
      r = r * shape[d] + i;
    }
    return r;
  };
  std::vector<C> out;
  each_point(extents, 0, outputs, at, [&] {
    C sum = 0, chain = 0;
    int64_t block = 0;
    each_point(extents, outputs, extents.size(), at, [&] {
      const int64_t now = outermost < at.size() ? at[outermost] / steps : 0;
      if (now != block) sum = sum + chain, chain = 0, block = now;
      const int64_t i = offset(0, xs), j = offset(1, ys);
      if (i >= 0 && j >= 0) chain = fma(x[static_cast<size_t>(i)], y[static_cast<size_t>(j)], chain);
    });
    out.push_back(sum + chain);
  });
  return out;
}

template <class C>
void expect_defined(const std::string& text, const Access& a, const Tensor& x, const Tensor& y) {
  const auto fma = [](C p, C q, C r) {
    if constexpr (std::is_floating_point_v<C>)
      return std::fma(p, q, r);
    else
      return static_cast<C>(r + p * q);
  };
  const auto list = [](const Tensor& t) { return std::vector<C>(t.data<C>(), t.data<C>() + t.count()); };
  const std::vector<C> expected = defined<C>(a, list(x), x.shape(), list(y), y.shape(), fma);
  const Tensor got = evaluate(ops::contract, {x, y}, {{"access", a}});
  ASSERT_EQ(got.count(), static_cast<int64_t>(expected.size())) << text;
  for (int64_t i = 0; i < got.count(); ++i) {
    const C e = expected[static_cast<size_t>(i)], g = got.data<C>()[i];
    if (e != e && g != g) continue;
    ASSERT_EQ(std::memcmp(&e, &g, sizeof e), 0)
        << text << "\noutput " << i << ": required " << e << ", got " << g;
  }
}

// Integers large enough to wrap, or floats without or with infinities, NaN and denormals.
Tensor drawn(ElementType e, const Shape& shape, bool special, std::mt19937_64& random) {
  Tensor t = random_tensor(e, shape, random);
  if (!e.is_float() || special) return t;
  std::uniform_real_distribution<double> unit(-1, 1);
  for (int64_t i = 0; i < t.count(); ++i) {
    if (e == f32)
      t.data<float>()[i] = random() % 8 ? static_cast<float>(unit(random)) : random() % 2 ? -0.0f : 1e-30f;
    else if (e == f64)
      t.data<double>()[i] = unit(random);
    else
      t.data<Half>()[i] = Half(static_cast<float>(unit(random)));
  }
  return t;
}

void check(const std::string& text, const Shape& xs, const Shape& ys, std::mt19937_64& random,
           bool special = false) {
  SCOPED_TRACE(text);
  const Access a = access(text);
  for (ElementType e : {f32, f64, i32, i64}) {
    const Tensor x = drawn(e, xs, special, random), y = drawn(e, ys, special && random() % 2, random);
    if (e == f32) expect_defined<float>(text, a, x, y);
    if (e == f64) expect_defined<double>(text, a, x, y);
    if (e == i32) expect_defined<int32_t>(text, a, x, y);
    if (e == i64) expect_defined<int64_t>(text, a, x, y);
  }
}

TEST(Contraction, EveryKindOfTheRealNetworksGivesTheDefinedBits) {
  std::mt19937_64 random(1);
  for (bool special : {false, true}) {
    check("over {m: 37, n: 45 | k: 300} [m, k] [k, n]", {37, 300}, {300, 45}, random, special);
    check("over {m: 37, n: 45 | k: 300} [m, k] [n, k]", {37, 300}, {45, 300}, random, special);
    check("over {m: 1, n: 150 | k: 301} [m, k] [k, n]", {1, 301}, {301, 150}, random, special);
    check("over {m: 1, n: 150 | k: 301} [m, k] [n, k]", {1, 301}, {150, 301}, random, special);
    check("over {m: 150, n: 1 | k: 301} [m, k] [k, n]", {150, 301}, {301, 1}, random, special);
    check("over {b: 3, m: 9, n: 17 | k: 40} [b, m, k] [b, n, k]", {3, 9, 40}, {3, 17, 40}, random, special);
    check("over {b: 70 | k: 200} [b, k] [b, k]", {70, 200}, {70, 200}, random, special);
    check(
        "over {n: 2, o: 10, y: 9, x: 11 | c: 20, ky: 3, kx: 3} [n, c, y + ky - 1, x + kx - 1] [o, c, ky, kx]",
        {2, 20, 9, 11}, {10, 20, 3, 3}, random, special);
    check(
        "over {n: 1, o: 40, y: 3, x: 3 | c: 20, ky: 3, kx: 3} [n, c, 2*y + ky - 1, 2*x + kx - 1] [o, c, ky, "
        "kx]",
        {1, 20, 6, 5}, {40, 20, 3, 3}, random, special);
    check(
        "over {n: 2, g: 7, o: 1, y: 12, x: 13 | c: 1, ky: 3, kx: 3} [n, g + c, y + ky - 1, x + kx - 1] [g + "
        "o, c, ky, kx]",
        {2, 7, 12, 13}, {7, 1, 3, 3}, random, special);
    check(
        "over {n: 2, g: 7, o: 1, y: 6, x: 7 | c: 1, ky: 5, kx: 5} [n, g + c, 2*y + ky - 2, 2*x + 3*kx - 6] "
        "[g + o, c, ky, kx]",
        {2, 7, 12, 13}, {7, 1, 5, 5}, random, special);
    check(
        "over {n: 2, g: 3, o: 2, y: 6, x: 7 | c: 4, ky: 3, kx: 3} [n, 4*g + c, y + 2*ky - 2, x + 2*kx - 2] "
        "[2*g + o, c, ky, kx]",
        {2, 12, 6, 7}, {6, 4, 3, 3}, random, special);
    check(
        "over {n: 1, o: 3, y: 15, x: 13 | c: 5, ky: 3, kx: 3} [n, c, (y - ky + 1)/2, (x - kx + 1)/2] [c, o, "
        "ky, kx]",
        {1, 5, 8, 7}, {5, 3, 3, 3}, random, special);
    check(
        "over {n: 1, o: 6, y: 14, x: 14 | c: 5, ky: 2, kx: 2} [n, c, (y - ky)/2, (x - kx)/2] [c, o, ky, kx]",
        {1, 5, 7, 7}, {5, 6, 2, 2}, random, special);
    check("over {n: 1, g: 9, o: 1, y: 15 | c: 1, ky: 200} [n, g + c, (y - ky + 4)/3] [g + c, o, ky]",
          {1, 9, 20}, {9, 1, 200}, random, special);
    check("over {n: 2, o: 12, x: 100 | c: 9, k: 11} [n, c, x + 4*k - 20] [o, c, k]", {2, 9, 100}, {12, 9, 11},
          random, special);
    check("over {n: 2, c: 5, y: 1, x: 1 | ky: 7, kx: 7} [n, c, y + ky, x + kx] [c, ky, kx]", {2, 5, 7, 7},
          {5, 7, 7}, random, special);
    check("over {a: 4, b: 5} [a] [b]", {4}, {5}, random, special);
    check("over {a: 4, b: 5 | k: 0} [a, k] [b, k]", {4, 0}, {5, 0}, random, special);
    check("over {| k: 1000} [k] [k]", {1000}, {1000}, random, special);
  }
}

// Any map: each dim an affine function of some axes, reaching in and out of the operand.
TEST(Contraction, AnyMapGivesTheDefinedBits) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    std::mt19937_64 random(seed);
    const auto upto = [&](uint64_t n) { return static_cast<int64_t>(random() % (n + 1)); };
    const int64_t outputs = upto(4), reductions = upto(3);
    std::string text = "over {";
    Ints extents;
    for (int64_t i = 0; i < outputs + reductions; ++i) {
      static constexpr int64_t kExtents[] = {1, 2, 3, 4, 5, 7, 9, 18, 33, 40};
      extents.push_back(kExtents[upto(outputs + reductions > 4 ? 5 : outputs + reductions > 3 ? 6 : 9)]);
      text += cat(i == outputs ? (i ? " | " : "| ") : i ? ", " : "", "a", i, ": ", extents.back());
    }
    text += "}";
    Shape shapes[2];
    for (Shape& shape : shapes) {
      text += " [";
      const int64_t rank = upto(3);
      for (int64_t d = 0; d < rank; ++d) {
        int64_t lo = 0, hi = 0, n = 0;
        std::string index;
        for (size_t i = 0; i < extents.size(); ++i) {
          if (random() % 3) continue;
          const int64_t c = random() % 2 ? 1 : upto(6) - 3;
          if (c == 0) continue;
          index += cat(c < 0 ? " - " : n ? " + " : "", c < 0 ? -c : c, "*a", i);
          ++n;
          (c < 0 ? lo : hi) += c * (extents[i] - 1);
        }
        const int64_t divisor = n && random() % 4 == 0 ? 1 + upto(3) : 1;
        const int64_t offset = random() % 2 ? -lo : upto(8) - 4;
        index = n ? cat(index, offset < 0 ? " - " : " + ", offset < 0 ? -offset : offset) : cat(offset);
        text += cat(d ? ", " : "", divisor == 1 ? index : cat("(", index, ")/", divisor));
        const int64_t largest = (hi + offset) / divisor + 1;
        // A plain axis has the extent of its dim.
        shape.push_back(std::max<int64_t>(1, random() % 2 ? largest : largest + upto(4) - 2));
      }
      text += "]";
    }
    Access a = access(text);
    for (size_t k = 0; k < 2; ++k)
      for (size_t d = 0; d < shapes[k].size(); ++d) {
        const AxisIndex& x = a.operands[k][d];
        if (x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1)
          shapes[k][d] = extents[static_cast<size_t>(x.terms[0].axis)];
      }
    check(text, shapes[0], shapes[1], random, seed % 3 == 0);
    if (HasFatalFailure()) return;
  }
}

// Points and wider intervals of integers, points of floats: the exact result lies inside.
TEST(Contraction, IntervalsHoldTheExactResult) {
  const std::string text =
      "over {n: 1, o: 5, y: 9, x: 11 | c: 20, ky: 3, kx: 3} [n, c, y + ky - 1, x + kx - 1] [o, c, ky, kx]";
  const Attributes attributes{{"access", access(text)}};
  std::mt19937_64 random(1);
  for (ElementType e : {f32, f64, f16, i8, u8, i32, u32, i64})
    for (int64_t width : {0, 2}) {
      if (e.is_float() && width) continue;
      SCOPED_TRACE(cat(e, " ", width));
      Tensor x = drawn(e, {1, 20, 9, 11}, false, random), y = drawn(e, {5, 20, 3, 3}, false, random);
      Tensor wide = in_rep(x, Rep::Interval);
      if (e.is_integer())
        for (int64_t i = 0; i < wide.count(); ++i) wide.data<IInterval>()[i].hi += width;
      const Tensor exact = evaluate(ops::contract, {x, y}, attributes),
                   intervals =
                       evaluate(ops::contract, {wide, in_rep(y, Rep::Interval)}, attributes, Rep::Interval);
      int64_t outside = 0, points = 0;
      for (int64_t i = 0; i < exact.count(); ++i) {
        outside += !encloses(intervals, exact, i);
        if (e.is_integer()) points += intervals.data<IInterval>()[i].lo == intervals.data<IInterval>()[i].hi;
      }
      EXPECT_EQ(outside, 0);
      if (e.is_integer() && !width) {
        EXPECT_EQ(points, exact.count());
      }
    }
}

// Added from the left the products are infinite, and then not a number; in another order they stay infinite.
TEST(Contraction, IntervalsHoldWhatOverflowsOnTheWay) {
  const Attributes attributes{{"access", access("over {n: 1, o: 1 | k: 3} [n, k] [k, o]")}};
  const float inf = std::numeric_limits<float>::infinity(), large = 3e38f, x[] = {inf, large, large},
              y[] = {1, -4, -4}, z[] = {large, large, -large}, one[] = {1, 1, 1}, few[] = {inf, 1, 1};
  const auto enclosure = [&](const float* a, const float* b) {
    const Tensor p = Tensor::of<float>({1, 3}, {a, 3}), q = Tensor::of<float>({3, 1}, {b, 3});
    return evaluate(ops::contract, {in_rep(p, Rep::Interval), in_rep(q, Rep::Interval)}, attributes,
                    Rep::Interval)
        .data<FInterval<float>>()[0];
  };
  EXPECT_TRUE(num::is_anything(enclosure(x, y)));
  EXPECT_TRUE(num::is_anything(enclosure(z, one)));
  const auto surely = enclosure(few, one);
  EXPECT_EQ(surely.lo, inf);
}

}  // namespace
}  // namespace tauto::testing
