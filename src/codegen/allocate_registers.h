// Registers for the values of a vector program: a linear scan over its structured code.
//
// The scan knows no instruction set. An encoder turns its program into demands: what each instruction reads,
// what it writes, how many temporary registers its sequence of machine instructions takes. A value lives from
// its first write to its last mention, and through each loop that it enters from outside; it has one register
// for all that time, or none. Values without a register live in a slot of the stack frame (or are computed
// anew, if that is cheap) and get a register just for the instructions that mention them, or for the length
// of an innermost loop that only reads them, if one is free there. No register is set aside for that: a scan
// in which something did not fit is repeated with these short claims among the others.
//
// Everything is a function of the demands alone, so the same program gives the same registers.
#pragma once

#include <cstdint>
#include <vector>

#include "codegen/vector.h"

namespace tauto::vec {

struct Read {
  int32_t value = -1;
  bool memory = false;  // the instruction could read it from memory; an encoder gets at most one such operand
};

struct Demand {  // of one instruction
  std::vector<Read> reads;
  int32_t write = -1;
  bool update = false;    // what it writes is one of its reads, and it can do that in memory
  bool early = false;     // the write happens before the last read: no register in common
  int32_t loop_end = -1;  // of a loop: the index of its end; the body is what lies between
  uint8_t scalars = 0, vectors = 0, masks = 0;  // temporaries
};

struct Demands {
  std::vector<Class> values;   // the class of each value
  std::vector<uint8_t> cheap;  // nonzero: computed anew instead of stored and loaded
  std::vector<int32_t> entry;  // values that exist before the first instruction
  std::vector<Demand> code;
};

struct RegisterCounts {
  int scalars = 0, vectors = 0;
  int masks = 0;  // 0: masks live in vector registers
};

// A value without a register of its own, in a register for one instruction.
struct Visit {
  int32_t value = -1;
  int16_t reg = -1;
  bool load = false, store = false;
};

struct Seat {  // what one instruction got
  std::vector<Visit> visits;
  std::vector<int16_t> scalars, vectors, masks;  // its temporaries
};

struct Allocation {
  std::vector<int16_t> home;  // the register of each value; -1: none
  std::vector<int32_t> slot;  // its place in the frame, counted per bank; -1: none
  int32_t scalar_slots = 0, vector_slots = 0, mask_slots = 0;
  std::vector<Seat> code;
  std::vector<uint8_t> scalars_used;  // per register
  int32_t spilled = 0;                // values without a register
};

Allocation allocate_registers(const Demands& demands, const RegisterCounts& counts);

}  // namespace tauto::vec
