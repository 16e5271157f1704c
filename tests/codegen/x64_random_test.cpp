// Random vector programs: machine code and evaluator leave the same bytes in all buffers.
//
//   TAUTO_SEED=n  only this seed, on all widths and instruction sets
//   TAUTO_PROGRAMS=n  so many per width and instruction set
#include <gtest/gtest.h>

#include <cstdlib>

#include "codegen/machine.h"
#include "codegen/random_program.h"
#include "codegen/x64/encode.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using namespace tauto::testing;

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string name_of(Isa isa) {  // without a hyphen, as a test's name
  std::string name = isa_name(isa);
  std::erase(name, '-');
  return name;
}

class X64Random : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    features_ = x64_features_of(GetParam());
    if (features_.avx512 && !x64_features_of_cpu().avx512)
      GTEST_SKIP() << "this machine has no AVX-512 F, BW, DQ, VL";
  }

  void compare(uint64_t seed, int steps, const std::vector<int>& widths) {
    for (int lanes : widths) {
      if (lanes == 16 && !features_.avx512) continue;
      RandomOptions o;
      o.lanes = lanes;
      o.steps = steps;
      o.wide = lanes * 8 <= (features_.avx512 ? 64 : 32);
      const RandomProgram r = random_program(seed, o);
      const Machine machine(encode(r.program, features_, &statistics_));
      spilling_ += statistics_.spilled > 0;
      for (uint64_t run = 0; run < 2; run++) {
        const ProgramMemory expected(r, seed + run), actual(r, seed + run);
        evaluate(r.program, expected.arguments().data());
        machine.call(actual.arguments().data(), scratch_.data());
        ASSERT_EQ(difference(r, expected, actual), "")
            << "TAUTO_SEED=" << seed << " build/tauto_tests --gtest_filter='*X64Random.*/"
            << name_of(GetParam()) << "'   (lanes " << lanes << ", run " << run << ")\n"
            << text_of(r.program);
      }
    }
  }

  X64Features features_;
  X64Statistics statistics_;
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(1 << 16);
  int spilling_ = 0;
};

TEST_P(X64Random, SmallProgramsAreTheEvaluators) {
  const uint64_t one = number_of("TAUTO_SEED", 0);
  for (uint64_t k = 0; k < (one ? 1 : number_of("TAUTO_PROGRAMS", 300)); k++)
    ASSERT_NO_FATAL_FAILURE(compare(one ? one : 1 + k, 40, {4, 8, 16}));
}

TEST_P(X64Random, BigProgramsSpillAndAreTheEvaluators) {
  const uint64_t one = number_of("TAUTO_SEED", 0);
  for (uint64_t k = 0; k < (one ? 1 : number_of("TAUTO_PROGRAMS", 300) / 6); k++)
    ASSERT_NO_FATAL_FAILURE(compare(one ? one : 1000000 + k, 400, {4, 8, 16}));
  EXPECT_TRUE(one || spilling_ > 0);
}

INSTANTIATE_TEST_SUITE_P(Isa, X64Random,
                         ::testing::Values(Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni),
                         [](const ::testing::TestParamInfo<Isa>& i) { return name_of(i.param); });

}  // namespace
}  // namespace tauto::vec
