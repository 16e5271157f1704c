// Vector programs as text: what is printed is read back as the same program; errors say line, required,
// given.
#include <gtest/gtest.h>

#include "codegen/vector.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

constexpr const char* kDot = R"(program dot lanes 16 scratch 64 {
  s0 = arg 0
  s1 = arg 1
  s2 = imm 0
  v0 = const.f32 1065353216  # 1
  s3 = loop s2, s1, 16
    s4 = sub s1, s3
    m0 = first s4
    v1 = load.f32:f16 [s0 + 2*s3] ? m0
    v0 = fma.f32 v1, v1, v0
    m1 = cmp.f32 v1, v0, less_equal
    if s3, s1, less
      v2 = gather.i32:u8 [s0 + -4], v3 ? m1
    else
      v1 = round.f32 v1, zero
    end
  end
  s5 = scratch 32
  store.f32:bf16 v0, [s5 + 4*s2 + 16] ? m1
}
)";

TEST(VectorText, PrintsWhatItParsed) {
  const Program p = parse_program(kDot);
  EXPECT_EQ(text_of(p), kDot);
  EXPECT_EQ(parse_program(text_of(p)), p);
  EXPECT_EQ(p.scalars, 6);
  EXPECT_EQ(p.masks, 2);
  EXPECT_EQ(p.vectors.size(), 4u);
  EXPECT_EQ(p.vectors[2], Lane::I32);
}

TEST(VectorText, PrintsWhatTheAssemblerMade) {
  Assembler a;
  a.program.name = "scale by two";  // needs quotes
  a.program.lanes = 8;
  const Reg from = a.scalar_op(VecOp::Arg, {}, 0), n = a.scalar_op(VecOp::Arg, {}, 1);
  const Reg two = a.emit(VecOp::Const, Lane::F64, {}, 0x4000000000000000);
  const Reg i = a.begin_loop(a.scalar_op(VecOp::Imm, {}, 0), n, 8);
  const Address at{from, i, 8, 0};
  const Reg m = a.emit(VecOp::First, Lane::F64, {a.scalar_op(VecOp::SubS, {n, i})});
  a.store(VecOp::Store, f64, a.emit(VecOp::Mul, Lane::F64, {two, a.load(VecOp::Load, f64, at, m)}), at, m);
  a.end();
  EXPECT_EQ(text_of(a.program), R"(program "scale by two" lanes 8 {
  s0 = arg 0
  s1 = arg 1
  v0 = const.f64 4611686018427387904  # 2
  s2 = imm 0
  s3 = loop s2, s1, 8
    s4 = sub s1, s3
    m0 = first s4
    v1 = load.f64:f64 [s0 + 8*s3] ? m0
    v2 = mulv.f64 v0, v1
    store.f64:f64 v2, [s0 + 8*s3] ? m0
  end
}
)");
  EXPECT_EQ(parse_program(text_of(a.program)), a.program);
}

std::string error_of(const std::string& body) {
  try {
    parse_program("program p lanes 4 {\n" + body + "\n}");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(VectorText, ErrorsSayLineRequiredGiven) {
  EXPECT_EQ(error_of("  s0 = imm 1\n  s1 = imn 1"), "line 3: required an instruction, got \"imn\"");
  EXPECT_EQ(error_of("  s0 = imm x"), "line 2: required an integer, got \"x\"");
  EXPECT_EQ(error_of("  s0 = add.i64 s0, s0"), "line 2: required add without a type, got \"add.i64\"");
  EXPECT_EQ(error_of("  v0 = iota"), "line 3: required iota.type, got \"iota\"");
  EXPECT_EQ(error_of("  m0 = cmp.f32 v0, v1, lesser"),
            "line 3: required one of less, less_equal, equal, unordered, got \"lesser\"");
  EXPECT_EQ(error_of("  prefetch s0"), "line 2: required \"[\", got \"s0\"");
  EXPECT_EQ(error_of("  v0 = load.f32:f8 [s0]"), "line 2: required an element type, got \"f8\"");
  EXPECT_EQ(error_of("  store.f32:f32 v0 [s0]"), "line 2: required \",\", got \"[s0]\"");
  EXPECT_EQ(error_of("  v0 = sqrt.f16 v0"), "line 2: required i32, i64, f32 or f64, got \"f16\"");
  EXPECT_EQ(error_of("  add s0, s0"), "line 2: required a result of add, got \"add\"");
  EXPECT_EQ(error_of("  s0 = end"), "line 3: required end without a result, got \"end\"");
}

TEST(Assembler, RefusesWhatBreaksARule) {
  Assembler a;
  a.program.name = "p";
  const Reg s = a.scalar_op(VecOp::Imm, {}, 3);
  const Reg f = a.emit(VecOp::Const, Lane::F32, {}, 0), g = a.emit(VecOp::Const, Lane::F64, {}, 0);
  const auto refusal = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const InternalError& e) {
      return std::string(e.what());
    }
    return "";
  };
  const auto ends = [](const std::string& s, const std::string& end) {
    return s.size() >= end.size() && s.substr(s.size() - end.size()) == end;
  };
  const std::string lanes = refusal([&] { a.emit(VecOp::Add, Lane::F32, {f, g}); });
  EXPECT_TRUE(ends(lanes, "operand 2: v1 has lanes of f64, required f32")) << lanes;
  const std::string cls = refusal([&] { a.emit(VecOp::Add, Lane::F32, {f, s}); });
  EXPECT_TRUE(ends(cls, "operand 2: required a vector, given s0")) << cls;
  const std::string count = refusal([&] { a.emit(VecOp::Fma, Lane::F32, {f, f}); });
  EXPECT_TRUE(ends(count, "fma takes 3 registers, given 2")) << count;
  const std::string memory = refusal([&] { a.store(VecOp::Store, i32, f, {s, {}, 0, 0}); });
  EXPECT_TRUE(ends(memory, "operand 1: v0 has lanes of f32, required i32")) << memory;
  EXPECT_EQ(a.program.code.size(), 3u);
}

}  // namespace
}  // namespace tauto::vec
