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
      if (rd() != s(0)) mov(rd(), s(0));
      return;
    case VecOp::AddS:
      return add_scalars();
    case VecOp::SubS:
      return sub_scalars();
    case VecOp::MulS:
    case VecOp::MulI:
      return mul_scalars();
    case VecOp::AddI: {
      const Reg64 a = s(0), r = rd();
      if (in_->immediate != static_cast<int32_t>(in_->immediate)) {
        const Reg64 t = temp_scalar();
        mov(t, static_cast<uint64_t>(in_->immediate));
        return lea(r, ptr[a + t]);
      }
      const int32_t i = static_cast<int32_t>(in_->immediate);
      if (r == a)
        add(r, i);
      else
        lea(r, ptr[a + i]);
      return;
    }
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

void Emitter::add_scalars() {
  const Reg64 a = s(0), r = rd();
  if (const std::optional<int32_t> i = immediate(1)) {
    if (r == a)
      add(r, *i);
    else
      lea(r, ptr[a + *i]);
    return;
  }
  const Reg64 b = s(1);
  if (r == a)
    add(r, b);
  else if (r == b)
    add(r, a);
  else
    lea(r, ptr[a + b]);
}

void Emitter::sub_scalars() {
  const Reg64 a = s(0), r = rd();
  if (const std::optional<int32_t> i = immediate(1)) {
    if (r != a) mov(r, a);
    sub(r, *i);
    return;
  }
  const Reg64 b = s(1);
  if (r == a) {
    sub(r, b);
  } else if (r == b) {
    neg(r);
    add(r, a);
  } else {
    mov(r, a);
    sub(r, b);
  }
}

void Emitter::mul_scalars() {
  const Reg64 a = s(0), r = rd();
  std::optional<int32_t> i = immediate(1);
  if (in_->op == VecOp::MulI) {
    if (in_->immediate == static_cast<int32_t>(in_->immediate)) {
      i = static_cast<int32_t>(in_->immediate);
    } else {
      const Reg64 t = temp_scalar();
      mov(t, static_cast<uint64_t>(in_->immediate));
      imul(t, a);
      return mov(r, t);
    }
  }
  if (!i) {
    const Reg64 b = s(1);
    if (r == b) return imul(r, a);
    if (r != a) mov(r, a);
    return imul(r, b);
  }
  if (*i > 0 && (*i & (*i - 1)) == 0) {
    if (r != a) mov(r, a);
    if (*i > 1) shl(r, __builtin_ctz(static_cast<unsigned>(*i)));
  } else if (*i == 3 || *i == 5 || *i == 9) {
    lea(r, ptr[a + a * (*i - 1)]);
  } else {
    imul(r, a, *i);
  }
}

void Emitter::min_max(bool max) {
  Reg64 a = s(0), b = s(1);
  const Reg64 r = rd();
  if (r == a) std::swap(a, b);
  if (r != b) mov(r, b);
  cmp(a, r);
  if (max)
    cmovg(r, a);
  else
    cmovl(r, a);
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

void Emitter::compare_scalars(Reg a, Reg b, std::optional<int32_t> i) {
  if (i)
    cmp(scalar(a), *i);
  else if (!has_register(plan_.value(b)) && allocation_->slot[static_cast<size_t>(plan_.value(b))] >= 0)
    cmp(scalar(a), slot_of(plan_.value(b)));
  else
    cmp(scalar(a), scalar(b));
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
        const Reg64 r = scalar(opening.result);
        add(r, static_cast<int32_t>(opening.immediate));
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
