// Masks: on AVX-512 k registers whose bits from W on are zero, on AVX2 vectors of all-zero and all-one lanes.
#include "codegen/x64/emitter.h"
#include "support/error.h"

namespace tauto::vec::x64 {

void Emitter::masks() {
  switch (in_->op) {
    case VecOp::First:
      return first();
    case VecOp::FillM:
      return fill();
    case VecOp::AndM:
    case VecOp::OrM:
    case VecOp::XorM:
      return logic();
    case VecOp::NotM:
      return not_mask();
    case VecOp::Compare:
      return compare();
    case VecOp::Any:
      return any_set();
    default:
      CHECK(false, "not a mask instruction");
  }
}

void Emitter::first() {
  const Reg64 n = clamped_lanes(in_->operand[0]);
  if (features_.avx512) {
    const Reg64 all = temp_scalar();
    mov(all.cvt32(), -1);
    bzhi(all.cvt32(), all.cvt32(), n.cvt32());
    return kmovw(kmask(in_->result), all.cvt32());
  }
  const int kept = plan_.mask_bytes[static_cast<size_t>(in_->result.id)];
  const Xmm m = sized(place(plan_.value(in_->result)), program_.lanes * kept);
  int32_t lanes4[8];
  int64_t lanes8[8];
  for (int i = 0; i < 8; i++) lanes4[i] = i, lanes8[i] = i;
  if (kept == 4) {
    vmovd(Xmm(m.getIdx()), n.cvt32());
    vpbroadcastd(m, Xmm(m.getIdx()));
    vpcmpgtd(m, m, ptr[rip + constant(lanes4, static_cast<size_t>(program_.lanes) * 4)]);
  } else {
    vmovq(Xmm(m.getIdx()), n);
    vpbroadcastq(m, Xmm(m.getIdx()));
    vpcmpgtq(m, m, ptr[rip + constant(lanes8, static_cast<size_t>(program_.lanes) * 8)]);
  }
}

void Emitter::fill() {
  if (!features_.avx512) {
    const Xmm m = sized(place(plan_.value(in_->result)), 32);
    return in_->immediate ? ones(m) : zero(m);
  }
  const Opmask k = kmask(in_->result);
  if (!in_->immediate) return kxorw(k, k, k);
  if (program_.lanes == 8) return kxnorb(k, k, k);
  kxnorw(k, k, k);
  if (program_.lanes == 4) kshiftrw(k, k, 12);
}

void Emitter::logic() {
  if (features_.avx512) {
    const Opmask a = kmask(in_->operand[0]), b = kmask(in_->operand[1]), k = kmask(in_->result);
    if (in_->op == VecOp::AndM) return kandw(k, a, b);
    return in_->op == VecOp::OrM ? korw(k, a, b) : kxorw(k, a, b);
  }
  const int kept = plan_.mask_bytes[static_cast<size_t>(in_->result.id)];
  const Xmm a = vmask(in_->operand[0], kept), b = vmask(in_->operand[1], kept);
  const Xmm m = sized(place(plan_.value(in_->result)), program_.lanes * kept);
  if (in_->op == VecOp::AndM) return vpand(m, a, b);
  return in_->op == VecOp::OrM ? vpor(m, a, b) : vpxor(m, a, b);
}

void Emitter::not_mask() {
  if (features_.avx512) {
    const Opmask a = kmask(in_->operand[0]), k = kmask(in_->result);
    if (program_.lanes == 8) return knotb(k, a);
    knotw(k, a);
    if (program_.lanes == 4) {
      kshiftlw(k, k, 12);
      kshiftrw(k, k, 12);
    }
    return;
  }
  const int kept = plan_.mask_bytes[static_cast<size_t>(in_->result.id)];
  const Xmm a = vmask(in_->operand[0], kept);
  const Xmm m = sized(place(plan_.value(in_->result)), program_.lanes * kept);
  vpxor(m, a, lanes_of(~uint64_t{0}, kept, program_.lanes * kept));
}

void Emitter::compare() {
  const Compare c = static_cast<Compare>(in_->immediate);
  const Lane l = lane_of(in_->operand[0]);
  const bool wide = bytes_of(l) == 8;
  constexpr uint8_t kOrder[] = {17, 18, 0, 3};   // less, less or equal, equal, unordered; none signals
  constexpr uint8_t kIntegers[] = {1, 2, 0, 3};  // of vpcmpd; 3: never
  if (features_.avx512) {
    const Xmm a = v(0);
    const Operand_& b = any(1);
    const Opmask k = kmask(in_->result);
    const uint8_t i = (is_float(l) ? kOrder : kIntegers)[in_->immediate];
    switch (l) {
      case Lane::F32:
        return vcmpps(k, a, b, i);
      case Lane::F64:
        return vcmppd(k, a, b, i);
      case Lane::I32:
        return vpcmpd(k, a, b, i);
      case Lane::I64:
        return vpcmpq(k, a, b, i);
    }
  }
  const int kept = plan_.mask_bytes[static_cast<size_t>(in_->result.id)];
  const int index = place(plan_.value(in_->result));
  const Xmm m = sized(index, program_.lanes * bytes_of(l));
  if (is_float(l)) {
    const Xmm a = v(0);
    const Operand_& b = any(1);
    wide ? vcmppd(m, a, b, kOrder[in_->immediate]) : vcmpps(m, a, b, kOrder[in_->immediate]);
  } else if (c == Compare::Unordered) {
    zero(m);
  } else {
    const bool swapped = c == Compare::Less;  // there is only "greater"
    const Xmm a = v(swapped ? 1 : 0);
    const Operand_& b = any(swapped ? 0 : 1);
    if (c == Compare::Equal)
      wide ? vpcmpeqq(m, a, b) : vpcmpeqd(m, a, b);
    else
      wide ? vpcmpgtq(m, a, b) : vpcmpgtd(m, a, b);
    if (c == Compare::LessEqual)
      vpxor(m, m, lanes_of(~uint64_t{0}, bytes_of(l), program_.lanes * bytes_of(l)));
  }
  if (kept == bytes_of(l) || program_.lanes * 8 > 32) return;
  if (kept == 8) {
    vpmovsxdq(sized(index, 32), sized(index, 16));
  } else {
    const Xmm t = temp_vector(16);
    vextracti128(t, Xbyak::Ymm(index), 1);
    vshufps(sized(index, 16), sized(index, 16), t, 0x88);
  }
}

void Emitter::any_set() {
  const Reg64 r = rd();
  const Reg in = in_->operand[0];
  if (features_.avx512) {
    kortestw(kmask(in), kmask(in));
  } else {
    const Xmm m =
        sized(place(plan_.value(in)), program_.lanes * plan_.mask_bytes[static_cast<size_t>(in.id)]);
    vptest(m, m);
  }
  mov(r.cvt32(), 0);
  setne(Xbyak::Reg8(r.getIdx(), r.getIdx() >= 4 && r.getIdx() < 8));
}

}  // namespace tauto::vec::x64
