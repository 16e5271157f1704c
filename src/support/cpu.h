// What the machine at hand offers to generated code: instruction sets, caches, cores. Read once, never
// guessed from a model name. `Isa` is the choice that code generation makes; TAUTO_ISA=avx2|avx512 forces it,
// for tests of the lesser one on a machine that has both, and so does avx2-novnni|avx512-novnni.
//
// A feature counts as present only if the operating system also saves the registers it needs. Intel AMX
// needs, besides, a permission that each process asks the kernel for once (arch_prctl); whoever emits it does
// that.
#pragma once

#include <cstdint>
#include <string>

namespace tauto {

// CPUID's and XGETBV's words, a struct so that other CPUs can be tested on this one.
struct CpuFeatureWords {
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0, leaf7_ecx = 0, leaf7_edx = 0;
  uint32_t leaf7_1_eax = 0;
  uint32_t xcr0 = 0;
};

struct CpuFeatures {
  bool avx2 = false;              // with FMA and F16C: the floor of this program
  bool avx512 = false;            // F, BW, DQ, VL and CD together: every AVX-512 CPU but Knights Landing
  bool avx_vnni = false;          // u8 x i8 dot products on 256 bits
  bool avx512_vnni = false;       // the same on 512 bits
  bool avx512_vbmi = false;       // byte permutations
  bool avx512_vpopcntdq = false;  // bits of 32- and 64-bit lanes counted
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_int8 = false, amx_bf16 = false;
};

CpuFeatures features_of(const CpuFeatureWords& words);

struct Cpu {
  CpuFeatures features;
  // Bytes of the data caches one core sees; the third level is shared by `l3_sharers` logical CPUs. Where the
  // system does not say: 32 KiB, 256 KiB, 0.
  int64_t l1 = 0, l2 = 0, l3 = 0;
  int l3_sharers = 1;
  int line = 64;
  int logical = 1;  // CPUs this process may run on: affinity mask and the control group's quota, at least 1
  int cores = 1;    // the same, counting the threads of one core once
  std::string name;
};

// This machine, as it was when first asked.
const Cpu& this_cpu();

// Dot products of integers (VNNI) are used where the CPU has them, unless the choice says no.
enum class Isa { Avx2, Avx512, Avx2NoVnni, Avx512NoVnni };

const char* isa_name(Isa isa);  // "avx2", "avx512", "avx2-novnni", "avx512-novnni"
constexpr bool is_avx512(Isa isa) { return isa == Isa::Avx512 || isa == Isa::Avx512NoVnni; }
bool has_vnni(Isa isa, const CpuFeatures& features);
bool has_popcnt(Isa isa, const CpuFeatures& features);  // of lanes; not with "novnni", the lesser choices
bool has_vbmi(Isa isa, const CpuFeatures& features);    // permutations of bytes, by the same choice
bool has_bf16(Isa isa, const CpuFeatures& features);    // dot products of bf16, by the same choice

// What code is generated for: the best that `features` hold, or what `forced` (the text of TAUTO_ISA, may be
// null or empty) says. Error: an unknown name, or one that this CPU cannot run.
Isa choose_isa(const CpuFeatures& features, const char* forced);
// The same for this machine and the environment.
Isa native_isa();

// One line: features, caches, cores. Two machines with the same line may exchange machine code.
std::string text_of(const CpuFeatures& features);
std::string text_of(const Cpu& cpu);

// "0-3,8" -> {0, 1, 2, 3, 8} counted: how many CPUs a list in /sys names; 0 if it is malformed.
int count_cpu_list(const std::string& list);

}  // namespace tauto
