// Vector programs as x64 machine code.
//
// Two targets: AVX2 with FMA and F16C (vectors of 16 or 32 bytes, masks as vectors), and AVX-512 F, BW, DQ,
// VL (16, 32 or 64 bytes, masks in k registers). A program fits a target if W times the bytes of each of its
// lane types does.
//
// The code is position-independent and needs no relocation: load it at a 64-aligned address and call it as
//   void kernel(const uint64_t* arguments, void* scratch)      (System V)
// `scratch` is read only if caller_scratch(program) > 0: the caller then brings that many bytes, 64-aligned,
// of its own for each concurrent call. Up to kStackScratch bytes a kernel takes from its stack. Constants
// follow the one `ret`. The same program gives the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "codegen/vector.h"
#include "support/cpu.h"

namespace tauto::vec {

struct X64Features {
  bool avx512 = false;  // F, BW, DQ and VL; without it AVX2, FMA, F16C
  bool bf16 = false;    // dot products of pairs of bf16: AVX512-BF16
  bool vnni = false;    // dot products of bytes and words: AVX512-VNNI with avx512, AVX-VNNI without
  bool popcnt = false;  // bits of a lane counted: AVX512-VPOPCNTDQ
  bool vbmi = false;    // bytes permuted: AVX512-VBMI
};

X64Features x64_features_of(Isa isa);  // on this CPU
X64Features x64_features_of_cpu();

constexpr int64_t kStackScratch = 4096;
int64_t caller_scratch(const Program& program);

struct X64Statistics {
  int32_t spilled = 0;       // values that found no register
  int64_t frame = 0;         // bytes of stack besides saved registers
  int64_t instructions = 0;  // bytes before the constants
};

// Error: a lane type for which W lanes do not fit the target's registers, or the program breaks a rule of
// vector.h that encoding meets. `tamper` may change where values live, for tests (compile/faults.h).
struct Demands;
struct Allocation;
using TamperRegisters = std::function<void(const Demands&, Allocation&)>;
std::vector<uint8_t> encode(const Program& program, const X64Features& features,
                            X64Statistics* statistics = nullptr, const TamperRegisters& tamper = {});

// Allocates the registers as `encode` does and decides whether every value is found where it is read
// (check_allocation.h): the first broken rule, or "".
std::string check_registers(const Program& program, const X64Features& features,
                            const TamperRegisters& tamper = {});

}  // namespace tauto::vec
