// Scalars and control.
#include "codegen/x64/emitter.h"
#include "support/error.h"

namespace tauto::vec::x64 {

void Emitter::imm(Reg64 r, int64_t value) {
  if (value == 0)
    xor_(r.cvt32(), r.cvt32());
  else if (value > 0 && value <= INT64_C(0xffffffff))
    mov(r.cvt32(), static_cast<uint32_t>(value));
  else
    mov(r, static_cast<uint64_t>(value));
}

void Emitter::scalars() {
  switch (in_->op) {
    case VecOp::Imm:
      return imm(rd(), in_->immediate);
    case VecOp::Arg: {
      const Reg64 from = scalar_at(plan_.arguments());
      return mov(rd(), ptr[from + static_cast<int>(8 * in_->immediate)]);
    }
    case VecOp::Scratch:
      if (caller_scratch(program_) > 0) {
        const Reg64 from = scalar_at(plan_.scratch());
        return lea(rd(), ptr[from + static_cast<int>(in_->immediate)]);
      }
      return lea(rd(), ptr[frame(scratch_at_ + in_->immediate)]);
    case VecOp::MoveS:
      return copy(rd(), any_scalar(plan_.value(operand(0))));
    case VecOp::AddS:
      return add_scalars();
    case VecOp::SubS:
      return sub_scalars();
    case VecOp::MulS:
    case VecOp::MulI:
      return mul_scalars();
    case VecOp::AddI:
      return add_immediate();
    case VecOp::MinS:
      return min_max(false);
    case VecOp::MaxS:
      return min_max(true);
    case VecOp::DivS:
      return divide(false);
    case VecOp::ModS:
      return divide(true);
    case VecOp::LoadS:
      return load_scalar();
    default:
      CHECK(false, "not a scalar instruction");
  }
}

void Emitter::copy(Reg64 r, const Operand_& from) {
  if (r != from) mov(r, from);
}

void Emitter::add_immediate() {
  if (in_->immediate != static_cast<int32_t>(in_->immediate)) {
    const Reg64 a = s(0), t = temp_scalar();
    mov(t, static_cast<uint64_t>(in_->immediate));
    return lea(rd(), ptr[a + t]);
  }
  add_to(static_cast<int32_t>(in_->immediate));
}

// result = operand 0 + i
void Emitter::add_to(int32_t i) {
  const int32_t from = plan_.value(operand(0)), to = plan_.value(in_->result);
  if (!has_register(to)) return add(slot_of(to), i);  // in place
  const Reg64 r = scalar_at(to);
  const Operand_& a = any_scalar(from);
  if (!a.isMEM() && r != a) return lea(r, ptr[scalar_at(from) + i]);
  copy(r, a);
  if (i != 0) add(r, i);
}

void Emitter::add_scalars() {
  if (const std::optional<int32_t> i = immediate(1)) return add_to(*i);
  int32_t x = plan_.value(operand(0)), y = plan_.value(operand(1));
  const int32_t to = plan_.value(in_->result);
  if (!has_register(to)) return add(slot_of(to), scalar_at(x == to ? y : x));
  if (!has_register(x)) std::swap(x, y);
  const Reg64 r = scalar_at(to), a = scalar_at(x);
  const Operand_& b = any_scalar(y);
  if (r == b) return add(r, a);
  if (!b.isMEM() && r != a) return lea(r, ptr[a + scalar_at(y)]);
  copy(r, a);
  add(r, b);
}

void Emitter::sub_scalars() {
  const int32_t x = plan_.value(operand(0)), to = plan_.value(in_->result);
  if (const std::optional<int32_t> i = immediate(1)) {
    if (!has_register(to)) return sub(slot_of(to), *i);
    const Reg64 r = scalar_at(to);
    copy(r, any_scalar(x));
    return sub(r, *i);
  }
  const int32_t y = plan_.value(operand(1));
  if (!has_register(to)) return sub(slot_of(to), scalar_at(y));
  const Reg64 r = scalar_at(to);
  if (has_register(y) && r == scalar_at(y) && x != y) {
    neg(r);
    return add(r, any_scalar(x));
  }
  copy(r, any_scalar(x));
  sub(r, any_scalar(y));
}

void Emitter::mul_scalars() {
  std::optional<int32_t> i = immediate(1);
  const int32_t x = plan_.value(operand(0));
  if (in_->op == VecOp::MulI) {
    if (in_->immediate != static_cast<int32_t>(in_->immediate)) {
      const Reg64 a = s(0), t = temp_scalar();
      mov(t, static_cast<uint64_t>(in_->immediate));
      imul(t, a);
      return mov(rd(), t);
    }
    i = static_cast<int32_t>(in_->immediate);
  }
  const Reg64 r = rd();
  if (!i) {
    const int32_t y = plan_.value(operand(1));
    if (has_register(y) && r == scalar_at(y)) return imul(r, any_scalar(x));
    copy(r, any_scalar(x));
    return imul(r, any_scalar(y));
  }
  const Operand_& a = any_scalar(x);
  if (*i > 0 && (*i & (*i - 1)) == 0) {
    copy(r, a);
    if (*i > 1) shl(r, __builtin_ctz(static_cast<unsigned>(*i)));
  } else if (!a.isMEM() && (*i == 3 || *i == 5 || *i == 9)) {
    lea(r, ptr[scalar_at(x) + scalar_at(x) * (*i - 1)]);
  } else {
    imul(r, a, *i);
  }
}

void Emitter::min_max(bool max) {
  const Reg64 a = s(0), r = rd();
  const Operand_& b = any_scalar(plan_.value(operand(1)));
  if (r == a) {
    cmp(r, b);
    return max ? cmovl(r, b) : cmovg(r, b);
  }
  copy(r, b);
  cmp(a, r);
  max ? cmovg(r, a) : cmovl(r, a);
}

// Quotient and remainder rounded down, by an instruction that rounds toward zero and wants rax and rdx.
void Emitter::divide(bool mod) {
  const Reg64 a = s(0), r = rd();
  const std::optional<int32_t> i = immediate(1);
  if (i && *i > 0 && (*i & (*i - 1)) == 0) {
    if (r != a) mov(r, a);
    if (mod)
      and_(r, *i - 1);
    else if (*i > 1)
      sar(r, __builtin_ctz(static_cast<unsigned>(*i)));
    return;
  }
  const auto keep_rax = qword[work(0)], keep_rdx = qword[work(8)], divisor = qword[work(16)],
             outcome = qword[work(24)];
  if (i)
    mov(divisor, *i);
  else
    mov(divisor, s(1));
  mov(keep_rax, rax);
  mov(keep_rdx, rdx);
  if (a != rax) mov(rax, a);
  cqo();
  idiv(divisor);
  if (mod) {
    mov(rax, rdx);
    sar(rax, 63);
    and_(rax, divisor);
    add(rdx, rax);
    mov(outcome, rdx);
  } else {
    sar(rdx, 63);
    add(rax, rdx);
    mov(outcome, rax);
  }
  mov(rax, keep_rax);
  mov(rdx, keep_rdx);
  mov(r, outcome);
}

void Emitter::load_scalar() {
  const RegExp e = at(in_->address);
  const Reg64 r = rd();
  const ElementType m = in_->memory;
  switch (m.bits) {
    case 8:
      return m.is_signed() ? movsx(r, byte[e]) : movzx(r.cvt32(), byte[e]);
    case 16:
      return m.is_signed() ? movsx(r, word[e]) : movzx(r.cvt32(), word[e]);
    case 32:
      return m.is_signed() ? movsxd(r, dword[e]) : mov(r.cvt32(), dword[e]);
    default:
      return mov(r, qword[e]);
  }
}

// At most one of the two is in memory.
void Emitter::compare_scalars(Reg a, Reg b, std::optional<int32_t> i) {
  const Operand_& x = any_scalar(plan_.value(a));
  if (i) return cmp(x, static_cast<uint32_t>(*i));
  const int32_t y = plan_.value(b);
  if (x.isMEM() || has_register(y)) return cmp(x, scalar_at(y));
  cmp(scalar(a), slot_of(y));
}

void Emitter::control() {
  const Step& step = plan_.steps[static_cast<size_t>(index_)];
  switch (in_->op) {
    case VecOp::Loop: {
      const std::optional<int32_t> from = immediate(0), to = immediate(1);
      const Reg64 r = rd();
      if (!to) early_ = true;  // the bound is read after the counter is written
      if (from)
        imm(r, *from);
      else if (r != s(0))
        mov(r, s(0));
      if (!allocation_) return;
      for (const Visit& visit : allocation_->code[static_cast<size_t>(index_)].visits) put_back(visit);
      if (!(from && to && *from < *to)) {
        compare_scalars(in_->result, in_->operand[1], to);
        jge(label(index_, 1), T_NEAR);
      }
      if (step.innermost) align(32);
      L(label(index_, 0));
      return;
    }
    case VecOp::If: {
      compare_scalars(in_->operand[0], in_->operand[1], immediate(1));
      if (!allocation_) return;
      Xbyak::Label& away = label(index_, step.else_at >= 0 ? 0 : 1);
      switch (static_cast<Compare>(in_->immediate)) {
        case Compare::Less:
          return jge(away, T_NEAR);
        case Compare::LessEqual:
          return jg(away, T_NEAR);
        case Compare::Equal:
          return jne(away, T_NEAR);
        default:
          fail("encode: program ", program_.name, ", instruction ", index_,
               ": scalars have no order to miss");
      }
    }
    case VecOp::Else: {
      if (!allocation_) return;
      const int32_t begin = plan_.steps[static_cast<size_t>(step.other_end)].other_end;
      jmp(label(begin, 1), T_NEAR);
      L(label(begin, 0));
      return;
    }
    case VecOp::End: {
      const int32_t begin = step.other_end;
      const Instr& opening = program_.code[static_cast<size_t>(begin)];
      if (opening.op == VecOp::Loop) {
        const int32_t counter = plan_.value(opening.result);
        if (opening.immediate == static_cast<int32_t>(opening.immediate)) {
          const int32_t by = static_cast<int32_t>(opening.immediate);
          has_register(counter) ? add(scalar_at(counter), by) : add(slot_of(counter), by);
        } else {
          const Reg64 t = temp_scalar();
          mov(t, opening.immediate);
          add(scalar_at(counter), t);
        }
        if (allocation_)
          for (const Visit& visit : allocation_->code[static_cast<size_t>(index_)].visits) put_back(visit);
        compare_scalars(opening.result, opening.operand[1],
                        immediate_of(program_, plan_, opening.operand[1]));
        if (allocation_) jl(label(begin, 0));
      }
      if (allocation_) L(label(begin, 1));
      return;
    }
    default:
      CHECK(false, "not a control instruction");
  }
}

Emitter::Reg64 Emitter::clamped_lanes(Reg r) {
  const Reg64 t = temp_scalar(), zero = temp_scalar(), from = scalar(r);
  mov(t.cvt32(), program_.lanes);
  xor_(zero.cvt32(), zero.cvt32());
  cmp(from, t);
  cmovl(t, from);
  test(t, t);
  cmovs(t, zero);
  return t;
}

}  // namespace tauto::vec::x64
