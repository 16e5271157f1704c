// The floating-point environment every definition assumes: round to nearest even, denormals kept, no traps.
// A library loaded beside us may have switched on flush-to-zero for the whole process; each entry point sets
// what it needs and restores what it found.
#pragma once

#include <cstdint>

namespace tauto {

class FloatEnvironment {
 public:
  FloatEnvironment() {
#if defined(__x86_64__)
    saved_ = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x1f80);  // all exceptions masked, nearest, no FTZ, no DAZ
#elif defined(__aarch64__)
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}) : "memory");
#endif
  }
  ~FloatEnvironment() {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(saved_);
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" ::"r"(saved_) : "memory");
#endif
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__aarch64__)
  uint64_t saved_ = 0;
#else
  uint32_t saved_ = 0;
#endif
};

}  // namespace tauto
