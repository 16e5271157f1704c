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

}  // namespace
}  // namespace tauto::vec
