// Each instruction of the vector program against its definition in plain C++, over special values of each
// lane type, at every number of lanes.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "codegen/lane_values.h"
#include "codegen/vector.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using namespace tauto::testing;

// A loop over n elements: `body` gets one vector per column and gives the vector to be stored.
template <class R, class... A, class Body>
std::vector<R> run(int lanes, Body body, const std::vector<A>&... columns) {
  const size_t n = std::get<0>(std::tie(columns...)).size();
  std::vector<R> out(n);
  Assembler a;
  a.program.name = "test";
  a.program.lanes = lanes;
  std::vector<Reg> bases;
  for (size_t k = 0; k <= sizeof...(A); ++k)
    bases.push_back(a.scalar_op(VecOp::Arg, {}, static_cast<int64_t>(k)));
  const Reg count = a.scalar_op(VecOp::Imm, {}, static_cast<int64_t>(n));
  const Reg i = a.begin_loop(a.scalar_op(VecOp::Imm, {}, 0), count, lanes);
  const Reg tail = a.emit(VecOp::First, Lane::F32, {a.scalar_op(VecOp::SubS, {count, i})});
  size_t k = 0;
  std::vector<Reg> in;
  (in.push_back(a.load(VecOp::Load, kElementOf<A>, {bases[k++], i, int{sizeof(A)}, 0}, tail)), ...);
  const Reg r = body(a, in);
  a.store(VecOp::Store, kElementOf<R>, r, {bases[k], i, int{sizeof(R)}, 0}, tail);
  a.end();
  EXPECT_EQ(check(a.program), "");
  const uint64_t arguments[] = {address(columns.data())..., address(out.data())};
  evaluate(a.program, arguments);
  return out;
}

template <class R, class D, class Body, class... A>
void expect_columns(const char* name, D definition, Body body, const std::vector<A>&... columns) {
  for (const int lanes : kLanes) {
    const std::vector<R> out = run<R>(lanes, body, columns...);
    for (size_t i = 0; i < out.size(); ++i) {
      const R expected = definition(columns[i]...);
      ASSERT_TRUE(same(out[i], expected))
          << name << " of " << ((cat(columns[i]) + " ") + ...) << "at " << lanes << " lanes: " << cat(out[i])
          << ", required " << cat(expected);
    }
  }
}

template <class A, class R = A, class D>
void unary(VecOp op, D definition, int64_t immediate = 0) {
  expect_columns<R>(
      text_of(op), definition,
      [&](Assembler& a, const std::vector<Reg>& v) { return a.emit(op, kLane<R>, {v[0]}, immediate); },
      specials<A>());
}
template <class A, class B>
void all_pairs(std::vector<A>& a, std::vector<B>& b) {
  for (const A x : specials<A>())
    for (const B y : specials<B>()) a.push_back(x), b.push_back(y);
}
template <class T, class D>
void binary(VecOp op, D definition) {
  std::vector<T> x, y;
  all_pairs(x, y);
  expect_columns<T>(
      text_of(op), definition,
      [&](Assembler& a, const std::vector<Reg>& v) {
        return a.emit(op, kLane<T>, {v[0], v[1]});
      },
      x, y);
}
template <class D>
void binary_ints(VecOp op, D d) {
  binary<int32_t>(op, [&](int32_t a, int32_t b) { return d(a, b, uint32_t{}); });
  binary<int64_t>(op, [&](int64_t a, int64_t b) { return d(a, b, uint64_t{}); });
}
template <class D>
void binary_floats(VecOp op, D d) {
  binary<float>(op, d);
  binary<double>(op, d);
}
template <class D>
void bits(VecOp op, D d) {
  const auto of = [&](auto a, auto b, auto u) {
    return std::bit_cast<decltype(a)>(d(std::bit_cast<decltype(u)>(a), std::bit_cast<decltype(u)>(b)));
  };
  binary_ints(op, of);
  binary<float>(op, [&](float a, float b) { return of(a, b, uint32_t{}); });
  binary<double>(op, [&](double a, double b) { return of(a, b, uint64_t{}); });
}

TEST(Evaluate, Arithmetic) {
  binary_ints(VecOp::Add,
              [](auto a, auto b, auto u) { return decltype(a)(decltype(u)(a) + decltype(u)(b)); });
  binary_ints(VecOp::Sub,
              [](auto a, auto b, auto u) { return decltype(a)(decltype(u)(a) - decltype(u)(b)); });
  binary_ints(VecOp::Mul,
              [](auto a, auto b, auto u) { return decltype(a)(decltype(u)(a) * decltype(u)(b)); });
  binary_floats(VecOp::Add, [](auto a, auto b) { return a + b; });
  binary_floats(VecOp::Sub, [](auto a, auto b) { return a - b; });
  binary_floats(VecOp::Mul, [](auto a, auto b) { return a * b; });
  binary_floats(VecOp::Div, [](auto a, auto b) { return a / b; });
  unary<float>(VecOp::Sqrt, [](float a) { return std::sqrt(a); });
  unary<double>(VecOp::Sqrt, [](double a) { return std::sqrt(a); });
}

template <class T>
void fma_of_all_triples() {
  std::vector<T> x, y, z;
  for (const T c : specials<T>()) {
    const size_t before = x.size();
    all_pairs(x, y);
    z.insert(z.end(), x.size() - before, c);
  }
  expect_columns<T>(
      "fma", [](T a, T b, T c) { return std::fma(a, b, c); },
      [](Assembler& a, const std::vector<Reg>& v) {
        return a.emit(VecOp::Fma, kLane<T>, {v[0], v[1], v[2]});
      },
      x, y, z);
}
TEST(Evaluate, FmaRoundsOnce) {
  fma_of_all_triples<float>();
  fma_of_all_triples<double>();
}

TEST(Evaluate, DotsOfBytesAndOfWordsWrap) {
  std::vector<int32_t> x, y, z;
  for (const int32_t c : {0, 1, -1, INT32_MAX, INT32_MIN}) {
    const size_t before = x.size();
    all_pairs(x, y);
    for (const int32_t a : {0x00ff80ff, -0x7f80ff01, -1, INT32_MIN, 0x01020304, -0x7fff8000})
      for (const int32_t b : {0x7f80ff01, -0x7f7f7f80, 0x00ff80ff, INT32_MIN, -0x7fff8000, 0x12345678})
        x.push_back(a), y.push_back(b);
    z.insert(z.end(), x.size() - before, c);
  }
  const auto dot = [&](const char* name, VecOp op, int bits, auto&& low, auto&& high) {
    expect_columns<int32_t>(
        name,
        [&](int32_t a, int32_t b, int32_t c) {
          int64_t sum = c;
          for (int s = 0; s < 32; s += bits) sum += int64_t{low(a >> s)} * int64_t{high(b >> s)};
          return static_cast<int32_t>(sum);
        },
        [&](Assembler& a, const std::vector<Reg>& v) {
          return a.emit(op, Lane::I32, {v[0], v[1], v[2]});
        },
        x, y, z);
  };
  dot(
      "dotb", VecOp::DotBytes, 8, [](int32_t v) { return v & 255; },
      [](int32_t v) { return (v & 255) - 2 * (v & 128); });
  const auto word = [](int32_t v) { return (v & 0xffff) - 2 * (v & 0x8000); };
  dot("dotw", VecOp::DotWords, 16, word, word);
}

TEST(Evaluate, GreaterAndLesserGiveTheSecondUnlessItHolds) {
  binary_ints(VecOp::Greater, [](auto a, auto b, auto) { return a > b ? a : b; });
  binary_ints(VecOp::Lesser, [](auto a, auto b, auto) { return a < b ? a : b; });
  binary_floats(VecOp::Greater, [](auto a, auto b) { return a > b ? a : b; });
  binary_floats(VecOp::Lesser, [](auto a, auto b) { return a < b ? a : b; });
}

TEST(Evaluate, BitsAndShifts) {
  unary<int32_t>(VecOp::CountBits, [](int32_t a) {
    int32_t n = 0;
    for (uint32_t left = static_cast<uint32_t>(a); left != 0; left &= left - 1) ++n;
    return n;
  });
  bits(VecOp::And, [](auto a, auto b) { return a & b; });
  bits(VecOp::Or, [](auto a, auto b) { return a | b; });
  bits(VecOp::Xor, [](auto a, auto b) { return a ^ b; });
  bits(VecOp::AndNot, [](auto a, auto b) { return ~a & b; });
  // By doubling and halving, one place at a time.
  const auto left = [](auto a, auto n, auto u) {
    u = static_cast<decltype(u)>(a);
    for (decltype(u) k = static_cast<decltype(u)>(n); k > 0 && u != 0; --k) u *= 2;
    return static_cast<decltype(a)>(u);
  };
  const auto right = [](auto a, auto n, auto u) {
    u = static_cast<decltype(u)>(a);
    for (decltype(u) k = static_cast<decltype(u)>(n); k > 0 && u != 0; --k) u /= 2;
    return static_cast<decltype(a)>(u);
  };
  const auto arithmetic = [&](auto a, auto n, auto u) {
    return a < 0 ? decltype(a)(~right(decltype(a)(~a), n, u)) : right(a, n, u);
  };
  binary_ints(VecOp::ShlV, left);
  binary_ints(VecOp::ShrV, right);
  binary_ints(VecOp::SarV, arithmetic);
  for (int n = 0; n < 64; ++n) {
    if (n < 32) {
      unary<int32_t>(
          VecOp::Shl, [&](int32_t a) { return left(a, n, uint32_t{}); }, n);
      unary<int32_t>(
          VecOp::Shr, [&](int32_t a) { return right(a, n, uint32_t{}); }, n);
      unary<int32_t>(
          VecOp::Sar, [&](int32_t a) { return arithmetic(a, n, uint32_t{}); }, n);
    }
    unary<int64_t>(
        VecOp::Shl, [&](int64_t a) { return left(a, n, uint64_t{}); }, n);
    unary<int64_t>(
        VecOp::Shr, [&](int64_t a) { return right(a, n, uint64_t{}); }, n);
    unary<int64_t>(
        VecOp::Sar, [&](int64_t a) { return arithmetic(a, n, uint64_t{}); }, n);
  }
}

template <class T>
void round_all() {
  // Even: adding and subtracting 2^(p-1) rounds to an integer, ties to even; the sign of zero is kept.
  const T big = sizeof(T) == 4 ? T(0x1p23) : T(0x1p52);
  const auto even = [&](T a) {
    return std::fabs(a) < big ? std::copysign((std::fabs(a) + big) - big, a) : a;
  };
  unary<T>(VecOp::Round, even, static_cast<int64_t>(Rounding::Even));
  unary<T>(
      VecOp::Round, [](T a) { return std::floor(a); }, static_cast<int64_t>(Rounding::Down));
  unary<T>(
      VecOp::Round, [](T a) { return std::ceil(a); }, static_cast<int64_t>(Rounding::Up));
  unary<T>(
      VecOp::Round, [](T a) { return std::trunc(a); }, static_cast<int64_t>(Rounding::Zero));
}
TEST(Evaluate, Roundings) {
  round_all<float>();
  round_all<double>();
  const auto f16_of = [](float a) { return static_cast<float>(Half(a)); };
  unary<float>(VecOp::Narrow16, f16_of, 0);
  unary<float>(
      VecOp::Narrow16, [](float a) { return static_cast<float>(BFloat(a)); }, 1);
  EXPECT_EQ(f16_of(65519), 65504);
  EXPECT_EQ(f16_of(65520), std::numeric_limits<float>::infinity());
}

template <class From, class To>
void truncating() {
  unary<From, To>(VecOp::Convert, [](From x) {
    const long double t = std::trunc(static_cast<long double>(x));
    const auto lo = static_cast<long double>(std::numeric_limits<To>::min());
    return t >= lo && t < -lo ? static_cast<To>(t) : std::numeric_limits<To>::min();  // false for NaN
  });
}
TEST(Evaluate, Conversions) {
  truncating<float, int32_t>();
  truncating<float, int64_t>();
  truncating<double, int32_t>();
  truncating<double, int64_t>();
  unary<float, double>(VecOp::Convert, [](float x) { return static_cast<double>(x); });
  unary<double, float>(VecOp::Convert, [](double x) { return static_cast<float>(x); });
  unary<int32_t, float>(VecOp::Convert,
                        [](int32_t x) { return static_cast<float>(static_cast<long double>(x)); });
  unary<int64_t, float>(VecOp::Convert,
                        [](int64_t x) { return static_cast<float>(static_cast<long double>(x)); });
  unary<int32_t, double>(VecOp::Convert, [](int32_t x) { return static_cast<double>(x); });
  unary<int64_t, double>(VecOp::Convert,
                         [](int64_t x) { return static_cast<double>(static_cast<long double>(x)); });
  unary<int32_t, int64_t>(VecOp::Convert, [](int32_t x) { return int64_t{x}; });
  unary<int64_t, int32_t>(
      VecOp::Convert, [](int64_t x) { return static_cast<int32_t>(static_cast<uint64_t>(x) & 0xffffffffu); });
  unary<int32_t, float>(VecOp::Reinterpret, [](int32_t x) { return std::bit_cast<float>(x); });
  unary<float, int32_t>(VecOp::Reinterpret, [](float x) { return std::bit_cast<int32_t>(x); });
  unary<int64_t, double>(VecOp::Reinterpret, [](int64_t x) { return std::bit_cast<double>(x); });
  unary<double, int64_t>(VecOp::Reinterpret, [](double x) { return std::bit_cast<int64_t>(x); });
}

template <class T>
void comparisons() {
  std::vector<T> x, y;
  all_pairs(x, y);
  for (const Compare c : {Compare::Less, Compare::LessEqual, Compare::Equal, Compare::Unordered}) {
    if (c == Compare::Unordered && !is_float(kLane<T>)) continue;
    const auto holds = [c](T a, T b) {
      return c == Compare::Less        ? a < b
             : c == Compare::LessEqual ? a <= b
             : c == Compare::Equal     ? a == b
                                       : !(a <= b) && !(b < a);
    };
    // select(not(c), b, a) = c ? a : b, and the same by or(c, none), xor(c, all), and(c, all).
    const auto body = [c](Assembler& a, const std::vector<Reg>& v) {
      const Reg m = a.emit(VecOp::Compare, kLane<T>, {v[0], v[1]}, static_cast<int64_t>(c));
      const Reg all = a.emit(VecOp::FillM, Lane::F32, {}, 1), none = a.emit(VecOp::FillM, Lane::F32, {}, 0);
      const Reg same = a.emit(VecOp::AndM, Lane::F32, {a.emit(VecOp::OrM, Lane::F32, {m, none}), all});
      const Reg negated =
          a.emit(VecOp::AndM, Lane::F32,
                 {a.emit(VecOp::NotM, Lane::F32, {same}), a.emit(VecOp::XorM, Lane::F32, {m, all})});
      return a.emit(VecOp::Select, kLane<T>, {negated, v[1], v[0]});
    };
    expect_columns<T>(
        "cmp", [&](T a, T b) { return holds(a, b) ? a : b; }, body, x, y);
  }
}
TEST(Evaluate, ComparesAndSelects) {
  comparisons<int32_t>();
  comparisons<int64_t>();
  comparisons<float>();
  comparisons<double>();
}

}  // namespace
}  // namespace tauto::vec
