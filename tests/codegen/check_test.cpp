// The checker finds each kind of broken rule and says where, what was required, what was given.
#include <gtest/gtest.h>

#include "codegen/random_program.h"
#include "codegen/vector.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

std::string check_of(const std::string& body, int lanes = 8, int64_t scratch = 64) {
  return check(parse_program(cat("program p lanes ", lanes, " scratch ", scratch, " {\n", body, "\n}")));
}
// Of a program made by hand: what the text cannot say.
std::string check_of(const Instr& i) {
  Program p = parse_program(
      "program p lanes 8 scratch 64 { s0 = imm 0 v0 = const.f32 0 v1 = const.i32 0 m0 = fillm 1 }");
  p.code.push_back(i);
  return check(p);
}

TEST(Check, PassesWhatIsRight) {
  EXPECT_EQ(check_of(R"(
    s0 = arg 0
    s1 = imm 5
    v0 = const.f32 0
    s2 = loop s0, s1, 1
      v1 = splat.i32 s2
      v2 = convert.f32 v1
      v0 = addv.f32 v0, v2
      if s2, s0, equal
        m0 = fillm 1
      else
        m0 = first s2
      end
      store.f32:f32 v0, [s0 + 4*s2] ? m0
      s3 = loop s2, s1, 2
        prefetch [s0 + 8*s3 + -64]
      end
    end
    s2 = imm 4
    s3 = loop s2, s1, 2
    end)"),
            "");
}

TEST(Check, Assignment) {
  EXPECT_EQ(check_of("v0 = sqrt.f32 v1"), "line 2: v0 = sqrt.f32 v1: v1 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = imm 1 if s0, s1, less s2 = imm 1 end s3 = mov s2"),
            "line 7: s3 = mov s2: s2 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, less s2 = imm 1 else s3 = imm 1 end s3 = mov s2"),
            "line 8: s3 = mov s2: s2 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, less s2 = imm 1 else s2 = imm 1 end s3 = mov s2"), "");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, less s2 = imm 1 else s3 = mov s2 end"),
            "line 6: s3 = mov s2: s2 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 s2 = imm 1 end s3 = mov s2"),
            "line 6: s3 = mov s2: s2 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 s3 = mov s2 s2 = imm 1 end"),
            "line 4: s3 = mov s2: s2 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 v0 = load.f32:f32 [s0 + 4*s1]"),
            "line 3: v0 = load.f32:f32 [s0 + 4*s1]: s1 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 v0 = load.f32:f32 [s0] ? m0"),
            "line 3: v0 = load.f32:f32 [s0] ? m0: m0 is read before it is written");
}

TEST(Check, LoopVariables) {
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 end s2 = mov s1"),
            "line 5: s2 = mov s1: s1 is read before it is written");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 s1 = imm 1 end"),
            "line 4: s1 = imm 1: writes s1, the variable of a loop around it");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 s2 = loop s0, s0, 1 s0 = imm 1 end end"),
            "line 5: s0 = imm 1: writes s0, the bound of a loop around it");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 s1 = loop s0, s0, 1 end end"),
            "line 4: s1 = loop s0, s0, 1: writes s1, the variable of a loop around it");
  EXPECT_EQ(check_of("s0 = imm 0 s0 = loop s0, s0, 1 end"),
            "line 3: s0 = loop s0, s0, 1: the variable is the bound");
  // Read in the second trip, after the inner loop took its value.
  EXPECT_EQ(check_of("s0 = imm 0 s1 = imm 1 s2 = loop s0, s0, 1 s3 = mov s1 s1 = loop s0, s0, 1 end end"),
            "line 5: s3 = mov s1: s1 is read before it is written");
}

TEST(Check, Control) {
  EXPECT_EQ(check_of("end"), "line 2: end: ends nothing");
  EXPECT_EQ(check_of("else"), "line 2: else: has no if");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 1 else end"), "line 4: else: has no if");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, less else else end"),
            "line 5: else: is the second else of its if");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, less"), "line 3: if s0, s0, less: has no end");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loop s0, s0, 0 end"),
            "line 3: s1 = loop s0, s0, 0: required a step > 0, given 0");
}

TEST(Check, ClassesAndLanes) {
  EXPECT_EQ(check_of("s0 = imm 0 v0 = splat.i32 s0 v1 = addv.f32 v0, v0"),
            "line 4: v1 = addv.f32 v0, v0: operand 1: v0 has lanes of i32, required f32");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = add s0, m0"),
            "line 3: s1 = add s0, m0: operand 2: required a scalar, given m0");
  EXPECT_EQ(check_of("m0 = fillm 1 s0 = first m0"),
            "line 3: s0 = first m0: result: required a mask, given s0");
  EXPECT_EQ(check_of("v0 = iota.i32 v0 = iota.i64"),
            "line 3: v0 = iota.i64: result: v0 has lanes of i32, required i64");
  EXPECT_EQ(check_of("v0 = iota.i32 s0 = imm 0 store.i32:i32 v0, [s0] ? s0"),
            "line 4: store.i32:i32 v0, [s0] ? s0: mask: required a mask, given s0");
  EXPECT_EQ(check_of("v0 = iota.f32"), "line 2: v0 = iota.f32: is not defined on floats");
  EXPECT_EQ(check_of("v0 = iota.i32 v0 = divv.i32 v0, v0"),
            "line 3: v0 = divv.i32 v0, v0: is not defined on integers");
  EXPECT_EQ(check_of("v0 = const.f64 0 v0 = narrow16.f64 v0, bf16"),
            "line 3: v0 = narrow16.f64 v0, bf16: is defined on f32 only");
  EXPECT_EQ(check_of("v0 = iota.i32 v1 = convert.i32 v0"),
            "line 3: v1 = convert.i32 v0: required another lane type to convert from");
  EXPECT_EQ(check_of("v0 = iota.i32 v1 = bits.f64 v0"),
            "line 3: v1 = bits.f64 v0: required another lane type of the same width");
  EXPECT_EQ(check_of("v0 = iota.i32 m0 = cmp.i32 v0, v0, unordered"),
            "line 3: m0 = cmp.i32 v0, v0, unordered: integers are never unordered");
}

TEST(Check, MemoryAndAddresses) {
  EXPECT_EQ(check_of("s0 = imm 0 v0 = load.f32:i8 [s0]"),
            "line 3: v0 = load.f32:i8 [s0]: memory of i8 is lanes of i32, given f32");
  EXPECT_EQ(check_of("s0 = imm 0 v0 = load.i32:i4 [s0]"),
            "line 3: v0 = load.i32:i4 [s0]: no lanes for memory of i4");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loads:f32 [s0]"),
            "line 3: s1 = loads:f32 [s0]: required an integer in memory");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loads:i32 [s0 + 3*s0]"),
            "line 3: s1 = loads:i32 [s0 + 3*s0]: required a scale of 1, 2, 4 or 8, given 3");
  EXPECT_EQ(check_of("s0 = imm 0 s1 = loads:i32 [s0 + 2147483648]"), "");  // far, but an address
  EXPECT_EQ(check_of("v0 = iota.i32 v0 = load.i32:i32 [v0]"),
            "line 3: v0 = load.i32:i32 [v0]: base of the address: required a scalar, given v0");
  EXPECT_EQ(check_of("s0 = imm 0 v0 = const.f32 0 v1 = gather.f32:f32 [s0], v0"),
            "line 4: v1 = gather.f32:f32 [s0], v0: required integer indices");
  Instr i;
  i.op = VecOp::Prefetch;
  i.address = {{Class::Scalar, 0}, {Class::Scalar, 0}, 0, 0};
  EXPECT_EQ(check_of(i), "line 6: prefetch [s0 + 0*s0]: an address has both an index and a scale or neither");
  i.address = {{Class::Scalar, 7}, {}, 0, 0};
  EXPECT_EQ(check_of(i), "line 6: prefetch [s7]: base of the address: s7 was never made");
  i.address = {{Class::Scalar, 0}, {}, 0, 0};
  EXPECT_EQ(check_of(i), "");
  i.mask = {Class::Mask, 0};
  EXPECT_EQ(check_of(i), "line 6: prefetch [s0]: takes no mask");
}

TEST(Check, WhatAnInstructionDoesNotTake) {
  Instr i;
  i.op = VecOp::NotM;
  i.result = i.operand[0] = {Class::Mask, 0};
  EXPECT_EQ(check_of(i), "");
  Instr j = i;
  j.operand[1] = {Class::Mask, 0};
  EXPECT_EQ(check_of(j), "line 6: m0 = notm m0: takes no operand 2, given m0");
  j = i;
  j.lane = Lane::I64;
  EXPECT_EQ(check_of(j), "line 6: m0 = notm m0: takes no lane type");
  j = i;
  j.immediate = 1;
  EXPECT_EQ(check_of(j), "line 6: m0 = notm m0: takes no immediate");
  j = i;
  j.memory = f16;
  EXPECT_EQ(check_of(j), "line 6: m0 = notm m0: takes no memory type");
  j = i;
  j.address.offset = 4;
  EXPECT_EQ(check_of(j), "line 6: m0 = notm m0: takes no address");
}

TEST(Check, Immediates) {
  EXPECT_EQ(check_of("s0 = arg -1"), "line 2: s0 = arg -1: required an argument number, given -1");
  EXPECT_EQ(check_of("s0 = scratch 64"),
            "line 2: s0 = scratch 64: required an immediate in 0 .. 64, given 64");
  EXPECT_EQ(check_of("m0 = fillm 2"), "line 2: m0 = fillm 2: required an immediate in 0 .. 2, given 2");
  EXPECT_EQ(check_of("v0 = const.i32 4294967296"),
            "line 2: v0 = const.i32 4294967296: required an immediate in -2147483648 .. 4294967296, given "
            "4294967296");
  EXPECT_EQ(check_of("v0 = iota.i32 v0 = shl.i32 v0, 32"),
            "line 3: v0 = shl.i32 v0, 32: required an immediate in 0 .. 32, given 32");
  EXPECT_EQ(check_of("v0 = iota.i64 v0 = sar.i64 v0, 63"), "");
  for (const int by : {0, 3, 8, 16, -4})
    EXPECT_EQ(check_of(cat("v0 = iota.i32 v0 = down.i32 v0, ", by)),
              cat("line 3: v0 = down.i32 v0, ", by, ": required a power of two below 8, given ", by));
  EXPECT_EQ(check_of("v0 = const.f32 0 v0 = round.f32 v0, 4"),
            "line 3: v0 = round.f32 v0, 4: required an immediate below 4, given 4");
  EXPECT_EQ(check_of("s0 = imm 0 if s0, s0, 3 end"),
            "line 3: if s0, s0, 3: required an immediate below 3, given 3");
}

TEST(Check, LanesAndScratch) {
  for (const int lanes : {-1, 0, 1, 2, 3, 12, 128})
    EXPECT_EQ(check_of("", lanes), cat("required 4, 8, 16, 32 or 64 lanes, given ", lanes));
  EXPECT_EQ(check_of("", 4, -8), "required scratch bytes >= 0, given -8");
}

TEST(Check, ControlIsNeverSuperfluous) {
  for (uint64_t seed = 1; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Program p = testing::random_program(seed, {}).program;
    ASSERT_EQ(check(p), "");
    for (size_t k = 0; k < p.code.size(); ++k) {
      Program q = p;
      q.code.erase(q.code.begin() + static_cast<std::ptrdiff_t>(k));
      const VecOp op = p.code[k].op;
      if (op == VecOp::End || op == VecOp::Loop || op == VecOp::If) {
        ASSERT_NE(check(q), "") << "without line " << k + 2 << "\n" << text_of(p);
      }
    }
  }
}

}  // namespace
}  // namespace tauto::vec
