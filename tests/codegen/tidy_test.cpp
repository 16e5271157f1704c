// Tidying changes no bit, keeps programs valid, and lets a tile's values take registers one after the other.
#include "codegen/tidy.h"

#include <gtest/gtest.h>

#include "codegen/random_program.h"
#include "codegen/x64/encode.h"

namespace tauto::vec {
namespace {

TEST(Tidy, ChangesNoBit) {
  int changed = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    testing::RandomOptions o;
    o.lanes = 8;
    o.steps = 80;
    const testing::RandomProgram r = testing::random_program(seed, o);
    const Program tidied = tidy(r.program);
    ASSERT_EQ(check(tidied), "") << "seed " << seed << "\n" << text_of(tidied);
    changed += !(tidied == r.program);
    const testing::ProgramMemory expected(r, seed), actual(r, seed);
    evaluate(r.program, expected.arguments().data());
    evaluate(tidied, actual.arguments().data());
    ASSERT_EQ(testing::difference(r, expected, actual), "") << "seed " << seed;
  }
  EXPECT_GT(changed, 50);
}

TEST(Tidy, LoadsMoveToTheirUseButNotPastStores) {
  const Program p = parse_program(R"(program t lanes 8 {
  s0 = arg 0
  v0 = load.f32:f32 [s0]
  v1 = load.f32:f32 [s0 + 32]
  v2 = const.f32 0  # 0
  m0 = fillm 1
  v3 = load.f32:f32 [s0 + 64] ? m0
  v4 = addv.f32 v1, v1
  v5 = select.f32 m0, v3, v2
  store.f32:f32 v4, [s0 + 96]
  v6 = addv.f32 v0, v5
  store.f32:f32 v6, [s0 + 128]
}
)");
  EXPECT_EQ(text_of(tidy(p)), R"(program t lanes 8 {
  s0 = arg 0
  v2 = const.f32 0  # 0
  m0 = fillm 1
  v1 = load.f32:f32 [s0 + 32]
  v4 = addv.f32 v1, v1
  v0 = load.f32:f32 [s0]
  v3 = load.f32:f32 [s0 + 64] ? m0
  store.f32:f32 v4, [s0 + 96]
  v6 = addv.f32 v0, v3
  store.f32:f32 v6, [s0 + 128]
}
)");
}

// All operands of a 12 x 1 tile loaded first: 12 sums, 12 broadcasts and a load would not fit 16 registers.
TEST(Tidy, TilesFitTheirRegisters) {
  Assembler a;
  a.program.name = "tile";
  a.program.lanes = 8;
  const Reg x = a.scalar_op(VecOp::Arg, {}, 0), zero = a.scalar_op(VecOp::Imm, {}, 0),
            n = a.scalar_op(VecOp::Arg, {}, 1);
  std::vector<Reg> sums, rows;
  for (int i = 0; i < 12; i++) sums.push_back(a.emit(VecOp::Const, Lane::F32, {}));
  a.begin_loop(zero, n, 1);
  const Reg w = a.load(VecOp::Load, f32, {x, {}, 0, 0});
  for (int i = 0; i < 12; i++) rows.push_back(a.load(VecOp::Broadcast, f32, {x, {}, 0, 64 + 4 * i}));
  for (size_t i = 0; i < 12; i++) a.emit(VecOp::Fma, Lane::F32, {rows[i], w, sums[i]}, 0, sums[i]);
  a.end();
  for (size_t i = 0; i < 12; i++)
    a.store(VecOp::Store, f32, sums[i], {x, {}, 0, static_cast<int64_t>(128 + 32 * i)});
  X64Statistics s;
  encode(a.program, {false}, &s);
  EXPECT_EQ(s.spilled, 0);
}

}  // namespace
}  // namespace tauto::vec
