// Features of CPUs other than this one from their CPUID words; the choice of instruction set and its errors.
#include "support/cpu.h"

#include <gtest/gtest.h>

#include "support/error.h"

namespace tauto {
namespace {

// Haswell: FMA, OSXSAVE, AVX, F16C; AVX2. Skylake-X adds AVX-512 F, DQ, CD, BW, VL.
const CpuFeatureWords kHaswell = {1u << 12 | 1u << 27 | 1u << 28 | 1u << 29, 1u << 5, 0, 0, 0, 7};

CpuFeatureWords skylake_x() {
  CpuFeatureWords w = kHaswell;
  w.leaf7_ebx |= 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
  w.xcr0 = 0xe7;
  return w;
}

CpuFeatureWords sapphire_rapids() {
  CpuFeatureWords w = skylake_x();
  w.leaf7_ecx |= 1u << 1 | 1u << 11 | 1u << 14;
  w.leaf7_edx |= 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;
  w.leaf7_1_eax |= 1u << 4 | 1u << 5;
  w.xcr0 = 0x600e7;
  return w;
}

std::string names(const CpuFeatureWords& words) { return text_of(features_of(words)); }

TEST(CpuFeatures, OfThreeGenerations) {
  EXPECT_EQ(names({}), "none of the known features");
  EXPECT_EQ(names(kHaswell), "avx2");
  EXPECT_EQ(names(skylake_x()), "avx2 avx512");
  EXPECT_EQ(names(sapphire_rapids()),
            "avx2 avx512 avx_vnni avx512_vnni avx512_vbmi avx512_vpopcntdq avx512_bf16 avx512_fp16 amx_int8 "
            "amx_bf16");
}

TEST(CpuFeatures, CountOnlyWhatTheOperatingSystemSaves) {
  CpuFeatureWords w = sapphire_rapids();
  w.xcr0 = 0xe7;  // no tiles
  EXPECT_EQ(names(w),
            "avx2 avx512 avx_vnni avx512_vnni avx512_vbmi avx512_vpopcntdq avx512_bf16 avx512_fp16");
  w.xcr0 = 7;  // no zmm
  EXPECT_EQ(names(w), "avx2 avx_vnni");
  w.xcr0 = 3;  // no ymm
  EXPECT_EQ(names(w), "none of the known features");
}

TEST(CpuFeatures, Avx512MeansAllFivePartsOfIt) {
  for (int part : {16, 17, 28, 30, 31}) {
    CpuFeatureWords w = sapphire_rapids();
    w.leaf7_ebx &= ~(1u << part);
    EXPECT_FALSE(features_of(w).avx512) << part;
    EXPECT_FALSE(features_of(w).avx512_vnni) << part;
  }
}

std::string error_of(const CpuFeatures& features, const char* forced) {
  try {
    choose_isa(features, forced);
    return "no error";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Isa, IsTheBestUnlessForced) {
  const CpuFeatures small = features_of(kHaswell), large = features_of(skylake_x());
  EXPECT_EQ(choose_isa(small, nullptr), Isa::Avx2);
  EXPECT_EQ(choose_isa(large, ""), Isa::Avx512);
  EXPECT_EQ(choose_isa(large, "avx2"), Isa::Avx2);
  EXPECT_EQ(choose_isa(large, "avx512"), Isa::Avx512);
  EXPECT_EQ(error_of(small, "avx512"), "TAUTO_ISA: required a CPU with avx512, this one has: avx2");
  EXPECT_EQ(choose_isa(small, "avx2-novnni"), Isa::Avx2NoVnni);
  EXPECT_EQ(choose_isa(large, "avx512-novnni"), Isa::Avx512NoVnni);
  EXPECT_EQ(error_of(small, "avx512-novnni"), error_of(small, "avx512"));
  EXPECT_EQ(error_of(large, "AVX2"),
            "TAUTO_ISA: required avx2, avx512, avx2-novnni or avx512-novnni, got \"AVX2\"");
}

TEST(Isa, HasDotProductsOfItsOwnWidth) {
  CpuFeatures both;
  both.avx2 = both.avx512 = both.avx_vnni = both.avx512_vnni = true;
  CpuFeatures wide = both, narrow = both;
  wide.avx_vnni = false;  // Ice Lake
  narrow.avx512_vnni = false;
  EXPECT_TRUE(has_vnni(Isa::Avx2, both) && has_vnni(Isa::Avx512, both));
  EXPECT_TRUE(!has_vnni(Isa::Avx2, wide) && has_vnni(Isa::Avx512, wide));
  EXPECT_TRUE(has_vnni(Isa::Avx2, narrow) && !has_vnni(Isa::Avx512, narrow));
  both.avx512_bf16 = true;
  EXPECT_TRUE(has_bf16(Isa::Avx512, both) && !has_bf16(Isa::Avx512, wide));
  EXPECT_FALSE(has_bf16(Isa::Avx2, both) || has_bf16(Isa::Avx512NoVnni, both));
  EXPECT_FALSE(has_vnni(Isa::Avx2NoVnni, both) || has_vnni(Isa::Avx512NoVnni, both));
  for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni})
    EXPECT_EQ(choose_isa(both, isa_name(isa)), isa);
}

TEST(Cpu, ThisMachineHasWhatEveryMachineHas) {
  const Cpu& cpu = this_cpu();
  EXPECT_GE(cpu.l1, 8 << 10);
  EXPECT_GE(cpu.l2, cpu.l1);
  EXPECT_GE(cpu.cores, 1);
  EXPECT_GE(cpu.logical, cpu.cores);
  EXPECT_EQ(cpu.line & (cpu.line - 1), 0);
#if defined(__x86_64__)
  EXPECT_TRUE(cpu.features.avx2) << text_of(cpu);  // or this test could not run
  EXPECT_EQ(cpu.features.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                     __builtin_cpu_supports("avx512dq") &&
                                     __builtin_cpu_supports("avx512vl"));
#endif
}

TEST(Cpu, ListsAreCounted) {
  EXPECT_EQ(count_cpu_list("0"), 1);
  EXPECT_EQ(count_cpu_list("0-3,8"), 5);
  EXPECT_EQ(count_cpu_list("0-1,16-17"), 4);
  EXPECT_EQ(count_cpu_list(""), 0);
  EXPECT_EQ(count_cpu_list("3-1"), 0);
  EXPECT_EQ(count_cpu_list("x"), 0);
}

}  // namespace
}  // namespace tauto
