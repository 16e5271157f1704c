// The evaluator's compact form of a program: one Step per instruction, registers resolved to pointers, the
// work on lanes a function chosen once by operation and types.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codegen/vector.h"

namespace tauto::vec {

struct Step;
using Run = void (*)(const Step&);

enum class Flow : uint8_t { Next, Loop, Again, If, Jump };

struct Step {
  Run run = nullptr;  // Flow::Next
  Flow flow = Flow::Next;
  Compare compare = Compare::Less;  // Flow::If
  int lanes = 0;
  void* result = nullptr;
  const void* operand[3] = {};
  const uint64_t* mask = nullptr;  // of loads and stores; all lanes if there is none
  const int64_t* base = nullptr;   // the address
  const int64_t* index = nullptr;
  int64_t scale = 0, offset = 0;
  int64_t immediate = 0;
  size_t target = 0;  // of Loop, If, Jump: the step to go on with; of Again: the loop

  char* address() const {
    const int64_t a = *base + scale * *index + offset;
    return reinterpret_cast<char*>(static_cast<uintptr_t>(a));
  }
};

// The function for an instruction that works on lanes or masks; nullptr for scalars and control.
Run lanes_function(const Program& p, const Instr& i);
Run memory_function(const Program& p, const Instr& i);

}  // namespace tauto::vec
