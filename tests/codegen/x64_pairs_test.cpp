// dotp on hostile numbers: the instruction vdpbf16ps, and the steps that stand for it on other CPUs, give the bits of
// loops::dot_of_pairs, which is the definition (docs/semantics.md, "bf16.dp").
//
// Random bits hardly ever meet what makes the definition more than an fma: sums beside 2^-126, products that
// cancel the accumulator, ties of both roundings, sums that overflow after the first term and come back. So each
// of these has numbers drawn for it.
#include <gtest/gtest.h>
#include <immintrin.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "codegen/machine.h"
#include "codegen/x64/encode.h"
#include "loops/arithmetic.h"
#include "support/cpu.h"
#include "support/half.h"

namespace tauto::vec {
namespace {

constexpr int kRows = 1 << 14;
constexpr uint32_t kSeed = 7;

struct Operands {
  std::vector<float> a, b, c;  // a, b: two bf16 each
};

class Hostile {
 public:
  Operands draw(int count) {
    Operands o;
    for (int i = 0; i < count; ++i) {
      const float c = accumulator(), high_a = number(), low_a = number();
      const float high_b = partner(high_a, c), sum = loops::fma_flush(high_a, high_b, c);
      const float low_b = partner(low_a, std::isfinite(sum) ? sum : c);
      o.a.push_back(pair(low_a, high_a)), o.b.push_back(pair(low_b, high_b)), o.c.push_back(c);
    }
    return o;
  }

 private:
  static float pair(float low, float high) {
    return std::bit_cast<float>(static_cast<uint32_t>(BFloat(high).bits) << 16 | BFloat(low).bits);
  }
  bool one_in(uint32_t n) { return random_() % n == 0; }
  int between(int lo, int hi) {
    return lo + static_cast<int>(random_() % static_cast<uint32_t>(hi - lo + 1));
  }
  // 1 … 2 in steps of 2^-bits, mostly beside an end.
  float significand(int bits) {
    const uint32_t steps = 1u << bits;
    const uint32_t near = random_() % 3;
    return 1 + static_cast<float>(one_in(2)   ? random_() % steps
                                  : one_in(2) ? near
                                              : steps - 1 - near) /
                   static_cast<float>(steps);
  }
  float special() {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    constexpr float kSpecial[] = {0, 1, 0x1p-126f, 0x1p-127f, 0x1p-133f, 0x1.fep127f, kInf, NAN};
    return kSpecial[random_() % std::size(kSpecial)];
  }
  float signed_of(float x) { return one_in(2) ? -x : x; }

  float accumulator() {
    if (one_in(12)) return signed_of(special());
    if (one_in(12)) return std::bit_cast<float>(static_cast<uint32_t>(random_() & 0x807fffff));  // denormal
    const int exponent = one_in(2) ? between(-126, -100) : one_in(2) ? between(120, 127) : between(-30, 30);
    return signed_of(std::ldexp(significand(23), exponent));
  }
  float number() {  // a bf16
    if (one_in(12)) return signed_of(special());
    return signed_of(std::ldexp(significand(7), between(-100, 100)));
  }
  // So that the product is of the accumulator's size, cancels it, is half a unit of it, or lies beside 2^-126.
  float partner(float x, float c) {
    if (one_in(12) || !std::isfinite(x) || x == 0) return number();
    if (one_in(4)) return static_cast<float>(BFloat(-c / x));
    const int of_c = c != 0 && std::isfinite(c) ? std::ilogb(c) : 0;
    const int target = one_in(3)   ? between(-152, -124)
                       : one_in(3) ? of_c + between(-26, -22)
                                   : of_c + between(-8, 2);
    return signed_of(
        static_cast<float>(BFloat(static_cast<float>(std::ldexp(significand(7), target - std::ilogb(x))))));
  }

  std::mt19937 random_{kSeed};
};

Program rows_of_dotp(int lanes) {
  Assembler a;
  a.program.name = "dotp";
  a.program.lanes = lanes;
  const Reg i = a.begin_loop(a.scalar_op(VecOp::Imm, {}, 0), a.scalar_op(VecOp::Imm, {}, kRows), 1);
  const auto row = [&](int argument) {
    const Reg base = a.scalar_op(VecOp::Arg, {}, argument);
    return Address{a.scalar_op(VecOp::AddS, {base, a.scalar_op(VecOp::MulI, {i}, 4 * lanes)}), {}, 0, 0};
  };
  Reg in[3];
  for (int k = 0; k < 3; ++k) in[k] = a.load(VecOp::Load, f32, row(k));
  a.store(VecOp::Store, f32, a.emit(VecOp::DotPairs, Lane::F32, {in[0], in[1], in[2]}, 0), row(3));
  a.end();
  return a.program;
}

void expect_the_definition(const X64Features& features, unsigned mxcsr) {
  const int lanes = features.avx512 ? 16 : 8;
  const Operands o = Hostile().draw(kRows * lanes);
  std::vector<float> got(o.a.size());
  const uint64_t arguments[] = {
      reinterpret_cast<uint64_t>(o.a.data()), reinterpret_cast<uint64_t>(o.b.data()),
      reinterpret_cast<uint64_t>(o.c.data()), reinterpret_cast<uint64_t>(got.data())};
  const testing::Machine machine(encode(rows_of_dotp(lanes), features));
  const unsigned before = _mm_getcsr();
  _mm_setcsr(mxcsr);
  machine.call(arguments);
  _mm_setcsr(before);
  int flushed = 0, beside = 0, infinite = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const float want = loops::dot_of_pairs(o.a[i], o.b[i], o.c[i]);
    if (std::isnan(want) && std::isnan(got[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(want))
        << std::hex << std::bit_cast<uint32_t>(o.a[i]) << " · " << std::bit_cast<uint32_t>(o.b[i]) << " + "
        << std::bit_cast<uint32_t>(o.c[i]);
    flushed += want == 0, beside += std::fabs(want) < 0x1p-124f && want != 0, infinite += std::isinf(want);
  }
  EXPECT_GT(std::min({flushed, beside, infinite}), 500)
      << "seed " << kSeed << " draws too little that is hostile";
}

constexpr unsigned kDefault = 0x1f80, kFlushing = 0x8040, kUp = 0x4000;

TEST(X64Pairs, StepsGiveTheDefinition) {
  expect_the_definition({}, kDefault);
  if (x64_features_of_cpu().avx512) expect_the_definition({.avx512 = true}, kDefault);
}

// Whatever MXCSR says.
TEST(X64Pairs, TheInstructionIsTheDefinition) {
  const X64Features features{.avx512 = true, .bf16 = true};
  if (!has_bf16(Isa::Avx512, this_cpu().features)) GTEST_SKIP() << "this machine has no AVX512_BF16";
  for (const unsigned mxcsr : {kDefault, kDefault | kFlushing, kDefault | kUp}) {
    SCOPED_TRACE(mxcsr);
    expect_the_definition(features, mxcsr);
  }
}

}  // namespace
}  // namespace tauto::vec
