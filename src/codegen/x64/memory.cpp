// Loads, stores, gathers. What a mask leaves out is never touched: AVX-512 suppresses those faults for all
// element types, AVX2 (vmaskmov) for 4 and 8 bytes; smaller elements go one by one there.
#include "codegen/x64/emitter.h"
#include "support/error.h"

namespace tauto::vec::x64 {
namespace {

constexpr uint32_t kNan = 0x7fc00000;

bool is_byte(ElementType m) { return m.bits == 8; }
bool is_half(ElementType m) { return m == f16; }
bool is_bfloat(ElementType m) { return m == bf16; }

}  // namespace

// Elements side by side in memory or in the low bytes of a register.
void Emitter::widen(const Xmm& dest, const Operand_& source) {
  const ElementType m = in_->memory;
  if (is_half(m)) return vcvtph2ps(dest, source);
  if (is_bfloat(m)) {
    vpmovzxwd(dest, source);
    const Xmm plain = sized(dest.getIdx(), bytes(Lane::I32));
    return vpslld(plain, plain, 16);
  }
  if (is_byte(m)) return m.is_signed() ? vpmovsxbd(dest, source) : vpmovzxbd(dest, source);
  return m.is_signed() ? vpmovsxwd(dest, source) : vpmovzxwd(dest, source);
}

void Emitter::load() {
  const RegExp e = at(in_->address);
  const Xmm to = d();
  const bool small = in_->memory.bits < 32;
  if (!in_->mask) return small ? widen(to, ptr[e]) : vmovups(to, ptr[e]);
  if (features_.avx512) {
    const Xmm masked = to | kmask(in_->mask) | T_z;
    if (small) return widen(masked, ptr[e]);
    return in_->memory.bits == 64 ? vmovupd(masked, ptr[e]) : vmovups(masked, ptr[e]);
  }
  if (small) return load_small_masked(to, e);
  const Xmm m = vmask(in_->mask, in_->memory.bits / 8);
  in_->memory.bits == 64 ? vmaskmovpd(to, m, ptr[e]) : vmaskmovps(to, m, ptr[e]);
}

void Emitter::load_small_masked(Xmm to, const RegExp& e) {
  const Reg64 bits = temp_scalar();
  const Xmm low(to.getIdx());
  const int size = in_->memory.bits / 8, raw = size * program_.lanes;
  Xbyak::Label some, done;
  vmovmskps(bits.cvt32(), vmask(in_->mask, 4));
  cmp(bits.cvt32(), (1 << program_.lanes) - 1);
  jne(some, T_SHORT);
  if (raw == 16)
    vmovdqu(low, ptr[e]);
  else if (raw == 8)
    vmovq(low, qword[e]);
  else
    vmovd(low, dword[e]);
  jmp(done, T_NEAR);
  L(some);
  zero(low);
  for (int p = 0; p < program_.lanes; p++) {
    Xbyak::Label next;
    bt(bits.cvt32(), static_cast<uint8_t>(p));
    jnc(next, T_SHORT);
    if (size == 1)
      vpinsrb(low, low, byte[e + p], static_cast<uint8_t>(p));
    else
      vpinsrw(low, low, word[e + 2 * p], static_cast<uint8_t>(p));
    L(next);
  }
  L(done);
  widen(to, low);
}

void Emitter::broadcast() {
  const RegExp e = at(in_->address);
  const Xmm to = d(), low(to.getIdx());
  const ElementType m = in_->memory;
  switch (m.bits) {
    case 64:
      return vbroadcastsd(Xbyak::Ymm(to.getIdx(), to.getKind(), to.getBit()), ptr[e]);
    case 32:
      return vbroadcastss(to, ptr[e]);
    case 16:
      if (is_bfloat(m)) {
        vpbroadcastw(to, ptr[e]);
        return vpslld(to, to, 16);
      }
      vpbroadcastw(sized(low.getIdx(), bytes(Lane::I32) / 2 < 16 ? 16 : bytes(Lane::I32) / 2), ptr[e]);
      return widen(to, sized(low.getIdx(), bytes(Lane::I32) / 2 < 16 ? 16 : bytes(Lane::I32) / 2));
    default:
      vpbroadcastb(low, ptr[e]);
      return widen(to, low);
  }
}

// Is it the vector of the even numbers from 0?
bool Emitter::counts_by_two(Reg r) const {
  const auto made_by = [&](Reg v) {
    const int32_t at = plan_.definition[static_cast<size_t>(plan_.value(v))];
    return at < 0 ? nullptr : &program_.code[static_cast<size_t>(at)];
  };
  const Instr* product = made_by(r);
  if (!product || product->op != VecOp::Mul) return false;
  const Instr *a = made_by(product->operand[0]), *b = made_by(product->operand[1]);
  return a && b && a->op == VecOp::Iota && b->op == VecOp::Const && b->immediate == 2;
}

// Every second element of memory, as a convolution of stride 2 wants them: gathers take elements one by one, this takes
// two vectors and picks. All that lies between elements that are read may be read; nothing else is.
bool Emitter::gather_every_second() {
  const int width = bytes(in_->result);
  const bool zmm = width == 64, masked = static_cast<bool>(in_->mask);
  const int64_t last = in_->address.offset + width;
  if (in_->memory.bits != 32 || width < 16 || last != static_cast<int32_t>(last) || (masked && !zmm) ||
      !counts_by_two(in_->operand[0]))
    return false;
  const RegExp e = at(in_->address);
  const Xmm to = early_result();
  if (!zmm) {  // the second vector begins one element early, and ends with the last that is wanted
    vmovups(to, ptr[e]);
    vshufps(to, to, ptr[e + (width - 4)], 0xd8);  // of each half 0 2 of one, 1 3 of the other
    if (width == 32) vpermpd(Xbyak::Ymm(to.getIdx()), sized(to.getIdx(), 32), 0xd8);
    return true;
  }
  int32_t picked[16];
  for (int i = 0; i < 16; ++i) picked[i] = 2 * i + (i < 8 || masked ? 0 : 1);
  const Xmm first = temp_vector(width);
  if (!masked) {
    vmovups(first, ptr[e]);
    vmovups(to, ptr[rip + constant(picked, sizeof picked)]);
    vpermi2ps(to, first, ptr[e + (width - 4)]);
    return true;
  }
  const Xmm second = temp_vector(width);
  const Opmask k = temp_mask();
  const Reg64 bits = temp_scalar();
  const uint32_t even = 0x55555555;
  kmovw(bits.cvt32(), kmask(in_->mask));
  pdep(bits.cvt32(), bits.cvt32(), dword[rip + constant(&even, sizeof even)]);
  kmovd(k, bits.cvt32());
  vmovups(first | k | T_z, ptr[e]);
  kshiftrd(k, k, 16);
  vmovups(second | k | T_z, ptr[e + width]);
  vmovups(to, ptr[rip + constant(picked, sizeof picked)]);
  vpermi2ps(to, first, second);
  return true;
}

void Emitter::gather() {
  const ElementType m = in_->memory;
  if (m.bits < 32) return gather_small();
  if (gather_every_second()) return;
  const Reg indices = in_->operand[0];
  RegExp base = scalar(in_->address.base);
  int64_t offset = in_->address.offset;
  if (in_->address.index || offset != static_cast<int32_t>(offset)) {
    const Reg64 t = temp_scalar();
    lea(t, ptr[at(in_->address)]);
    base = t;
    offset = 0;
  }
  const Xmm to = early_result(), w = vector(indices);
  const auto from = ptr[base + w * (m.bits / 8) + static_cast<int32_t>(offset)];
  const bool wide_index = bytes_of(lane_of(indices)) == 8, wide = m.bits == 64;
  zero(to);
  if (features_.avx512) {
    const Opmask k = temp_mask();
    if (in_->mask)
      kmovw(k, kmask(in_->mask));
    else
      kxnorw(k, k, k);
    const Xmm masked = to | k;
    if (wide) return wide_index ? vgatherqpd(masked, from) : vgatherdpd(masked, from);
    return wide_index ? vgatherqps(masked, from) : vgatherdps(masked, from);
  }
  const Xmm t = temp_vector(bytes(in_->result));
  if (!in_->mask)
    ones(t);
  else if (const int32_t mask = plan_.value(in_->mask); !has_register(mask))
    vmovups(t, slot_of(mask));
  else
    move(t, vmask(in_->mask, m.bits / 8));
  if (wide) return wide_index ? vgatherqpd(to, from, t) : vgatherdpd(to, from, t);
  return wide_index ? vgatherqps(to, from, t) : vgatherdps(to, from, t);
}

// Elements of 1 and 2 bytes: a gather would read 4. Through memory, one by one.
void Emitter::gather_small() {
  const int size = in_->memory.bits / 8;
  const Reg indices = in_->operand[0];
  const bool wide_index = bytes_of(lane_of(indices)) == 8;
  const Reg64 base = temp_scalar(), t = temp_scalar();
  lea(base, ptr[at(in_->address)]);
  vmovups(ptr[work(0)], vector(indices));
  std::optional<Reg64> bits;
  const Xmm to = d(), low(to.getIdx());
  if (in_->mask) {
    bits = temp_scalar();
    if (features_.avx512)
      kmovw(bits->cvt32(), kmask(in_->mask));
    else
      vmovmskps(bits->cvt32(), vmask(in_->mask, 4));
    const Xmm all(low);
    zero(all);
    for (int at = 64; at < 64 + size * program_.lanes; at += 16) vmovups(ptr[work(at)], all);
  }
  for (int p = 0; p < program_.lanes; p++) {
    Xbyak::Label next;
    if (bits) {
      bt(bits->cvt32(), static_cast<uint8_t>(p));
      jnc(next, T_NEAR);
    }
    if (wide_index)
      mov(t, qword[work(8 * p)]);
    else
      movsxd(t, dword[work(4 * p)]);
    if (size == 1) {
      movzx(t.cvt32(), byte[base + t]);
      mov(byte[work(64 + p)], Xbyak::Reg8(t.getIdx(), t.getIdx() >= 4 && t.getIdx() < 8));
    } else {
      movzx(t.cvt32(), word[base + t * 2]);
      mov(word[work(64 + 2 * p)], Xbyak::Reg16(t.getIdx()));
    }
    if (bits) L(next);
  }
  widen(to, ptr[work(64)]);
}

// A byte each of a table of 256.
void Emitter::lookup() {
  const Xmm indices = vector(in_->operand[0]);
  const RegExp e = at(in_->address);
  const Xmm to = early_result();
  const int width = bytes(in_->result);
  const auto both = [&](const Xmm& x, uint64_t bits) {
    features_.avx512 ? vpandd(x, x, lanes_of(bits, 4, width)) : vpand(x, x, lanes_of(bits, 4, width));
  };
  if (features_.vbmi) {  // either half of the table by the lower seven bits, then by the eighth
    const Xbyak::Zmm low(to.getIdx()), all(indices.getIdx());
    const Xbyak::Zmm high(temp_vector(64).getIdx()), table(temp_vector(64).getIdx());
    const Opmask k = temp_mask();
    vmovdqa64(low, all);
    vmovdqu64(table, ptr[e]);
    vpermi2b(low, table, ptr[e + 64]);
    vmovdqa64(high, all);
    vmovdqu64(table, ptr[e + 128]);
    vpermi2b(high, table, ptr[e + 192]);
    vptestmd(k, indices, lanes_of(128, 4, width));
    vmovdqa32(to | k, sized(high.getIdx(), width));
  } else {  // four bytes that the byte is among, shifted down
    const Reg64 base = temp_scalar();
    lea(base, ptr[e]);
    const Xmm t = temp_vector(width);
    vpsrld(t, indices, 2);
    zero(to);
    if (features_.avx512) {
      const Opmask k = temp_mask();
      kxnorw(k, k, k);
      vgatherdps(to | k, ptr[base + t * 4]);
    } else {
      const Xmm mask = temp_vector(width);
      ones(mask);
      vgatherdps(to, ptr[base + t * 4], mask);
    }
    vpslld(t, indices, 3);
    both(t, 24);
    vpsrlvd(to, to, t);
  }
  if (!in_->memory.is_signed()) return both(to, 255);
  vpslld(to, to, 24);
  vpsrad(to, to, 24);
}

void Emitter::quiet(Xmm t, Xmm x) {
  if (features_.avx512) {
    const Opmask k = temp_mask();
    vcmpps(k, x, x, 3);
    move(t, x);
    vbroadcastss(t | k, one_of(kNan, 4));
  } else {
    vcmpps(t, x, x, 3);
    vblendvps(t, x, lanes_of(kNan, 4, x.getBit() / 8), t);
  }
}

void Emitter::round_bfloat(Xmm t, Xmm x) {
  if (features_.avx512) return round_bfloat(t, x, temp_mask());
  const int width = x.getBit() / 8;
  const Xmm nan = temp_vector(width);
  vpsrld(t, x, 16);
  vpand(t, t, lanes_of(1, 4, width));
  vpaddd(t, t, lanes_of(0x7fff, 4, width));
  vpaddd(t, t, x);
  vcmpps(nan, x, x, 3);
  vblendvps(t, t, lanes_of(kNan, 4, width), nan);
}

void Emitter::round_bfloat(Xmm t, Xmm x, Opmask k) {
  const int width = x.getBit() / 8;
  vpsrld(t, x, 16);
  vpandd(t, t, lanes_of(1, 4, width));
  vpaddd(t, t, lanes_of(0x7fff, 4, width));
  vpaddd(t, t, x);
  vcmpps(k, x, x, 3);
  vpbroadcastd(t | k, one_of(kNan, 4));
}

// The instruction makes zeros of denormal numbers and keeps payloads of NaN: where there are such, the other way.
void Emitter::store_bfloat(const Xmm& x, const Address_& to) {
  constexpr uint8_t kNanOrDenormal = 0x80 | 0x20 | 0x01;
  const int width = x.getBit() / 8;
  const Xmm t = temp_vector(width), half = sized(t.getIdx(), width / 2);
  const Opmask k = temp_mask();
  Aside& other = aside([=, this] {
    round_bfloat(t, x, k);
    vpsrld(t, t, 16);
    vpmovdw(half, t);
  });
  vfpclassps(k, x, kNanOrDenormal);
  kortestw(k, k);
  vcvtneps2bf16(half, x, Xbyak::EvexEncoding);
  jnz(other.from, T_NEAR);
  L(other.back);
  vmovdqu16(to, half);
}

void Emitter::pack(Xmm t, int bits, bool upper) {
  uint8_t pick[32];
  const int size = bits / 8, shift = upper ? 4 - size : 0;
  for (int i = 0; i < 32; i++) {
    const int element = i % 16 / size, part = i % size;
    pick[i] = element < 4 ? static_cast<uint8_t>(4 * element + shift + part) : 0x80;
  }
  const int width = t.getBit() / 8;
  vpshufb(t, t, ptr[rip + constant(pick, static_cast<size_t>(width))]);
  if (width == 16) return;
  const Xmm high = temp_vector(16), low(t.getIdx());
  vextracti128(high, Xbyak::Ymm(t.getIdx()), 1);
  size == 1 ? vpunpckldq(low, low, high) : vpunpcklqdq(low, low, high);
}

void Emitter::store() {
  const RegExp e = at(in_->address);
  const Reg value = in_->operand[0];
  if (in_->memory.bits < 32) return store_small(value, e);
  const Xmm x = vector(value);
  if (!in_->mask) return vmovups(ptr[e], x);
  if (features_.avx512) {
    const auto masked = ptr[e] | kmask(in_->mask);
    return in_->memory.bits == 64 ? vmovupd(masked, x) : vmovups(masked, x);
  }
  const Xmm m = vmask(in_->mask, in_->memory.bits / 8);
  in_->memory.bits == 64 ? vmaskmovpd(ptr[e], m, x) : vmaskmovps(ptr[e], m, x);
}

void Emitter::store_small(Reg value, const RegExp& e) {
  const ElementType m = in_->memory;
  const Xmm x = vector(value);
  const int size = m.bits / 8, raw = size * program_.lanes;
  if (features_.avx512) {
    const auto to = in_->mask ? ptr[e] | kmask(in_->mask) : ptr[e];
    if (m.bits == 8) return vpmovdb(to, x);
    if (!m.is_float()) return vpmovdw(to, x);
    if (is_bfloat(m) && features_.bf16 && raw >= 16) return store_bfloat(x, to);
    const Xmm t = temp_vector(bytes(value));
    if (is_half(m)) {
      quiet(t, x);
      return vcvtps2ph(to, t, 0);
    }
    round_bfloat(t, x);
    vpsrld(t, t, 16);
    return vpmovdw(to, t);
  }
  const Xmm t = temp_vector(bytes(value)), low(t.getIdx());
  if (is_half(m)) {
    quiet(t, x);
    vcvtps2ph(low, t, 0);
  } else if (is_bfloat(m)) {
    round_bfloat(t, x);
    pack(t, 16, true);
  } else {
    move(t, x);
    pack(t, m.bits, false);
  }
  Xbyak::Label some, done;
  std::optional<Reg64> bits;
  if (in_->mask) {
    bits = temp_scalar();
    vmovmskps(bits->cvt32(), vmask(in_->mask, 4));
    cmp(bits->cvt32(), (1 << program_.lanes) - 1);
    jne(some, T_SHORT);
  }
  if (raw == 16)
    vmovdqu(ptr[e], low);
  else if (raw == 8)
    vmovq(qword[e], low);
  else
    vmovd(dword[e], low);
  if (!bits) return;
  jmp(done, T_NEAR);
  L(some);
  for (int p = 0; p < program_.lanes; p++) {
    Xbyak::Label next;
    bt(bits->cvt32(), static_cast<uint8_t>(p));
    jnc(next, T_SHORT);
    if (size == 1)
      vpextrb(byte[e + p], low, static_cast<uint8_t>(p));
    else
      vpextrw(word[e + 2 * p], low, static_cast<uint8_t>(p));
    L(next);
  }
  L(done);
}

void Emitter::store_one() {
  const RegExp e = at(in_->address);
  const ElementType m = in_->memory;
  const Xmm x(vector(in_->operand[0]).getIdx());
  switch (m.bits) {
    case 64:
      return m.is_float() ? vmovsd(qword[e], x) : vmovq(qword[e], x);
    case 32:
      return m.is_float() ? vmovss(dword[e], x) : vmovd(dword[e], x);
    case 8:
      return vpextrb(byte[e], x, 0);
    default:
      break;
  }
  if (!m.is_float()) return vpextrw(word[e], x, 0);
  const Xmm t = temp_vector(16);
  if (is_half(m)) {
    quiet(t, x);
    vcvtps2ph(t, t, 0);
    vpextrw(word[e], t, 0);
  } else {
    round_bfloat(t, x);
    vpextrw(word[e], t, 1);
  }
}

}  // namespace tauto::vec::x64
