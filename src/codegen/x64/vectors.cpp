// Vectors: mostly one machine instruction each; what AVX2 lacks (64-bit products, shifts, conversions) is
// composed of exact steps.
#include <bit>

#include "codegen/x64/emitter.h"
#include "support/error.h"

namespace tauto::vec::x64 {

void Emitter::move(const Xmm& to, const Xmm& from) {
  if (to.getIdx() != from.getIdx()) vmovaps(to, from);
}
void Emitter::zero(const Xmm& x) {
  const Xmm low(x.getIdx());  // the rest of the register becomes zero, too
  x.getIdx() < 16 ? vpxor(low, low, low) : vpxord(low, low, low);
}
void Emitter::ones(const Xmm& x) { features_.avx512 ? vpternlogd(x, x, x, 0xff) : vpcmpeqd(x, x, x); }

void Emitter::vectors() {
  const Lane l = in_->result ? lane_of(in_->result) : in_->lane;
  const bool wide = bytes_of(l) == 8;
  const auto by_lane = [&](auto f32_, auto f64_, auto i32_, auto i64_, bool commutes) {
    switch (l) {
      case Lane::F32:
        return binary(f32_, commutes);
      case Lane::F64:
        return binary(f64_, commutes);
      case Lane::I32:
        return binary(i32_, commutes);
      case Lane::I64:
        return binary(i64_, commutes);
    }
  };
  const auto by_size = [&](auto f4, auto f8, auto avx2, bool commutes) {
    if (!features_.avx512) return binary(avx2, commutes);
    return wide ? binary(f8, commutes) : binary(f4, commutes);
  };
  switch (in_->op) {
    case VecOp::Const:
      return constant_vector();
    case VecOp::Splat:
      return splat();
    case VecOp::Iota:
      return iota();
    case VecOp::MoveV:
    case VecOp::Reinterpret:
      return move(d(), v(0));
    case VecOp::Add:
      return by_lane(TAUTO_3(vaddps), TAUTO_3(vaddpd), TAUTO_3(vpaddd), TAUTO_3(vpaddq), true);
    case VecOp::Sub:
      return by_lane(TAUTO_3(vsubps), TAUTO_3(vsubpd), TAUTO_3(vpsubd), TAUTO_3(vpsubq), false);
    case VecOp::Mul:
      if (l == Lane::I64 && !features_.avx512) return mul64();
      return by_lane(TAUTO_3(vmulps), TAUTO_3(vmulpd), TAUTO_3(vpmulld), TAUTO_3(vpmullq), true);
    case VecOp::Div:
      if (!is_float(l))
        fail("encode: program ", program_.name, ", instruction ", index_, ": no division of integers");
      return wide ? binary(TAUTO_3(vdivpd), false) : binary(TAUTO_3(vdivps), false);
    case VecOp::Sqrt: {
      const Operand_& a = any(0);
      return wide ? vsqrtpd(d(), a) : vsqrtps(d(), a);
    }
    case VecOp::Fma:
      return fma();
    case VecOp::FmaFlush: {
      const FlushTemps t = flush_temps();
      return fma_flush(d(), v(0), v(1), v(2), t);
    }
    case VecOp::DotPairs:
      return dot_pairs();
    case VecOp::DotBytes:
      return features_.vnni ? dot() : dot_bytes();
    case VecOp::DotWords:
      return features_.vnni ? dot() : dot_words();
    case VecOp::CountBits:
      return count_bits();
    case VecOp::Greater:
      return greater_lesser(true);
    case VecOp::Lesser:
      return greater_lesser(false);
    case VecOp::And:
      return by_size(TAUTO_3(vpandd), TAUTO_3(vpandq), TAUTO_3(vpand), true);
    case VecOp::Or:
      return by_size(TAUTO_3(vpord), TAUTO_3(vporq), TAUTO_3(vpor), true);
    case VecOp::Xor:
      return by_size(TAUTO_3(vpxord), TAUTO_3(vpxorq), TAUTO_3(vpxor), true);
    case VecOp::AndNot:
      return by_size(TAUTO_3(vpandnd), TAUTO_3(vpandnq), TAUTO_3(vpandn), false);
    case VecOp::Shl:
    case VecOp::Shr:
    case VecOp::Sar:
      return shift(false);
    case VecOp::ShlV:
    case VecOp::ShrV:
    case VecOp::SarV:
      return shift(true);
    case VecOp::Round:
      return round();
    case VecOp::Select:
      return select();
    case VecOp::Convert:
      return convert();
    case VecOp::Narrow16:
      return narrow();
    case VecOp::Down:
      return down();
    default:
      CHECK(false, "not a vector instruction");
  }
}

void Emitter::constant_vector() {
  const Xmm to = d();
  const bool wide = bytes_of(lane_of(in_->result)) == 8;
  const uint64_t all = wide ? ~uint64_t{0} : 0xffffffffu;
  const uint64_t bits = static_cast<uint64_t>(in_->immediate) & all;
  if (bits == 0) return zero(to);
  if (bits == all) return ones(to);
  if (wide)
    vbroadcastsd(Xbyak::Ymm(to.getIdx(), to.getKind(), static_cast<int>(to.getBit())), one_of(bits, 8));
  else
    vbroadcastss(to, one_of(bits, 4));
}

void Emitter::splat() {
  const Xmm to = d(), low(to.getIdx());
  const Reg64 from = s(0);
  const bool wide = bytes_of(lane_of(in_->result)) == 8;
  if (features_.avx512) return wide ? vpbroadcastq(to, from) : vpbroadcastd(to, from.cvt32());
  if (wide) {
    vmovq(low, from);
    vpbroadcastq(to, low);
  } else {
    vmovd(low, from.cvt32());
    vpbroadcastd(to, low);
  }
}

void Emitter::iota() {
  uint8_t lanes[64];
  const int size = bytes_of(lane_of(in_->result));
  for (int64_t i = 0; i < program_.lanes; i++) std::memcpy(lanes + i * size, &i, static_cast<size_t>(size));
  vmovups(d(), ptr[rip + constant(lanes, static_cast<size_t>(bytes(in_->result)))]);
}

// (h·2^32 + l)(h'·2^32 + l') = l·l' + ((h·l' + l·h') mod 2^32)·2^32
void Emitter::mul64() {
  const Xmm to = early_result(), a = v(0), b = v(1), t = temp_vector(bytes(in_->result));
  vpshufd(t, b, 0xb1);
  vpmulld(t, a, t);
  vpsrlq(to, t, 32);
  vpaddd(t, t, to);
  vpsllq(t, t, 32);
  vpmuludq(to, a, b);
  vpaddq(to, to, t);
}

// d = ±a·b ± c. The three forms differ in which factor or addend the result replaces.
void Emitter::fma() {
  const Step& step = plan_.steps[static_cast<size_t>(index_)];
  const bool wide = bytes_of(lane_of(in_->result)) == 8;
  const bool minus_product = step.negated == 0 || step.negated == 1, minus_addend = step.negated == 2;
  int a = 0, b = 1;
  if (in_memory(a)) std::swap(a, b);
  const Xmm to = d();
  enum Form { F132, F213, F231 };
  const auto put = [&](Form form, const Xmm& x, const Xmm& y, const Operand_& z) {
#define TAUTO_FMA(kind)                                                  \
  switch (form) {                                                        \
    case F132:                                                           \
      return wide ? vf##kind##132pd(x, y, z) : vf##kind##132ps(x, y, z); \
    case F213:                                                           \
      return wide ? vf##kind##213pd(x, y, z) : vf##kind##213ps(x, y, z); \
    case F231:                                                           \
      return wide ? vf##kind##231pd(x, y, z) : vf##kind##231ps(x, y, z); \
  }
    if (minus_product) {
      TAUTO_FMA(nmadd)
    } else if (minus_addend) {
      TAUTO_FMA(msub)
    } else {
      TAUTO_FMA(madd)
    }
#undef TAUTO_FMA
  };
  const Xmm x = v(a);
  if (in_memory(2)) {
    const Xmm y = v(b);
    if (to == y) return put(F213, to, x, any(2));
    move(to, x);
    return put(F213, to, y, any(2));
  }
  const Xmm c = v(2);
  if (to == c) return put(F231, to, x, any(b));
  if (to == x) return put(F132, to, c, any(b));
  if (!in_memory(b) && to == v(b)) return put(F132, to, c, x);
  move(to, c);
  put(F231, to, x, any(b));
}

// One instruction, which adds to its result.
void Emitter::dot() {
  const Xmm to = in_->result == in_->operand[2] ? d() : early_result();
  move(to, v(2));
  const auto form = features_.avx512 ? Xbyak::EvexEncoding : Xbyak::VexEncoding;
  const Xmm x = v(0);
  in_->op == VecOp::DotBytes ? vpdpbusd(to, x, any(1), form) : vpdpwssd(to, x, any(1), form);
}

void Emitter::dot_pairs() {
  const int width = bytes(in_->result);
  if (features_.bf16) {
    const Xmm to = in_->result == in_->operand[2] ? d() : early_result();
    move(to, v(2));
    const int a = in_memory(0) ? 1 : 0;
    const Xmm x = v(a);
    return vdpbf16ps(to, x, any(1 - a));
  }
  const Xmm x = temp_vector(width), y = temp_vector(width), sum = temp_vector(width);
  const FlushTemps t = flush_temps();
  bits_and(x, v(0), lanes_of(0xffff0000u, 4, width));
  bits_and(y, v(1), lanes_of(0xffff0000u, 4, width));
  fma_flush(sum, x, y, v(2), t);
  vpslld(x, v(0), 16);
  vpslld(y, v(1), 16);
  fma_flush(d(), x, y, sum, t);
}

Emitter::FlushTemps Emitter::flush_temps() {
  const int width = bytes(in_->result);
  const Xmm a = temp_vector(width), b = temp_vector(width), c = temp_vector(width), s = temp_vector(width);
  return {a, b, c, s};
}

// Zeros of their sign for denormal numbers: where the exponent is 0 all bits but the sign are cleared.
void Emitter::flush(const Xmm& to, const Xmm& x) {
  const int width = bytes(in_->result);
  bits_and(to, x, lanes_of(0x7f800000u, 4, width));
  vpaddd(to, to, lanes_of(~uint64_t{0}, 4, width));
  vpsrad(to, to, 31);
  bits_and(to, to, lanes_of(0x7fffffffu, 4, width));
  features_.avx512 ? vpandnd(to, to, x) : vpandn(to, to, x);
}
void Emitter::bits_and(const Xmm& to, const Xmm& x, const Operand_& y) {
  features_.avx512 ? vpandd(to, x, y) : vpand(to, x, y);
}

// See loops/arithmetic.h: the same, and 2^48 times as large, which says whether it is denormal.
void Emitter::fma_flush(const Xmm& to, const Xmm& x, const Xmm& y, const Xmm& z, const FlushTemps& t) {
  const int width = bytes(in_->result);
  const auto number = [&](float f) { return lanes_of(std::bit_cast<uint32_t>(f), 4, width); };
  flush(t.a, x);
  flush(t.b, y);
  flush(t.c, z);
  vmulps(t.s, t.c, number(0x1p48f));
  vfmadd231ps(t.c, t.a, t.b);
  vmulps(t.a, t.a, number(0x1p24f));
  vmulps(t.b, t.b, number(0x1p24f));
  vfmadd231ps(t.s, t.a, t.b);
  bits_and(t.s, t.s, lanes_of(0x7fffffffu, 4, width));  // NaN is large as an integer, too
  vpsubd(t.s, t.s, number(0x1p-78f));
  vpsrad(t.s, t.s, 31);
  bits_and(t.s, t.s, lanes_of(0x7fffffffu, 4, width));
  features_.avx512 ? vpandnd(to, t.s, t.c) : vpandn(to, t.s, t.c);
}

// The sum of two products of 16 bits leaves 32 where both are (-2^15)²: it wraps there, as additions do.
void Emitter::dot_words() {
  const Xmm t = temp_vector(bytes(in_->result)), x = v(0);
  vpmaddwd(t, x, any(1));
  vpaddd(d(), t, v(2));
}

// Bytes as words: those in even places, then those in odd ones. Two products of a byte and a signed byte fit.
void Emitter::dot_bytes() {
  const int width = bytes(in_->result);
  const Xmm t = temp_vector(width), u = temp_vector(width), w = temp_vector(width), x = v(0), y = v(1);
  const Xmm c = v(2);
  vpsllw(t, x, 8);
  vpsrlw(t, t, 8);
  vpsllw(u, y, 8);
  vpsraw(u, u, 8);
  vpmaddwd(w, t, u);
  vpsrlw(t, x, 8);
  vpsraw(u, y, 8);
  vpmaddwd(t, t, u);
  vpaddd(t, t, w);
  vpaddd(d(), t, c);
}

// Without an instruction for it: of each nibble by a table, whose sums of bytes are added up (Mula, Kurz,
// Lemire: "Faster population counts using AVX2 instructions", The Computer Journal 61, 2018).
void Emitter::count_bits() {
  const int width = bytes(in_->result);
  if (features_.popcnt) return vpopcntd(d(), any(0));
  static constexpr uint8_t kOfNibble[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
  uint8_t table[64], low[64], ones8[64], ones16[64];
  for (int i = 0; i < 64; ++i)
    table[i] = kOfNibble[i % 16], low[i] = 15, ones8[i] = 1, ones16[i] = i % 2 == 0;
  const auto all = [&](const uint8_t* bytes) -> Address_ {
    return ptr[rip + constant(bytes, static_cast<size_t>(width))];
  };
  const Xmm to = d(), x = v(0), t = temp_vector(width), nibbles = temp_vector(width),
            counts = temp_vector(width);
  vmovups(nibbles, all(low));
  vmovups(counts, all(table));
  features_.avx512 ? vpandd(t, x, nibbles) : vpand(t, x, nibbles);
  vpsrld(to, x, 4);
  features_.avx512 ? vpandd(to, to, nibbles) : vpand(to, to, nibbles);
  vpshufb(t, counts, t);
  vpshufb(to, counts, to);
  vpaddb(to, to, t);
  vpmaddubsw(to, to, all(ones8));
  vpmaddwd(to, to, all(ones16));
}

void Emitter::greater_lesser(bool greater) {
  const Lane l = lane_of(in_->result);
  if (l == Lane::I64 && !features_.avx512) {
    const Xmm to = early_result(), a = v(0), b = v(1);
    greater ? vpcmpgtq(to, a, b) : vpcmpgtq(to, b, a);
    return vblendvpd(to, b, a, to);
  }
  // vmaxps is a > b ? a : b, NaN and zeros included.
  switch (l) {
    case Lane::F32:
      return greater ? binary(TAUTO_3(vmaxps), false) : binary(TAUTO_3(vminps), false);
    case Lane::F64:
      return greater ? binary(TAUTO_3(vmaxpd), false) : binary(TAUTO_3(vminpd), false);
    case Lane::I32:
      return greater ? binary(TAUTO_3(vpmaxsd), false) : binary(TAUTO_3(vpminsd), false);
    case Lane::I64:
      return greater ? binary(TAUTO_3(vpmaxsq), false) : binary(TAUTO_3(vpminsq), false);
  }
}

void Emitter::shift(bool variable) {
  const bool wide = bytes_of(lane_of(in_->result)) == 8;
  const bool sar = in_->op == VecOp::Sar || in_->op == VecOp::SarV;
  if (sar && wide && !features_.avx512) {  // of x ^ sign, whose upper bit is 0
    const Xmm to = early_result(), x = v(0), sign = temp_vector(bytes(in_->result));
    zero(sign);
    vpcmpgtq(sign, sign, x);
    vpxor(to, x, sign);
    variable ? vpsrlvq(to, to, v(1)) : vpsrlq(to, to, static_cast<uint8_t>(in_->immediate));
    return vpxor(to, to, sign);
  }
  if (variable) {
    if (in_->op == VecOp::ShlV)
      return wide ? binary(TAUTO_3(vpsllvq), false) : binary(TAUTO_3(vpsllvd), false);
    if (in_->op == VecOp::ShrV)
      return wide ? binary(TAUTO_3(vpsrlvq), false) : binary(TAUTO_3(vpsrlvd), false);
    return wide ? binary(TAUTO_3(vpsravq), false) : binary(TAUTO_3(vpsravd), false);
  }
  const Xmm to = d(), x = v(0);
  const uint8_t n = static_cast<uint8_t>(in_->immediate);
  if (in_->op == VecOp::Shl) return wide ? vpsllq(to, x, n) : vpslld(to, x, n);
  if (in_->op == VecOp::Shr) return wide ? vpsrlq(to, x, n) : vpsrld(to, x, n);
  return wide ? vpsraq(to, x, n) : vpsrad(to, x, n);
}

void Emitter::round() {
  const bool wide = bytes_of(lane_of(in_->result)) == 8;
  const uint8_t mode = static_cast<uint8_t>(in_->immediate);  // the manual's numbers, in the same order
  const Operand_& a = any(0);
  if (features_.avx512) return wide ? vrndscalepd(d(), a, mode) : vrndscaleps(d(), a, mode);
  return wide ? vroundpd(d(), a, mode) : vroundps(d(), a, mode);
}

void Emitter::select() {
  const Lane l = lane_of(in_->result);
  const bool wide = bytes_of(l) == 8;
  if (features_.avx512) {
    const Opmask k = kmask(in_->operand[0]);
    const Xmm otherwise = v(2);
    const Operand_& a = any(1);
    return wide ? vblendmpd(d() | k, otherwise, a) : vblendmps(d() | k, otherwise, a);
  }
  const Xmm m = vmask(in_->operand[0], bytes_of(l));
  const Xmm otherwise = v(2);
  const Operand_& a = any(1);
  wide ? vblendvpd(d(), otherwise, a, m) : vblendvps(d(), otherwise, a, m);
}

void Emitter::convert() {
  const Reg source = in_->operand[0];
  const Lane from = lane_of(source), to = lane_of(in_->result);
  const bool f = features_.avx512;
  const Xmm x = v(0), r = d();
  if (from == to) return move(r, x);
  const bool long_integer = from == Lane::I64 || to == Lane::I64;
  if (long_integer && !f && (is_float(from) || is_float(to))) return convert_through_memory(from, to);
  switch (from) {
    case Lane::F32:
      return to == Lane::F64 ? vcvtps2pd(r, x) : to == Lane::I32 ? vcvttps2dq(r, x) : vcvttps2qq(r, x);
    case Lane::I32:
      return to == Lane::F32 ? vcvtdq2ps(r, x) : to == Lane::F64 ? vcvtdq2pd(r, x) : vpmovsxdq(r, x);
    case Lane::F64:
      return to == Lane::F32 ? vcvtpd2ps(r, x) : to == Lane::I32 ? vcvttpd2dq(r, x) : vcvttpd2qq(r, x);
    case Lane::I64:
      break;
  }
  if (to == Lane::F32) return vcvtqq2ps(r, x);
  if (to == Lane::F64) return vcvtqq2pd(r, x);
  if (f) return vpmovqd(r, x);
  const Xmm t = temp_vector(16);
  vextracti128(t, Xbyak::Ymm(x.getIdx()), 1);
  vshufps(Xmm(r.getIdx()), Xmm(x.getIdx()), t, 0x88);
}

// I64 <-> floats on AVX2, lane by lane.
void Emitter::convert_through_memory(Lane from, Lane to) {
  vmovups(ptr[work(0)], v(0));
  if (to == Lane::I64) {
    const Reg64 t = temp_scalar();
    for (int p = 0; p < program_.lanes; p++) {
      from == Lane::F64 ? vcvttsd2si(t, qword[work(8 * p)]) : vcvttss2si(t, dword[work(4 * p)]);
      mov(qword[work(64 + 8 * p)], t);
    }
  } else {
    const Xmm t = temp_vector(16);
    zero(t);
    for (int p = 0; p < program_.lanes; p++) {
      if (to == Lane::F64) {
        vcvtsi2sd(t, t, qword[work(8 * p)]);
        vmovsd(qword[work(64 + 8 * p)], t);
      } else {
        vcvtsi2ss(t, t, qword[work(8 * p)]);
        vmovss(dword[work(64 + 4 * p)], t);
      }
    }
  }
  vmovups(d(), ptr[work(64)]);
}

void Emitter::narrow() {
  const Xmm to = d(), x = v(0);
  const int width = bytes(in_->result);
  if (in_->immediate == 0) {
    const Xmm t = temp_vector(width);
    const Xmm half = sized(t.getIdx(), width / 2 < 16 ? 16 : width / 2);
    quiet(t, x);
    vcvtps2ph(half, t, 0);
    return vcvtph2ps(to, half);
  }
  const Xmm t = temp_vector(width);
  round_bfloat(t, x);
  const Address_ upper = lanes_of(0xffff0000u, 4, width);
  features_.avx512 ? vpandd(to, t, upper) : vpand(to, t, upper);
}

void Emitter::down() {
  const Xmm to = d(), x = v(0);
  const int size = bytes_of(lane_of(in_->result)), width = bytes(in_->result);
  const int64_t by = in_->immediate;
  if (by >= program_.lanes) return zero(to);
  if (width == 16) return vpsrldq(to, x, static_cast<uint8_t>(by * size));
  if (features_.avx512) {
    const Xmm t = temp_vector(width);
    zero(t);
    return size == 8 ? valignq(to, t, x, static_cast<uint8_t>(by))
                     : valignd(to, t, x, static_cast<uint8_t>(by));
  }
  const Xbyak::Ymm t(temp_vector(32).getIdx()), r(to.getIdx()), a(x.getIdx());
  vperm2i128(t, a, a, 0x81);  // the upper half, then zeros
  if (by * size == 16) return move(to, t);
  vpalignr(r, t, a, static_cast<uint8_t>(by * size));
}

}  // namespace tauto::vec::x64
