// What is decided before registers are: which instructions vanish into others, and how wide AVX2's masks are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codegen/allocate_registers.h"
#include "codegen/x64/encode.h"

namespace tauto::vec::x64 {

// Operands (as bits) at which the instruction can read memory instead of a register.
unsigned memory_operands(const Instr& i, Lane operand_lane, const X64Features& f);

struct Step {           // what becomes of one instruction
  bool skip = false;    // it emits nothing: its result is not used, or its user does its work
  int32_t folded = -1;  // the Load, Broadcast or Const that it reads as a memory operand
  int8_t folded_operand = -1;
  int8_t negated = -1;     // the operand (of a Fma) that is negated, see `negation`
  int32_t negation = -1;   // the Xor that does it in the program
  int32_t other_end = -1;  // Loop, If: its End; Else: its End; End: its Loop or If
  int32_t else_at = -1;    // If: its Else
  bool innermost = false;  // Loop
};

struct Plan {
  std::vector<Step> steps;
  std::vector<int32_t> definition;  // per value: the only instruction that writes it, or -1
  std::vector<uint8_t> mask_bytes;  // per mask: the lane width in which AVX2 keeps it

  // Values: the scalars of the program, the two pointers of the call, its vectors, its masks.
  int32_t scalars = 0, vectors = 0, masks = 0;
  int32_t arguments() const { return scalars; }
  int32_t scratch() const { return scalars + 1; }
  int32_t value(Reg r) const {
    return r.cls == Class::Scalar   ? r.id
           : r.cls == Class::Vector ? scalars + 2 + r.id
                                    : scalars + 2 + vectors + r.id;
  }
  int32_t values() const { return scalars + 2 + vectors + masks; }
};

// The constant that a scalar always holds, if it fits a 32-bit operand.
std::optional<int32_t> immediate_of(const Program& p, const Plan& plan, Reg r);
// Whether the instruction takes operand k as an immediate, if it has one.
bool takes_immediate(VecOp op, int k);

Plan plan_of(const Program& p, const X64Features& f);

}  // namespace tauto::vec::x64
