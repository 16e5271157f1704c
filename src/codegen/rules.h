// What an instruction must satisfy by itself: the classes and lane types of its registers, its memory type,
// address and immediate. The assembler asserts it while a program is built; `check` adds what needs the whole
// program.
#pragma once

#include <string>

#include "codegen/vector.h"

namespace tauto::vec {

constexpr int bits_of(Lane l) { return bytes_of(l) * 8; }

// Whether Instr::lane and Instr::memory mean something for this operation; otherwise they keep their
// defaults.
bool has_lane(VecOp op);
bool has_memory(VecOp op);
bool has_address(VecOp op);
bool has_immediate(VecOp op);
bool takes_mask(VecOp op);
int operand_count(VecOp op);  // registers in Instr::operand

// The word an immediate stands for, or nullptr where it is a plain number: words_of(op)[immediate].
struct Words {
  const char* const* text = nullptr;
  int count = 0;
};
Words words_of(VecOp op);

std::string text_of(Reg r);

// The first rule that i breaks, or "". Registers must be made in p.
std::string broken_rule(const Program& p, const Instr& i);

}  // namespace tauto::vec
