// How the encoder names registers: real ones, or made-up ones in a rehearsal; memory operands; constants.
#include "codegen/x64/emitter.h"

#include <algorithm>

#include "support/error.h"

namespace tauto::vec::x64 {
namespace {

// Registers that the caller expects to find unchanged come last; the arguments' registers come first, so that
// they stay where they are.
constexpr int kScalarOrder[15] = {7, 6, 0, 1, 2, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15};

int physical(Class c, int index, bool avx512) {
  if (c == Class::Scalar) return kScalarOrder[index];
  return c == Class::Mask && avx512 ? index + 1 : index;  // k0 means "no mask"
}

}  // namespace

Emitter::Emitter(const Program& p, const X64Features& f, const Plan& plan, const Allocation* allocation,
                 uint8_t* buffer, size_t size)
    : CodeGenerator(size, buffer), program_(p), features_(f), plan_(plan), allocation_(allocation) {
  if (allocation) labels_.resize(2 * p.code.size());
}

void Emitter::rehearse(int32_t i, Demand& demand) {
  index_ = i;
  in_ = &program_.code[static_cast<size_t>(i)];
  early_ = false;
  move_after_.reset();
  for (int b = 0; b < 3; b++) {
    taken_[b] = 0;
    met_[b].clear();
  }
  setSize(0);
  body();
  demand.early = early_;
  demand.scalars = static_cast<uint8_t>(taken_[0]);
  demand.vectors = static_cast<uint8_t>(taken_[1]);
  demand.masks = static_cast<uint8_t>(taken_[2]);
}

Reg Emitter::operand(int k) const {
  const Step& step = plan_.steps[static_cast<size_t>(index_)];
  if (step.negated == k) return program_.code[static_cast<size_t>(step.negation)].operand[0];
  return in_->operand[k];
}

std::optional<int32_t> Emitter::immediate(int k) const {
  if (!takes_immediate(in_->op, k)) return {};
  return immediate_of(program_, plan_, in_->operand[k]);
}

bool Emitter::has_register(int32_t value) const {
  if (!allocation_ || allocation_->home[static_cast<size_t>(value)] >= 0) return true;
  for (const Visit& v : allocation_->code[static_cast<size_t>(index_)].visits)
    if (v.value == value) return true;
  return false;
}

int Emitter::place(int32_t value) {
  const Class c = value < plan_.scalars + 2                   ? Class::Scalar
                  : value < plan_.scalars + 2 + plan_.vectors ? Class::Vector
                                                              : Class::Mask;
  if (!allocation_) {  // any register, as long as different values have different ones
    std::vector<int32_t>& met = met_[c == Class::Scalar                        ? 0
                                     : c == Class::Vector || !features_.avx512 ? 1
                                                                               : 2];
    const auto found = std::find(met.begin(), met.end(), value);
    const int index = static_cast<int>(found - met.begin());
    if (found == met.end()) met.push_back(value);
    return physical(c, index, features_.avx512);
  }
  int index = allocation_->home[static_cast<size_t>(value)];
  if (index < 0)
    for (const Visit& v : allocation_->code[static_cast<size_t>(index_)].visits)
      if (v.value == value) index = v.reg;
  CHECK(index >= 0, "instruction ", index_, ": value ", value, " has no register");
  return physical(c, index, features_.avx512);
}

Emitter::Reg64 Emitter::scalar_at(int32_t value) { return Reg64(place(value)); }

Emitter::Xmm Emitter::sized(int index, int bytes) {
  return Xmm(bytes == 64 ? Operand_::ZMM : bytes == 32 ? Operand_::YMM : Operand_::XMM, index);
}

Emitter::Reg64 Emitter::temp_scalar() {
  const size_t k = static_cast<size_t>(taken_[0]++);
  if (!allocation_) return Reg64(physical(Class::Scalar, 8 + static_cast<int>(k), features_.avx512));
  return Reg64(physical(Class::Scalar, allocation_->code[static_cast<size_t>(index_)].scalars.at(k),
                        features_.avx512));
}
Emitter::Xmm Emitter::temp_vector(int bytes) {
  const size_t k = static_cast<size_t>(taken_[1]++);
  if (!allocation_) return sized(8 + static_cast<int>(k), bytes);
  return sized(allocation_->code[static_cast<size_t>(index_)].vectors.at(k), bytes);
}
Emitter::Opmask Emitter::temp_mask() {
  const size_t k = static_cast<size_t>(taken_[2]++);
  if (!allocation_) return Opmask(5 + static_cast<int>(k));
  return Opmask(
      physical(Class::Mask, allocation_->code[static_cast<size_t>(index_)].masks.at(k), features_.avx512));
}

Emitter::Xmm Emitter::early_result() {
  early_ = true;
  for (int k = 0; k < 3; k++)
    if (operand(k) == in_->result) return *(move_after_ = temp_vector(bytes(in_->result)));
  return d();
}

Emitter::Xmm Emitter::vmask(Reg r, int lane_bytes) {
  const int kept = plan_.mask_bytes[static_cast<size_t>(r.id)];
  const int index = place(plan_.value(r));
  const int width = program_.lanes * lane_bytes;
  if (kept == lane_bytes || program_.lanes * 8 > 32) return sized(index, width);
  const Xmm t = temp_vector(width);
  if (lane_bytes == 8) {
    vpmovsxdq(t, sized(index, 16));
  } else {
    vextracti128(t, Xbyak::Ymm(index), 1);
    vshufps(t, sized(index, 16), t, 0x88);
  }
  return t;
}

bool Emitter::in_memory(int k) const {
  const Step& step = plan_.steps[static_cast<size_t>(index_)];
  return step.folded_operand == k || !has_register(plan_.value(operand(k)));
}

const Xbyak::Operand& Emitter::any_scalar(int32_t value) {
  if (!has_register(value)) return *(held_slot_ = slot_of(value));
  held_scalar_ = scalar_at(value);
  return held_scalar_;
}

const Xbyak::Operand& Emitter::any(int k) {
  const Step& step = plan_.steps[static_cast<size_t>(index_)];
  const Reg r = operand(k);
  if (step.folded_operand == k) {
    const Instr& from = program_.code[static_cast<size_t>(step.folded)];
    const Lane l = lane_of(from.result);
    if (from.op == VecOp::Const)
      return hold(lanes_of(static_cast<uint64_t>(from.immediate), bytes_of(l), bytes(l)));
    const RegExp e = at(from.address);
    return hold(from.op == VecOp::Broadcast ? ptr_b[e] : ptr[e]);
  }
  if (!has_register(plan_.value(r))) return hold(slot_of(plan_.value(r)));
  held_register_ = vector(r);
  return held_register_;
}

Xbyak::RegExp Emitter::at(const Address& a) {
  const Reg64 base = scalar(a.base);
  RegExp e = base;
  if (a.index) e = e + scalar(a.index) * a.scale;
  if (a.offset == static_cast<int32_t>(a.offset)) return e + static_cast<int32_t>(a.offset);
  const Reg64 t = temp_scalar();
  mov(t, a.offset);
  add(t, base);
  e = t;
  if (a.index) e = e + scalar(a.index) * a.scale;
  return e;
}

Xbyak::Address Emitter::slot_of(int32_t value) {
  const int32_t slot = allocation_->slot[static_cast<size_t>(value)];
  if (slot >= 0) {
    if (value < plan_.scalars + 2) return qword[frame(scalar_slots_ + 8 * slot)];
    if (value < plan_.scalars + 2 + plan_.vectors || !features_.avx512) {
      const int64_t size = features_.avx512 ? 64 : 32;
      return ptr[frame(vector_slots_ + size * slot)];
    }
    return qword[frame(scalar_slots_ + 8 * (allocation_->scalar_slots + slot))];
  }
  const int32_t definition = plan_.definition[static_cast<size_t>(value)];
  CHECK(definition >= 0, "a value without a register, a slot and a definition");
  const Instr& from = program_.code[static_cast<size_t>(definition)];
  CHECK(from.op == VecOp::Const, "only constants are memory operands without a slot");
  const Lane l = lane_of(from.result);
  return lanes_of(static_cast<uint64_t>(from.immediate), bytes_of(l), bytes(l));
}

const Xbyak::Label& Emitter::constant(const void* data, size_t size) {
  std::string key(static_cast<const char*>(data), size);
  Constant*& found = constant_of_[key];
  if (!found) {
    constants_.emplace_back();
    found = &constants_.back();
    found->bytes = std::move(key);
  }
  return found->label;
}

Xbyak::Address Emitter::one_of(uint64_t bits, int lane_bytes) {
  return ptr[rip + constant(&bits, static_cast<size_t>(lane_bytes))];
}

Xbyak::Address Emitter::lanes_of(uint64_t bits, int lane_bytes, int vector_bytes) {
  if (features_.avx512) return ptr_b[rip + constant(&bits, static_cast<size_t>(lane_bytes))];
  uint8_t all[64];
  for (int i = 0; i < vector_bytes; i += lane_bytes)
    std::memcpy(all + i, &bits, static_cast<size_t>(lane_bytes));
  return ptr[rip + constant(all, static_cast<size_t>(vector_bytes))];
}

}  // namespace tauto::vec::x64
