// Scalars, control, masks and memory of the vector program against plain C++.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codegen/lane_values.h"
#include "codegen/machine.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using namespace tauto::testing;

// What a program of scalars and masks computes, by a store of one i64.
int64_t scalar_result(const std::string& body, const std::vector<uint64_t>& arguments, int lanes = 4) {
  int64_t out = 0;
  const Program p = parse_program(cat("program p lanes ", lanes, " scratch 64 {\n", body,
                                      "\n v99 = splat.i64 s9\n s98 = arg 0\n store1.i64:i64 v99, [s98]\n}"));
  EXPECT_EQ(check(p), "");
  std::vector<uint64_t> all{address(&out)};
  all.insert(all.end(), arguments.begin(), arguments.end());
  evaluate(p, all.data());
  return out;
}

TEST(Evaluate, Scalars) {
  const int64_t kValues[] = {0, 1, -1, 7, -7, 5, INT64_MIN, INT64_MAX, 1000000007};
  const std::string load = "s0 = arg 1 s1 = arg 2 s9 = ";
  for (const int64_t a : kValues)
    for (const int64_t b : kValues) {
      const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
      const auto result = [&](const char* op) { return scalar_result(load + op + " s0, s1", {ua, ub}); };
      EXPECT_EQ(result("add"), static_cast<int64_t>(ua + ub));
      EXPECT_EQ(result("sub"), static_cast<int64_t>(ua - ub));
      EXPECT_EQ(result("mul"), static_cast<int64_t>(ua * ub));
      EXPECT_EQ(result("min"), std::min(a, b));
      EXPECT_EQ(result("max"), std::max(a, b));
      if (b > 0) {
        const auto q =
            static_cast<int64_t>(std::floor(static_cast<long double>(a) / static_cast<long double>(b)));
        EXPECT_EQ(result("div"), q);
        EXPECT_EQ(result("mod"), static_cast<int64_t>(ua - static_cast<uint64_t>(q) * ub));
      }
      EXPECT_EQ(scalar_result(cat(load, "addi s0, ", b), {ua, ub}), static_cast<int64_t>(ua + ub));
      EXPECT_EQ(scalar_result(cat(load, "muli s0, ", b), {ua, ub}), static_cast<int64_t>(ua * ub));
      EXPECT_EQ(scalar_result(cat("s8 = imm ", b, " s9 = mov s8"), {}), b);
      for (const char* c : {"less", "less_equal", "equal"}) {
        const bool holds = c[0] == 'e' ? a == b : c[4] == 0 ? a < b : a <= b;
        EXPECT_EQ(
            scalar_result(cat(load, "imm 3 if s0, s1, ", c, " s9 = imm 1 else s9 = imm 2 end"), {ua, ub}),
            holds ? 1 : 2);
      }
    }
}

TEST(Evaluate, DivisorsMustBePositive) {
  try {
    scalar_result("s0 = arg 1 s1 = imm -2 s9 = mod s0, s1", {5});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "p: line 4: s9 = mod s0, s1: required a divisor > 0, given -2");
  }
}

TEST(Evaluate, LoopsRunTheirBodyForEachValue) {
  for (const int64_t from : {0, 3, 10, 11})
    for (const int64_t step : {1, 3, 100}) {
      int64_t expected = 0;
      for (int64_t i = from; i < 10; i += step) expected = expected * 16 + i;
      EXPECT_EQ(scalar_result(cat("s9 = imm 0 s0 = arg 1 s1 = imm 10 s2 = loop s0, s1, ", step,
                                  " s9 = muli s9, 16 s9 = add s9, s2 end"),
                              {static_cast<uint64_t>(from)}),
                expected);
    }
  EXPECT_THROW(scalar_result(
                   "s9 = imm 9223372036854775807 s0 = imm 9223372036854775800 s2 = loop s0, s9, 100 end", {}),
               Error);
}

TEST(Evaluate, FirstLanesAndAny) {
  for (const int lanes : kLanes)
    for (const int64_t n : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{3}, int64_t{lanes} - 1,
                            int64_t{lanes}, int64_t{lanes} + 1, int64_t{64}, int64_t{65}, INT64_MAX}) {
      std::vector<int32_t> out(static_cast<size_t>(lanes), -5);
      const Program p = parse_program(
          cat("program p lanes ", lanes,
              " { s0 = arg 0 s1 = arg 1 m0 = first s1 v0 = iota.i32 store.i32:i32 v0, [s0] ? m0 }"));
      const uint64_t arguments[] = {address(out.data()), static_cast<uint64_t>(n)};
      evaluate(p, arguments);
      for (int l = 0; l < lanes; ++l) EXPECT_EQ(out[static_cast<size_t>(l)], l < n ? l : -5);
      EXPECT_EQ(scalar_result("s0 = arg 1 m0 = first s0 s9 = any m0", {static_cast<uint64_t>(n)}, lanes),
                n > 0);
      EXPECT_EQ(scalar_result("s0 = arg 1 m0 = first s0 m0 = notm m0 s9 = any m0", {static_cast<uint64_t>(n)},
                              lanes),
                n < lanes);
    }
}

TEST(Evaluate, DownMovesLanesAndFillsWithZero) {
  for (const int lanes : kLanes)
    for (int by = 1; by < lanes; by *= 2) {
      std::vector<double> out(static_cast<size_t>(lanes), -1);
      const Program p = parse_program(
          cat("program p lanes ", lanes, " { s0 = arg 0 v0 = iota.i64 v1 = convert.f64 v0 v1 = down.f64 v1, ",
              by, " store.f64:f64 v1, [s0] }"));
      const uint64_t arguments[] = {address(out.data())};
      evaluate(p, arguments);
      for (int l = 0; l < lanes; ++l) EXPECT_EQ(out[static_cast<size_t>(l)], l + by < lanes ? l + by : 0);
    }
}

// Every bit pattern of memory of M (of 8 and 16 bits; special ones of more) as lanes of T, by load, broadcast
// and gather; and back.
template <class M, class T, class Widen>
void memory(ElementType type, const std::vector<M>& patterns, Widen widen) {
  constexpr int lanes = 8;
  const int bytes = sizeof(M);
  const std::string m = tauto::text_of(type), t = text_of(kLane<T>);
  const Program p = parse_program(
      cat("program p lanes 8 { s0 = arg 0 s1 = arg 1 s2 = arg 2 s3 = imm 0 s4 = loop s3, s2, 8",
          " v0 = load.", t, ":", m, " [s0 + ", bytes, "*s4] v1 = bcast.", t, ":", m, " [s0 + ", bytes,
          "*s4] v2 = splat.i32 s4 v3 = iota.i32 v2 = addv.i32 v2, v3", " v4 = gather.", t, ":", m,
          " [s0], v2 s5 = muli s4, 3 store.", t, ":", tauto::text_of(kElementOf<T>), " v0, [s1 + ", sizeof(T),
          "*s5]", " s5 = addi s5, 8 store.", t, ":", tauto::text_of(kElementOf<T>), " v1, [s1 + ", sizeof(T),
          "*s5]", " s5 = addi s5, 8 store.", t, ":", tauto::text_of(kElementOf<T>), " v4, [s1 + ", sizeof(T),
          "*s5] store.", t, ":", m, " v0, [s0 + ", bytes, "*s4] end }"));
  ASSERT_EQ(check(p), "");
  std::vector<M> in = patterns;
  in.resize((in.size() + lanes - 1) / lanes * lanes);
  const std::vector<M> before = in;
  std::vector<T> out(in.size() * 3);
  const uint64_t arguments[] = {address(in.data()), address(out.data()), in.size()};
  evaluate(p, arguments);
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t row = i / lanes * lanes * 3, lane = i % lanes;
    ASSERT_TRUE(same(out[row + lane], widen(before[i]))) << tauto::text_of(type) << " load " << i;
    ASSERT_TRUE(same(out[row + lanes + lane], widen(before[i - lane])))
        << tauto::text_of(type) << " bcast " << i;
    ASSERT_TRUE(same(out[row + 2 * lanes + lane], widen(before[i])))
        << tauto::text_of(type) << " gather " << i;
    const T back = widen(in[i]);
    ASSERT_TRUE(same(back, widen(before[i]))) << tauto::text_of(type) << " store " << i;
  }
}
template <class M>
std::vector<M> patterns() {
  std::vector<M> all(size_t{1} << (8 * sizeof(M)));
  for (size_t i = 0; i < all.size(); ++i) std::memcpy(static_cast<void*>(&all[i]), &i, sizeof(M));
  return all;
}
TEST(Evaluate, MemoryOfEveryElementType) {
  memory<int8_t, int32_t>(i8, patterns<int8_t>(), [](int8_t x) { return int32_t{x}; });
  memory<uint8_t, int32_t>(u8, patterns<uint8_t>(), [](uint8_t x) { return int32_t{x}; });
  memory<uint8_t, int32_t>(boolean, {0, 1, 1, 0, 1, 0, 0, 0}, [](uint8_t x) { return int32_t{x}; });
  memory<int16_t, int32_t>(i16, patterns<int16_t>(), [](int16_t x) { return int32_t{x}; });
  memory<uint16_t, int32_t>(u16, patterns<uint16_t>(), [](uint16_t x) { return int32_t{x}; });
  memory<Half, float>(f16, patterns<Half>(), [](Half x) { return static_cast<float>(x); });
  memory<BFloat, float>(bf16, patterns<BFloat>(), [](BFloat x) { return static_cast<float>(x); });
  memory<int32_t, int32_t>(i32, specials<int32_t>(), [](int32_t x) { return x; });
  memory<uint32_t, int32_t>(u32, {0, 1, 0x7fffffffu, 0x80000000u, 0xffffffffu},
                            [](uint32_t x) { return static_cast<int32_t>(x); });
  memory<int64_t, int64_t>(i64, specials<int64_t>(), [](int64_t x) { return x; });
  memory<uint64_t, int64_t>(u64, {0, ~uint64_t{0}, uint64_t{1} << 63},
                            [](uint64_t x) { return static_cast<int64_t>(x); });
  memory<float, float>(f32, specials<float>(), [](float x) { return x; });
  memory<double, double>(f64, specials<double>(), [](double x) { return x; });
}

// What no path of the lanes may do to bits: a signalling NaN stays what it is.
TEST(Evaluate, MovesKeepAllBits) {
  std::vector<uint32_t> x(16, 0x7f812345u), out(16);
  const Program p = parse_program(R"(program p lanes 16 {
    s0 = arg 0 s1 = arg 1
    v0 = load.f32:f32 [s0]
    v1 = movv.f32 v0
    m0 = cmp.f32 v1, v1, unordered
    v2 = const.f32 0
    v2 = select.f32 m0, v1, v2
    v2 = greater.f32 v2, v1
    v2 = or.f32 v2, v1
    store.f32:f32 v2, [s1]
  })");
  ASSERT_EQ(check(p), "");
  const uint64_t arguments[] = {address(x.data()), address(out.data())};
  evaluate(p, arguments);
  EXPECT_EQ(out, x);
}

TEST(Evaluate, LoadsOfScalarsExtend) {
  for (const auto& [type, expected] : std::vector<std::pair<const char*, int64_t>>{{"i8", -2},
                                                                                   {"u8", 254},
                                                                                   {"bool", 254},
                                                                                   {"i16", -2},
                                                                                   {"u16", 65534},
                                                                                   {"i32", -2},
                                                                                   {"u32", 4294967294},
                                                                                   {"i64", -2},
                                                                                   {"u64", -2}}) {
    const int64_t minus_two = -2;
    EXPECT_EQ(scalar_result(cat("s0 = arg 1 s1 = imm 2 s9 = loads:", type, " [s0 + 4*s1 + -8]"),
                            {address(&minus_two)}),
              expected)
        << type;
  }
}

// Lanes that are off are not touched: the row begins 3 elements before a forbidden page.
TEST(Evaluate, MaskedLanesAreNotTouched) {
  const testing::Guarded page(3 * 4, true);
  const float x[] = {1, 2, 3};
  std::memcpy(page.data(), x, sizeof x);
  const Program p = parse_program(R"(program p lanes 16 {
    s0 = arg 0 s1 = imm 3
    m0 = first s1
    v0 = load.f32:f32 [s0] ? m0
    v1 = const.i32 1000000000
    v2 = iota.i32
    v1 = select.i32 m0, v2, v1
    v3 = gather.f32:f32 [s0], v1 ? m0
    v0 = addv.f32 v0, v3
    store.f32:f32 v0, [s0] ? m0
  })");
  ASSERT_EQ(check(p), "");
  const uint64_t arguments[] = {page.address()};
  evaluate(p, arguments);
  const float twice[] = {2, 4, 6};
  EXPECT_EQ(std::memcmp(page.data(), twice, sizeof twice), 0);
}

TEST(Evaluate, ScratchIsAlignedAndHolds) {
  EXPECT_EQ(
      scalar_result(
          "s0 = scratch 0 s1 = imm 64 s2 = mod s0, s1 s3 = scratch 5 s9 = sub s3, s0 s9 = add s9, s2", {}),
      5);
  EXPECT_EQ(
      scalar_result("s0 = scratch 32 v0 = const.i64 77 store.i64:i64 v0, [s0] s9 = loads:i64 [s0 + 8]", {}),
      77);
}

}  // namespace
}  // namespace tauto::vec
