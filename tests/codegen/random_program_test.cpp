// Laws that random vector programs hold: they pass the checker, print and read back as themselves, do the
// same on every run, and the same at every number of lanes.
#include <gtest/gtest.h>

#include "codegen/random_program.h"

namespace tauto::vec {
namespace {

using tauto::testing::difference;
using tauto::testing::ProgramMemory;
using tauto::testing::random_program;
using tauto::testing::RandomOptions;
using tauto::testing::RandomProgram;

constexpr uint64_t kSeed = 4100;
constexpr int kLanes[] = {4, 8, 16, 32, 64};

ProgramMemory run(const RandomProgram& r, uint64_t seed) {
  ProgramMemory memory(r, seed);
  evaluate(r.program, memory.arguments().data());
  return memory;
}

TEST(RandomProgram, IsValidAndReadsBackAsItself) {
  for (uint64_t seed = kSeed; seed < kSeed + 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomOptions o;
    o.lanes = kLanes[seed % 5];
    o.wide = seed % 2 == 0;
    o.same_at_any_W = seed % 3 == 0;
    const RandomProgram r = random_program(seed, o);
    ASSERT_EQ(check(r.program), "");
    const std::string text = text_of(r.program);
    const Program back = parse_program(text);
    ASSERT_EQ(text_of(back), text);
    ASSERT_EQ(back, r.program) << text;
    ASSERT_EQ(random_program(seed, o).program, r.program);
    ASSERT_EQ(difference(r, run(r, seed), run(r, seed)), "") << text;
  }
}

TEST(RandomProgram, ComputesTheSameBitsAtAnyNumberOfLanes) {
  for (uint64_t seed = kSeed; seed < kSeed + 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomOptions o;
    o.same_at_any_W = true;
    o.lanes = 4;
    const RandomProgram narrow = random_program(seed, o);
    const ProgramMemory expected = run(narrow, seed);
    ASSERT_NE(difference(narrow, expected, ProgramMemory(narrow, seed)), "") << "it writes nothing";
    for (const int lanes : {8, 16, 32, 64}) {
      o.lanes = lanes;
      const RandomProgram r = random_program(seed, o);
      ASSERT_EQ(difference(r, expected, run(r, seed)), "") << lanes << " lanes\n" << text_of(r.program);
    }
  }
}

// Replacing the results of any one operation by zeros, or leaving its stores out, shows in the buffers of
// some program: nothing is drawn in vain.
TEST(RandomProgram, ShowsWhatEveryOperationDoes) {
  constexpr VecOp kOps[] = {
#define TAUTO_X(name, text, result, operands) VecOp::name,
      TAUTO_VECTOR_OPS(TAUTO_X)
#undef TAUTO_X
  };
  for (const VecOp op : kOps) {
    const bool store = op == VecOp::Store || op == VecOp::StoreOne;
    if (!store && result_of(op) != 'v' && result_of(op) != 'm') continue;
    bool shown = false;
    for (uint64_t seed = kSeed; !shown && seed < kSeed + 200; ++seed) {
      const RandomProgram r = random_program(seed, {});
      RandomProgram without = r;
      std::vector<Instr>& code = without.program.code;
      for (size_t k = code.size(); k-- > 0;) {
        Instr& i = code[k];
        if (i.op != op) continue;
        if (store) {
          code.erase(code.begin() + static_cast<std::ptrdiff_t>(k));
        } else {
          const Instr zero{
              result_of(op) == 'v' ? VecOp::Const : VecOp::FillM, i.lane, f32, i.result, {}, {}, {}, 0};
          i = zero;
          if (result_of(op) == 'm') i.lane = Instr{}.lane;
        }
      }
      ASSERT_EQ(check(without.program), "");
      shown = !difference(r, run(r, seed), run(without, seed)).empty();
    }
    EXPECT_TRUE(shown) << text_of(op);
  }
}

}  // namespace
}  // namespace tauto::vec
