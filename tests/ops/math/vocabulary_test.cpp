// The trees use nothing but the vocabulary: they are instantiated on a number type that offers only it, and
// give the same bits as on float and double. Code generation's symbolic numbers rely on that.
#include "ops/math/vocabulary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace tauto::testing {

// A value of type T wrapped so that no operation of C++ applies to it by itself.
template <class T>
struct Only {
  T v;
};
struct OnlyMask {
  bool v;
};

template <class T>
concept FloatingPoint = std::is_floating_point_v<T>;
template <class T>
concept Integer = std::is_integral_v<T>;

template <class T>
Only<T> operator+(Only<T> a, Only<T> b) {
  return {static_cast<T>(a.v + b.v)};
}
template <class T>
Only<T> operator-(Only<T> a, Only<T> b) {
  return {static_cast<T>(a.v - b.v)};
}
template <FloatingPoint T>
Only<T> operator*(Only<T> a, Only<T> b) {
  return {a.v * b.v};
}
template <FloatingPoint T>
Only<T> operator/(Only<T> a, Only<T> b) {
  return {a.v / b.v};
}
template <FloatingPoint T>
Only<T> operator-(Only<T> a) {
  return {-a.v};
}
template <Integer T>
Only<T> operator&(Only<T> a, Only<T> b) {
  return {a.v & b.v};
}
template <Integer T>
Only<T> operator|(Only<T> a, Only<T> b) {
  return {a.v | b.v};
}
template <FloatingPoint T>
Only<T> fma(Only<T> a, Only<T> b, Only<T> c) {
  return {math::fma(a.v, b.v, c.v)};
}
template <FloatingPoint T>
Only<T> sqrt(Only<T> a) {
  return {math::sqrt(a.v)};
}
template <FloatingPoint T>
Only<T> abs(Only<T> a) {
  return {math::abs(a.v)};
}
template <FloatingPoint T>
Only<T> copysign(Only<T> a, Only<T> b) {
  return {math::copysign(a.v, b.v)};
}
template <FloatingPoint T>
Only<T> round_even(Only<T> a) {
  return {math::round_even(a.v)};
}
template <FloatingPoint T>
OnlyMask less(Only<T> a, Only<T> b) {
  return {a.v < b.v};
}
template <FloatingPoint T>
OnlyMask less_equal(Only<T> a, Only<T> b) {
  return {a.v <= b.v};
}
template <FloatingPoint T>
OnlyMask equal(Only<T> a, Only<T> b) {
  return {a.v == b.v};
}
OnlyMask both(OnlyMask a, OnlyMask b) { return {a.v && b.v}; }
OnlyMask either(OnlyMask a, OnlyMask b) { return {a.v || b.v}; }
OnlyMask negated(OnlyMask a) { return {!a.v}; }
template <class T>
Only<T> select(OnlyMask m, Only<T> a, Only<T> b) {
  return {m.v ? a.v : b.v};
}
template <FloatingPoint T>
auto bits(Only<T> a) {
  return Only<math::IntOf<T>>{math::bits(a.v)};
}
template <Integer T>
auto from_bits(Only<T> i) {
  return Only<decltype(math::from_bits(i.v))>{math::from_bits(i.v)};
}
template <Integer T>
Only<T> shift_left(Only<T> i, int n) {
  return {math::shift_left(i.v, n)};
}
template <Integer T>
Only<T> shift_right(Only<T> i, int n) {
  return {math::shift_right(i.v, n)};
}
Only<double> widen(Only<float> a) { return {a.v}; }
Only<float> narrow(Only<double> a) { return {static_cast<float>(a.v)}; }
template <size_t N>
Only<double> lookup(const double (&table)[N], Only<int64_t> i) {
  return {table[i.v]};
}

}  // namespace tauto::testing

namespace tauto::math {
template <class T>
struct Format<testing::Only<T>> : Format<T> {
  using Int = testing::Only<typename Format<T>::Int>;
  using Mask = testing::OnlyMask;
  using Wide = testing::Only<double>;
  using Narrow = testing::Only<float>;
  static testing::Only<T> constant(double v) { return {Format<T>::constant(v)}; }
  static Int integer(int64_t v) { return {Format<T>::integer(v)}; }
};
}  // namespace tauto::math

#include "ops/math/math.h"

namespace tauto::testing {
namespace {

template <class T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

constexpr uint64_t kSeed = 7;

TEST(Vocabulary, SufficesForEveryFunction) {
  std::mt19937_64 random(kSeed);
  std::uniform_real_distribution<float> unit(-1, 1);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t u = random();
    const float x = i % 2 ? std::bit_cast<float>(static_cast<uint32_t>(u)) : unit(random) * 20;
    const double d = i % 2 ? std::bit_cast<double>(u) : x;
    const float e = unit(random) * 5;
#define TAUTO_COMPARE(name, ...)                                 \
  EXPECT_TRUE(same(math::name(Only<float>{x}).v, math::name(x))) \
      << #name << "(" << x << "), seed " << kSeed;               \
  EXPECT_TRUE(same(math::name(Only<double>{d}).v, math::name(d))) << #name << "(" << d << "), seed " << kSeed;
    TAUTO_MATH_UNARY(TAUTO_COMPARE)
#undef TAUTO_COMPARE
#define TAUTO_COMPARE(name, ...)                                                              \
  EXPECT_TRUE(same(math::name(Only<float>{x}, Only<float>{e}).v, math::name(x, e)))           \
      << #name << "(" << x << ", " << e << "), seed " << kSeed;                               \
  EXPECT_TRUE(same(math::name(Only<double>{d}, Only<double>{e}).v, math::name(d, double{e}))) \
      << #name << "(" << d << ", " << e << "), seed " << kSeed;
    TAUTO_MATH_BINARY(TAUTO_COMPARE)
#undef TAUTO_COMPARE
  }
}

}  // namespace
}  // namespace tauto::testing
