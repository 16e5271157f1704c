// The start-up check on CPUs other than this one: what is missing is named, and nothing else.
#include "support/cpu_check.h"

#include <gtest/gtest.h>

#include <string>

namespace tauto {

// Bits as a Haswell reports them: FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT; x87, SSE and AVX
// state.
constexpr CpuWords kHaswell = {1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29,
                               1u << 3 | 1u << 5 | 1u << 8, 1u << 5, 7};

static std::string problem(const CpuWords& words) {
  char text[256];
  const char* p = cpu_problem_of(words, text, sizeof text);
  return p ? p : "";
}

TEST(CpuCheck, ThisMachineRunsTheTests) { EXPECT_EQ(cpu_problem(), nullptr); }

TEST(CpuCheck, HaswellIsEnough) { EXPECT_EQ(problem(kHaswell), ""); }

TEST(CpuCheck, NamesWhatSandyBridgeLacks) {
  CpuWords words = kHaswell;
  words.leaf1_ecx &= ~(1u << 12 | 1u << 22 | 1u << 29);
  words.leaf7_ebx = words.extended1_ecx = 0;
  EXPECT_EQ(
      problem(words),
      "this CPU: required x86-64-v3 (AVX2, FMA, F16C, BMI2); given one without AVX2, FMA, F16C, BMI1, BMI2, "
      "LZCNT, MOVBE");
}

TEST(CpuCheck, BlamesTheOperatingSystemForUnsavedRegisters) {
  CpuWords words = kHaswell;
  words.xcr0 = 3;
  EXPECT_EQ(
      problem(words),
      "this CPU: required x86-64-v3 (AVX2, FMA, F16C, BMI2); given one without AVX, AVX2, FMA, F16C (the "
      "operating system does not save AVX registers)");
}

TEST(CpuCheck, EachFeatureIsAskedFor) {
  for (const CpuWords bit : {CpuWords{1u << 12, 0, 0, 0},
                             {1u << 22, 0, 0, 0},
                             {1u << 28, 0, 0, 0},
                             {1u << 29, 0, 0, 0},
                             {0, 1u << 3, 0, 0},
                             {0, 1u << 5, 0, 0},
                             {0, 1u << 8, 0, 0},
                             {0, 0, 1u << 5, 0}}) {
    const CpuWords words = {kHaswell.leaf1_ecx & ~bit.leaf1_ecx, kHaswell.leaf7_ebx & ~bit.leaf7_ebx,
                            kHaswell.extended1_ecx & ~bit.extended1_ecx, kHaswell.xcr0};
    EXPECT_NE(problem(words), "");
  }
}

TEST(CpuCheck, AShortBufferIsNotOverrun) {
  char text[16] = "";
  cpu_problem_of(CpuWords{}, text, 8);
  EXPECT_EQ(std::string(text), "this CP");
}

}  // namespace tauto
