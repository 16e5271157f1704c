// The encoder's inside: one method per instruction of the vector program, which writes its machine code.
//
// A method asks for registers as it goes: of operands, of its result, temporaries. It runs twice. The
// rehearsal gets made-up registers, and what it asked for becomes the demands of the register allocation; the
// performance gets the real ones. So what an instruction needs is stated once, by the code that needs it; the
// only duty is to ask for the same things whatever the registers turn out to be.
#pragma once

#include <xbyak/xbyak.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "codegen/x64/plan.h"

namespace tauto::vec::x64 {

class Emitter : public Xbyak::CodeGenerator {
 public:
  // A null allocation: a rehearsal.
  Emitter(const Program& p, const X64Features& f, const Plan& plan, const Allocation* allocation,
          uint8_t* buffer, size_t size);

  // The rehearsal of instruction i: what it needs besides its operands.
  void rehearse(int32_t i, Demand& demand);
  bool needs_work() const { return needs_work_; }

  // The whole kernel. Returns the bytes of code and constants.
  size_t perform(bool work, X64Statistics& statistics);

 private:
  using Xmm = Xbyak::Xmm;
  using Reg64 = Xbyak::Reg64;
  using Reg32 = Xbyak::Reg32;
  using Opmask = Xbyak::Opmask;
  using RegExp = Xbyak::RegExp;
  using Address_ = Xbyak::Address;
  using Operand_ = Xbyak::Operand;

  // --- emitter.cpp: registers, memory operands, constants ---
  Reg operand(int k) const;  // of the current instruction, behind a folded negation
  int place(int32_t value);
  bool has_register(int32_t value) const;
  Reg64 scalar_at(int32_t value);
  Reg64 scalar(Reg r) { return scalar_at(plan_.value(r)); }
  Xmm vector(Reg r) { return sized(place(plan_.value(r)), bytes(r)); }
  Opmask kmask(Reg r) { return Opmask(place(plan_.value(r))); }
  Xmm vmask(Reg r, int lane_bytes);  // AVX2: a mask as a vector of lanes of that width
  Xmm d() { return vector(in_->result); }
  Xmm v(int k) { return vector(operand(k)); }
  Reg64 rd() { return scalar(in_->result); }
  Reg64 s(int k) { return scalar(operand(k)); }
  Reg64 temp_scalar();
  Xmm temp_vector(int bytes);
  Opmask temp_mask();
  Xmm early_result();  // d(), but written while operands are still to be read

  static Xmm sized(int index, int bytes);
  Lane lane_of(Reg r) const { return program_.vectors[static_cast<size_t>(r.id)]; }
  int bytes(Lane l) const { return program_.lanes * bytes_of(l); }
  int bytes(Reg r) const { return bytes(lane_of(r)); }

  const Operand_& any_scalar(int32_t value);  // a register or its slot
  bool in_memory(int k) const;                // operand k comes from memory: folded, or spilled
  const Operand_& any(int k);                 // operand k: a register or memory
  Operand_& hold(const Address_& a) { return *(held_ = a); }
  RegExp at(const Address& a);  // may ask for a temporary
  RegExp frame(int64_t offset) { return rsp + static_cast<int>(offset); }
  RegExp work(int64_t offset) {
    needs_work_ = true;
    return frame(offset);
  }
  Address_ slot_of(int32_t value);
  const Xbyak::Label& constant(const void* bytes, size_t size);
  Address_ lanes_of(uint64_t bits, int lane_bytes,
                    int vector_bytes);             // the same bits in all lanes, as an operand
  Address_ one_of(uint64_t bits, int lane_bytes);  // once, to be broadcast
  std::optional<int32_t> immediate(int k) const;

  // --- encode.cpp ---
  void prologue(bool work, X64Statistics& statistics);
  void epilogue();
  void instruction(int32_t i);
  void body();  // the current instruction
  void reload(const Visit& v);
  void put_back(const Visit& v);

  // --- scalars.cpp ---
  void imm(Reg64 r, int64_t value);
  void scalars();
  void control();
  void add_scalars(), sub_scalars(), mul_scalars(), add_immediate(), add_to(int32_t i), min_max(bool max),
      divide(bool mod);
  void load_scalar();
  void copy(Reg64 r, const Operand_& from);
  void compare_scalars(Reg a, Reg b, std::optional<int32_t> immediate);
  Reg64 clamped_lanes(Reg r);  // a temporary: min(max(r, 0), W)

  // --- masks.cpp ---
  void masks();
  void first(), fill(), logic(), not_mask(), compare(), any_set();
  Xmm v_compare_ints(Xmm dest, Compare c, bool wide);

  // --- memory.cpp ---
  void load(), broadcast(), gather(), gather_small(), lookup(), store(), store_one();
  bool counts_by_two(Reg r) const;
  bool gather_every_second();  // false: it is none
  void load_small_masked(Xmm dest, const RegExp& a);
  void widen(const Xmm& dest, const Operand_& source);  // from the memory type
  void store_small(Reg value, const RegExp& a);
  void quiet(Xmm t, Xmm x);         // t = x with the canonical NaN for NaNs
  void round_bfloat(Xmm t, Xmm x);  // the upper half of each lane of t: x rounded; the lower: anything
  void round_bfloat(Xmm t, Xmm x, Opmask k);            // the same by AVX-512, with a mask of its own
  void store_bfloat(const Xmm& x, const Address_& to);  // by AVX512_BF16
  void pack(Xmm t, int bits,
            bool upper);  // AVX2: the low (or upper) `bits` of each 4-byte lane, side by side

  // --- vectors.cpp ---
  void vectors();
  void constant_vector(), splat(), iota(), mul64(), fma(), dot(), dot_bytes(), dot_words(), dot_pairs(),
      count_bits(), greater_lesser(bool greater), shift(bool variable), round(), select(), convert(),
      narrow(), down();
  struct FlushTemps {
    Xmm a, b, c, s;
  };
  FlushTemps flush_temps();
  void fma_flush(const Xmm& to, const Xmm& x, const Xmm& y, const Xmm& z, const FlushTemps& t);
  void flush(const Xmm& to, const Xmm& x);
  void bits_and(const Xmm& to, const Xmm& x, const Operand_& y);
  void convert_through_memory(Lane from, Lane to);
  void move(const Xmm& to, const Xmm& from);
  void zero(const Xmm& x);
  void ones(const Xmm& x);
  template <class F>
  void binary(F f, bool commutes);

  const Program& program_;
  const X64Features features_;
  const Plan& plan_;
  const Allocation* const allocation_;

  // The current instruction.
  const Instr* in_ = nullptr;
  int32_t index_ = 0;
  std::optional<Address_> held_;
  Xmm held_register_{0};
  Reg64 held_scalar_{0};
  std::optional<Address_> held_slot_;
  bool early_ = false;
  std::optional<Xmm> move_after_;  // where an early result is, if it has the register of an operand
  int taken_[3] = {0, 0, 0};       // temporaries asked for
  std::vector<int32_t> met_[3];    // rehearsal: values met, in order, which is their register

  struct Constant {
    std::string bytes;
    Xbyak::Label label;
  };
  std::deque<Constant> constants_;
  std::map<std::string, Constant*> constant_of_;
  std::vector<Xbyak::Label> labels_;  // two per instruction that opens a block: its body, what follows it
  Xbyak::Label& label(int32_t i, int which) { return labels_[static_cast<size_t>(2 * i + which)]; }

  // What is hardly ever run stands behind the epilogue: jumped to, and jumped back from.
  struct Aside {
    Xbyak::Label from, back;
    std::function<void()> code;  // which asks for no registers
  };
  std::deque<Aside> asides_;
  Aside& aside(std::function<void()> code) { return asides_.emplace_back(Aside{{}, {}, std::move(code)}); }

  bool needs_work_ = false;
  std::vector<int> saved_;  // callee-saved registers in use
  int64_t frame_ = 0, vector_slots_ = 0, scratch_at_ = 0, scalar_slots_ = 0, old_stack_at_ = 0;
  bool aligned_ = false;
};

#define TAUTO_3(name) \
  [this](const Xbyak::Xmm& d, const Xbyak::Xmm& a, const Xbyak::Operand& b) { this->name(d, a, b); }

template <class F>
void Emitter::binary(F f, bool commutes) {
  if (commutes && in_memory(0) && !in_memory(1)) {
    const Xmm a = v(1);
    f(d(), a, any(0));
  } else {
    const Xmm a = v(0);
    f(d(), a, any(1));
  }
}

}  // namespace tauto::vec::x64
