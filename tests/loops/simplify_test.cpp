// Laws of kernels on random ones: text reads back to the same kernel, simplifying changes no bit of what it
// computes; and what simplifying is expected to see.
#include "loops/simplify.h"

#include <gtest/gtest.h>

#include "loops/random_kernel.h"
#include "loops/run_kernel.h"

namespace tauto::testing {
namespace {

using namespace loops;  // the text of this test is made of its words

void expect_equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b, const std::string& where) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(a[i] == b[i]) << "argument " << i << "\n" << where;
}

TEST(LoopsLaws, RandomKernels) {
  int64_t shorter = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const auto [k, symbols] = random_kernel(seed);
    const std::string text = text_of(k), where = cat("seed ", seed, "\n", text);
    ASSERT_EQ(verify(k), "") << where;
    const Kernel parsed = parse_kernel(text);
    ASSERT_EQ(text_of(parsed), text) << "seed " << seed;
    const Kernel simple = simplify(k);
    ASSERT_EQ(verify(simple), "") << where << text_of(simple);
    ASSERT_EQ(text_of(simplify(simple)), text_of(simple)) << where;
    shorter += text_of(simple).size() < text.size();

    std::mt19937_64 random(seed);
    const std::vector<Tensor> memory = random_memory(k, symbols, random);
    const std::vector<Tensor> out = run_kernel(k, memory, symbols);
    expect_equal(run_kernel(parsed, memory, symbols), out, where);
    expect_equal(run_kernel(simple, memory, symbols), out, where + text_of(simple));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(shorter, 200);
}

std::string simplified(const std::string& text) { return text_of(simplify(parse_kernel(text))); }

TEST(LoopsSimplify, ASplitThatIsMergedAgainIsOneIndex) {
  EXPECT_EQ(simplified(R"(kernel k<N>(x: f32[N, 64], out: f32[N, 4, 16])
  for n in 0 .. <N>
    for i in 0 .. 4
      for j in 0 .. 16
        out[n, i, j] = x[floor_div(n*64 + i*16 + j, 64), floor_mod(n*64 + i*16 + j, 64)]
)"),
            R"(kernel k<N>(x: f32[N, 64], out: f32[N, 4, 16])
  for n in 0 .. <N>
    for i in 0 .. 4
      for j in 0 .. 16
        out[n, i, j] = x[n, i*16 + j]
)");
}

TEST(LoopsSimplify, DecidedConditionsAndLoopsOfOneTripGo) {
  EXPECT_EQ(simplified(R"(kernel k<N>(x: f32[N, 1], out: f32[N, 1])
  parallel for n in 0 .. <N>
    for i in 0 .. 1 {
      let a = i
      if less(n + i, <N + 1>)
        out[n, a] = select(less_equal(0, i), convert<f32>(convert<f64>(x[n, a])), 0.0:f32)
      for j in 4 .. 4
        out[n, 0] = 1.0:f32
    }
)"),
            R"(kernel k<N>(x: f32[N, 1], out: f32[N, 1])
  parallel for n in 0 .. <N>
    out[n, 0] = x[n, 0]
)");
}

TEST(LoopsSimplify, ReductionsKeepTheirOrderAndLoseAxesOfOneValue) {
  EXPECT_EQ(simplified(R"(kernel k(x: f32[9, 1], out: f32[4]) {
  out[0] = partials add(i < 9, j < 1 : x[i, j] if less(j, 1))
  out[1] = blocks fma(j < 1 : x[3, j], 2.0:f32)
  out[2] = chain max(i < 0 : x[i, 0])
  out[3] = chain add(j < 1 : x[4, j])
}
)"),
            R"(kernel k(x: f32[9, 1], out: f32[4])
  {
    out[0] = partials add(i < 9 : x[i, 0])
    out[1] = add(0.0:f32, fma(x[3, 0], 2.0:f32, 0.0:f32))
    out[2] = -inf:f32
    out[3] = add(0.0:f32, x[4, 0])
  }
)");
}

TEST(LoopsSimplify, ConversionsThatLoseNothingAreSkipped) {
  // Each conversion of a conversion, over all types: simplified or not, the same bits.
  const std::vector<ElementType> types = {f16, bf16, f32, f64, i8,      i16, i32, i64,
                                          u8,  u16,  u32, u64, boolean, i4,  u2};
  std::mt19937_64 random(5);
  int skipped = 0;
  for (ElementType from : types)
    for (ElementType by : types)
      for (ElementType to : types) {
        Kernel k;
        k.name = "convert";
        k.buffers = {make_buffer("x", from, {60}), make_buffer("out", to, {60})};
        const Expr i = variable("i");
        k.body = loop(LoopKind::Serial, "i", 0, 60,
                      store(k.buffers[1], {i}, convert(convert(load(k.buffers[0], {i}), by), to)));
        const Kernel simple = simplify(k);
        skipped += text_of(simple) != text_of(k);
        const std::vector<Tensor> memory = random_memory(k, {}, random);
        expect_equal(run_kernel(simple, memory), run_kernel(k, memory), text_of(k));
      }
  EXPECT_GT(skipped, 500);
}

}  // namespace
}  // namespace tauto::testing
