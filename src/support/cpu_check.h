// The start-up check: the rest of the program is compiled for x86-64-v3 (AVX2, FMA, BMI, F16C) and would die
// of SIGILL on a lesser CPU. The command asks before its static constructors run (cli/cpu_guard.cpp), the
// Python module before its initialisation. This file and its users compile for plain x86-64 and use nothing
// but C: an inline function shared with another file could be the other file's AVX2 copy.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tauto {

// What CPUID and XGETBV say; a struct so that other CPUs can be tested on this one.
struct CpuWords {
  uint32_t leaf1_ecx;
  uint32_t leaf7_ebx;
  uint32_t extended1_ecx;
  uint32_t xcr0;  // register files that the operating system saves
};

// Writes why a CPU cannot run the program into text (at least 200 bytes) and returns text; null if it can.
const char* cpu_problem_of(const CpuWords& words, char* text, size_t size);

// The same for this CPU, in a static buffer. Always null where the build asks for nothing (AArch64).
const char* cpu_problem();

}  // namespace tauto
