// The floating-point environment every definition assumes: round to nearest even, denormals kept, no traps.
// A library loaded beside us may have switched on flush-to-zero for the whole process; each entry point sets
// what it needs and restores what it found. Writing the register is slow (some 30 ns, each way), and almost
// always its control bits are right already; the flags of past exceptions, which nothing here reads, stay as
// they are.
#pragma once

#include <cstdint>

namespace tauto {

class FloatEnvironment {
 public:
  FloatEnvironment() {
#if defined(__x86_64__)
    saved_ = __builtin_ia32_stmxcsr();
    if ((saved_ & kControl) != kDefined) __builtin_ia32_ldmxcsr(kDefined);
#elif defined(__aarch64__)
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    if (saved_ != 0) asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}) : "memory");
#endif
  }
  ~FloatEnvironment() {
#if defined(__x86_64__)
    if (((__builtin_ia32_stmxcsr() ^ saved_) & kControl) != 0) __builtin_ia32_ldmxcsr(saved_);
#elif defined(__aarch64__)
    uint64_t now;
    asm volatile("mrs %0, fpcr" : "=r"(now));
    if (now != saved_) asm volatile("msr fpcr, %0" ::"r"(saved_) : "memory");
#endif
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__aarch64__)
  uint64_t saved_ = 0;
#else
  static constexpr uint32_t kControl = 0xffc0;  // all of MXCSR but the flags
  static constexpr uint32_t kDefined = 0x1f80;  // all exceptions masked, nearest, no FTZ, no DAZ
  uint32_t saved_ = 0;
#endif
};

}  // namespace tauto
