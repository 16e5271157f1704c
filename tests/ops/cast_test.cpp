// cast against an independent formulation: exact values in 64-bit-mantissa arithmetic, the target found by
// rounding there or by searching all its values.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "ops/evaluate.h"
#include "ops/ops.h"
#include "ops/small_float.h"

namespace tauto {
namespace {

using testing::evaluate;
using testing::random_tensor;

constexpr uint64_t kSeed = 77;
static_assert(std::numeric_limits<long double>::digits >= 64, "f64, i64 and u64 are exact in long double");

constexpr ElementType kF8e4m3fn{Kind::F8E4M3FN, 8}, kF8e4m3fnuz{Kind::F8E4M3FNUZ, 8},
    kF8e5m2{Kind::F8E5M2, 8}, kF8e5m2fnuz{Kind::F8E5M2FNUZ, 8}, kF8e8m0{Kind::F8E8M0, 8},
    kF4e2m1{Kind::F4E2M1, 4};
const std::vector<ElementType> kSmall{kF8e4m3fn, kF8e4m3fnuz, kF8e5m2, kF8e5m2fnuz, kF8e8m0, kF4e2m1};

Tensor cast(const Tensor& t, ElementType to, int64_t saturate = 1, const std::string& mode = "up") {
  return evaluate(ops::cast, {t}, {{"to", to}, {"saturate", saturate}, {"round_mode", mode}});
}

struct Layout {
  int fraction, emin, emax;
};
Layout layout_of(ElementType e) {
  if (e == f64) return {52, -1022, 1023};
  if (e == f32) return {23, -126, 127};
  if (e == f16) return {10, -14, 15};
  return {7, -126, 127};
}

long double value_at(const Tensor& t, int64_t i) {
  const ElementType e = t.type();
  if (e.is_small_float()) return small_float_value(e, t.data<uint8_t>()[i]);
  if (e.is_float()) return testing::real_at(t, i);
  if (e == u64) return static_cast<long double>(t.data<uint64_t>()[i]);
  return static_cast<long double>(testing::whole_at(t, i));
}

long double to_float(long double x, ElementType e) {
  const auto [fraction, emin, emax] = layout_of(e);
  if (x != x || x == 0 || std::isinf(x)) return x;
  const int exponent = std::max(std::ilogb(x), emin);
  const long double unit = std::ldexp(1.0L, exponent - fraction), r = std::nearbyint(x / unit) * unit;
  return std::fabs(r) >= std::ldexp(1.0L, emax + 1) ? std::copysign(HUGE_VALL, x) : r;
}

long double to_integer(long double x, ElementType from, ElementType to) {
  if (x != x) return 0;
  const auto lo = static_cast<long double>(to.min_value()), hi = static_cast<long double>(to.max_value());
  const bool real = from.is_float() || from.is_small_float();
  if (real && to.bits >= 8) return std::min(std::max(std::trunc(x), lo), hi) + 0.0L;
  if (real) x = std::min(std::max(std::trunc(x), -0x1p31L), 0x1p31L - 1);
  const long double period = std::ldexp(1.0L, to.bits);
  const long double r = x - std::floor(x / period) * period;  // exact: both below 2^64
  return r > hi ? r - period : r;
}

bool same(long double a, long double b) {
  return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
}

Tensor source(ElementType e, std::mt19937_64& random) {
  if (e.is_small_float()) {
    Tensor t(e, {e.bits == 4 ? 16 : 256});
    for (int64_t i = 0; i < t.count(); ++i) t.data<uint8_t>()[i] = static_cast<uint8_t>(i);
    return t;
  }
  if (e.is_integer() && e.bits < 8) {
    Tensor t(e, {1 << e.bits});
    for (int64_t i = 0; i < t.count(); ++i) t.data<int8_t>()[i] = static_cast<int8_t>(e.min_value() + i);
    return t;
  }
  return random_tensor(e, {2000}, random);
}

TEST(Cast, MatrixOfAllNumbers) {
  std::mt19937_64 random(kSeed);
  std::vector<ElementType> all = testing::arithmetic_types();
  for (ElementType e : {i2, u2, i4, u4}) all.push_back(e);
  all.insert(all.end(), kSmall.begin(), kSmall.end());
  for (ElementType from : all)
    for (ElementType to : all) {
      if (to.is_small_float()) continue;  // below
      const Tensor x = source(from, random), y = cast(x, to);
      ASSERT_EQ(y.type(), to);
      for (int64_t i = 0; i < x.count(); ++i) {
        const long double v = value_at(x, i);
        const long double want = to.is_bool()    ? (v != 0)
                                 : to.is_float() ? to_float(v, to)
                                                 : to_integer(v, from, to);
        ASSERT_TRUE(same(value_at(y, i), want))
            << text_of(from) << " -> " << text_of(to) << ": " << v << " gives " << value_at(y, i)
            << ", required " << want << ", seed " << kSeed;
      }
    }
}

// The nearest value of the format among all of them, ties to the even code.
TEST(Cast, SmallFloatsAreTheNearestOfAllCodes) {
  std::mt19937_64 random(kSeed + 1);
  for (ElementType to : {kF8e4m3fn, kF8e4m3fnuz, kF8e5m2, kF8e5m2fnuz, kF4e2m1})
    for (ElementType from : {f32, f16, f64, i8, u64}) {
      std::vector<std::pair<long double, int>> codes;  // of finite positive values and zero
      for (int c = 0; c < (to.bits == 4 ? 8 : 128); ++c)
        if (const double v = small_float_value(to, static_cast<uint8_t>(c)); std::isfinite(v))
          codes.emplace_back(v, c);
      const long double largest = codes.back().first;
      const Tensor x = source(from, random), y = cast(x, to), loose = cast(x, to, 0);
      for (int64_t i = 0; i < x.count(); ++i) {
        const long double v = value_at(x, i), a = std::fabs(v);
        if (v != v) {
          ASSERT_TRUE(to == kF4e2m1 ? same(value_at(y, i), -0.0L) : value_at(y, i) != value_at(y, i));
          continue;
        }
        std::pair<long double, int> best = codes[0];
        const long double near = std::min(a, 2 * largest);  // so that differences are exact
        for (const auto& [value, code] : codes) {
          const long double d = std::fabs(near - value), e = std::fabs(near - best.first);
          if (d < e || (d == e && code % 2 == 0)) best = {value, code};
        }
        const bool unsigned_zero = best.first == 0 && small_float_value(to, 0x80) != 0 && to.bits == 8;
        const long double want = unsigned_zero ? 0.0L : std::copysign(best.first, v);
        ASSERT_TRUE(same(value_at(y, i), want))
            << text_of(to) << ": " << v << " gives " << value_at(y, i) << ", seed " << kSeed + 1;
        // Out of range begins where an unbounded exponent would round beyond the largest.
        const long double step = largest - codes[codes.size() - 2].first;
        const bool out = a > largest + step / 2 || (a == largest + step / 2 && codes.back().second % 2 == 1);
        const long double l = value_at(loose, i);
        if (!out || to == kF4e2m1)
          ASSERT_TRUE(same(l, want)) << v;
        else
          ASSERT_TRUE(to == kF8e5m2 ? same(l, std::copysign(HUGE_VALL, v)) : l != l)
              << text_of(to) << ": " << v;
      }
    }
}

// The ends of every format, from its published table.
TEST(Cast, SmallFloatFormats) {
  struct Row {
    ElementType type;
    double least, largest;
    int one;
  };
  for (const Row& r : {Row{kF8e4m3fn, 0x1p-9, 448, 0x38}, Row{kF8e4m3fnuz, 0x1p-10, 240, 0x40},
                       Row{kF8e5m2, 0x1p-16, 57344, 0x3c}, Row{kF8e5m2fnuz, 0x1p-17, 57344, 0x40},
                       Row{kF4e2m1, 0.5, 6, 2}}) {
    EXPECT_EQ(small_float_value(r.type, 1), r.least);
    EXPECT_EQ(small_float_value(r.type, static_cast<uint8_t>(r.one)), 1) << text_of(r.type);
    EXPECT_EQ(value_at(cast(Tensor::scalar(HUGE_VALF), r.type), 0), r.largest);
    EXPECT_EQ(value_at(cast(Tensor::scalar(-1e9f), r.type), 0), -r.largest);
  }
  EXPECT_EQ(small_float_value(kF8e5m2, 0x7c), HUGE_VAL);
  EXPECT_TRUE(std::isnan(small_float_value(kF8e4m3fnuz, 0x80)));
}

TEST(Cast, PowersOfTwo) {
  const auto code = [](float x, int64_t saturate, const char* mode) {
    return int{cast(Tensor::scalar(x), kF8e8m0, saturate, mode).data<uint8_t>()[0]};
  };
  EXPECT_EQ(code(1, 1, "up"), 127);
  EXPECT_EQ(code(1.25f, 1, "up"), 128);
  EXPECT_EQ(code(1.25f, 1, "down"), 127);
  EXPECT_EQ(code(1.25f, 1, "nearest"), 127);
  EXPECT_EQ(code(1.5f, 1, "nearest"), 128);
  EXPECT_EQ(code(HUGE_VALF, 1, "up"), 0xfe);
  EXPECT_EQ(code(HUGE_VALF, 0, "up"), 0xff);
  EXPECT_EQ(code(0, 1, "up"), 0);
  EXPECT_EQ(code(NAN, 1, "up"), 0xff);
}

// Every finite float's text reads back as itself, as does every integer's.
TEST(Cast, StringsReadBack) {
  std::mt19937_64 random(kSeed + 2);
  for (ElementType e : testing::arithmetic_types()) {
    const Tensor x = canonical_nan(random_tensor(e, {500}, random));
    EXPECT_TRUE(cast(cast(x, text), e) == x) << text_of(e) << ", seed " << kSeed + 2;
  }
}

TEST(Cast, StringForms) {
  const auto print = [](auto v) { return cast(Tensor::scalar(v), text).template data<std::string>()[0]; };
  EXPECT_EQ(print(0.47892547f), "0.47892547");
  EXPECT_EQ(print(1e10), "10000000000");
  EXPECT_EQ(print(0.1f), "0.1");
  EXPECT_EQ(print(Half(0.1f)), "0.1");
  EXPECT_EQ(print(-HUGE_VAL), "-INF");
  EXPECT_EQ(print(std::nan("")), "NaN");
  EXPECT_EQ(print(int8_t{-7}), "-7");
  EXPECT_EQ(print(true), "1");
  const auto read = [](const char* s) { return cast(Tensor::scalar(std::string(s)), f64).data<double>()[0]; };
  EXPECT_EQ(read("1e-5"), 1e-5);
  EXPECT_EQ(read("+3.5"), 3.5);
  EXPECT_EQ(read("-inf"), -HUGE_VAL);
  EXPECT_EQ(read("+INF"), HUGE_VAL);
  EXPECT_EQ(read("1e999"), HUGE_VAL);
  EXPECT_TRUE(std::isnan(read("nAn")));
  EXPECT_EQ(cast(Tensor::scalar(std::string("100.5")), i32).data<int32_t>()[0], 100);
  EXPECT_EQ(cast(Tensor::scalar(std::string("18446744073709551615")), u64).data<uint64_t>()[0], UINT64_MAX);
  for (const char* bad : {"Hello World!", "", "1.5x", "+-1", "++1"}) EXPECT_THROW(read(bad), Error) << bad;
}

// Points and boxes of intervals, as for the other elementwise operators.
TEST(Cast, IntervalsEnclose) {
  std::mt19937_64 random(kSeed + 3);
  std::vector<ElementType> all = testing::arithmetic_types();
  for (ElementType e : {i2, u2, i4, u4}) all.push_back(e);
  all.insert(all.end(), kSmall.begin(), kSmall.end());
  for (ElementType from : all)
    for (ElementType to : all) {
      const Tensor x = source(from, random);
      Tensor box = testing::in_rep(x, Rep::Interval);
      const int64_t n = x.count();
      for (int64_t i = 0; i < n; i += 2) {
        const int64_t other = static_cast<int64_t>(random() % static_cast<uint64_t>(n)) | 1;  // still a point
        if (from.is_float() || from.is_small_float())
          box.data<FInterval<double>>()[i] =
              num::hull(box.data<FInterval<double>>()[i], box.data<FInterval<double>>()[other % n]);
        else
          box.data<IInterval>()[i] = num::hull(box.data<IInterval>()[i], box.data<IInterval>()[other % n]);
      }
      const Tensor exact = cast(x, to), enclosure = evaluate(ops::cast, {box}, {{"to", to}}, Rep::Interval);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_TRUE(testing::encloses(enclosure, exact, i))
            << text_of(from) << " -> " << text_of(to) << ": " << testing::element_text(x, i) << " gives "
            << testing::element_text(exact, i) << ", not in " << testing::element_text(enclosure, i)
            << ", seed " << kSeed + 3;
    }
}

TEST(BitCast, KeepsBitsAndMakesNanCanonical) {
  const auto bits = [](Tensor t, ElementType to) {
    return evaluate(ops::bit_cast, {std::move(t)}, {{"to", to}});
  };
  EXPECT_EQ(bits(Tensor::scalar(1.0f), i32).data<int32_t>()[0], 0x3f800000);
  EXPECT_EQ(bits(Tensor::scalar(-NAN), u32).data<uint32_t>()[0], 0x7fc00000u);
  EXPECT_EQ(bits(Tensor::scalar(uint8_t{200}), i8).data<int8_t>()[0], -56);
  Tensor nibble(u4, {});
  nibble.data<uint8_t>()[0] = 15;
  EXPECT_EQ(bits(nibble, i4).data<int8_t>()[0], -1);
  EXPECT_THROW(bits(Tensor::scalar(1.0f), i64), Error);
}

}  // namespace
}  // namespace tauto
