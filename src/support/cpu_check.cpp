// Feature bits as in the x86-64 psABI's level v3 and Intel's SDM, volume 2A, CPUID.
#include "support/cpu_check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tauto {

static size_t append(char* text, size_t size, size_t length, const char* more) {
  while (*more && length + 1 < size) text[length++] = *more++;
  text[length] = 0;
  return length;
}

const char* cpu_problem_of(const CpuWords& words, char* text, size_t size) {
  const bool saves_ymm = (words.xcr0 & 6) == 6;
  const struct {
    const char* name;
    bool present;
  } features[] = {
      {"AVX", (words.leaf1_ecx >> 28 & 1) && saves_ymm}, {"AVX2", (words.leaf7_ebx >> 5 & 1) && saves_ymm},
      {"FMA", (words.leaf1_ecx >> 12 & 1) && saves_ymm}, {"F16C", (words.leaf1_ecx >> 29 & 1) && saves_ymm},
      {"BMI1", (words.leaf7_ebx >> 3 & 1) != 0},         {"BMI2", (words.leaf7_ebx >> 8 & 1) != 0},
      {"LZCNT", (words.extended1_ecx >> 5 & 1) != 0},    {"MOVBE", (words.leaf1_ecx >> 22 & 1) != 0},
  };
  size_t length =
      append(text, size, 0, "this CPU: required x86-64-v3 (AVX2, FMA, F16C, BMI2); given one without");
  bool problem = false;
  for (const auto& feature : features) {
    if (feature.present) continue;
    length = append(text, size, length, problem ? ", " : " ");
    length = append(text, size, length, feature.name);
    problem = true;
  }
  if (problem && !saves_ymm && (words.leaf1_ecx >> 28 & 1)) {
    append(text, size, length, " (the operating system does not save AVX registers)");
  }
  return problem ? text : nullptr;
}

#if defined(__x86_64__)

const char* cpu_problem() {
  static char text[256];
  CpuWords words = {};
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) words.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) words.leaf7_ebx = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) words.extended1_ecx = c;
  if (words.leaf1_ecx >> 27 & 1) {  // OSXSAVE: xgetbv exists
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    words.xcr0 = a;
  }
  return cpu_problem_of(words, text, sizeof text);
}

#else

const char* cpu_problem() { return nullptr; }

#endif

}  // namespace tauto
