// What each stage made of a kernel, as text: for `tauto compile --emit`, TAUTO_DUMP and TAUTO_DEBUG.
#pragma once

#include <string>

#include "compile/executable.h"
#include "support/flags.h"

namespace tauto {

enum class Stage : uint8_t {
  Loops,      // the tensor expression
  Schedule,   // the plan, as `--schedule` takes it back
  Scheduled,  // the loops that it makes
  Vector,     // the vector program
  Asm,        // machine code, disassembled
};

const char* name_of(Stage s);

Plan plan_of(const CompiledGroup& g);  // of a kernel, its bands included
std::string one_line(const Plan& p);   // "lanes i1 x 2; rows i3 14"

// "" for groups that are no kernels.
std::string text_of(const CompiledFunction& f, const CompiledGroup& g, Stage s);

// The kernel's name, or "view %3", "reference %4" with the operators.
std::string name_of(const CompiledFunction& f, const CompiledGroup& g);

// "compiled for avx2: 3 kernels, 1 views, 0 references"
std::string summary(const Executable& e);

// Does what TAUTO_DUMP and TAUTO_DEBUG ask for.
void show_stages(const Executable& e, const Flags& flags);

}  // namespace tauto
