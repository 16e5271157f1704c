// Kernels as text: what is printed is parsed to the same text; broken texts and broken kernels say what is
// wrong.
#include <gtest/gtest.h>

#include <random>

#include "loops/loops.h"
#include "loops/random_kernel.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

void round_trip(const std::string& text) {
  const Kernel k = parse_kernel(text);
  EXPECT_EQ(verify(k), "");
  EXPECT_EQ(text_of(k), text);
}

TEST(LoopsText, PrintsAsItReads) {
  round_trip(R"(kernel conv<H, W>(
    x: f32[64, H + 2, W + 2],
    w: f32[32, 64, 3, 3] layout(i0/16: 9216, i1: 144, i2: 48, i3: 16, i0%16: 1; offset 0; elements 18432) finite,
    out: f32[32, H, W]) from "Conv_12", "Relu_14"
  parallel for y in 0 .. <H>
    for o in 0 .. 32 step 16
      lanes for j in 0 .. 16
        for x in 0 .. <W>
          out[o + j, y, x] = max(0.0:f32, blocks fma(c < 64, v < 3, u < 3 : x[c, y + v, x + u], w[o + j, c, v, u]))
)");
  round_trip(R"(kernel scalars(a: bf16[], b: u8[4], p: bool[4], out: f32[4])
  allocate registers acc: f32[2, 4]
  allocate t: i64[4] {
    unrolled for i in 0 .. 4
      acc[0, i] = -1.5e-07:f32
    let base = convert<f32>(a[]) {
      unrolled for i in 0 .. 4 {
        t[i] = floor_div(i*3 - 1, 2) + floor_mod(convert<i64>(b[i]), 7)*(i + 2)
        if and(less(i, 3), p[i])
          out[i] = select(is_nan(acc[0, i]), nan:f32, fma(acc[0, i], base, 0x7fc00001:f32))
      }
      out[3] = bits<f32>(bit_and(bits<i32>(base), 2147483647:i32))
    }
  }
)");
  round_trip(
      R"(kernel "a strange name"<"batch size">(
    "in/put": f32["batch size", max("batch size", 3)],
    out: f32["batch size"])
  for i in 0 .. <"batch size">
    out[i] = partials add(k < max("batch size", 3) : "in/put"[i, k] if less(k, <2*"batch size" + 1> - i))
)");
}

TEST(LoopsText, PrintsProbes) {
  round_trip(R"(kernel p(x: f32[4, 5], e: f32[4, 5], s: f32[4], out: f32[4])
  for i in 0 .. 4
    out[i] = sqrt(probe(partials add(k < 5 : probe(negate(x[i, k]), e[i, k])), s[i]))
)");
}

TEST(LoopsText, WritesASharedExpressionOnce) {
  const BufferPtr x = make_buffer("x", f32, {8}), out = make_buffer("out", f32, {8});
  const Expr i = variable("i");
  Expr e = load(x, {i});
  for (int k = 0; k < 60; ++k) e = apply(Function::Fma, {e, e, number(f32, k)});
  Kernel k{"doubling", {x, out}, {}, loop(LoopKind::Serial, "i", 0, 8, store(out, {i}, e)), {}};
  const std::string text = text_of(k);
  EXPECT_LT(text.size(), 4000u);
  round_trip(text);
}

std::string error_of(const std::string& text) {
  try {
    parse_kernel(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(LoopsText, SaysWhatIsWrongWithAText) {
  const auto with = [](const std::string& stmt) {
    return error_of("kernel k<N>(x: f32[4], out: f32[4])\n" + stmt);
  };
  EXPECT_EQ(with("out[0] = x[0]"), "");
  EXPECT_EQ(with("out[0] = y[0]"), "line 2: required a buffer, got \"y\"");
  EXPECT_EQ(with("out[0] = z"), "line 2: required a variable, got \"z\"");
  EXPECT_EQ(with("out[0] = 1"), "line 2: store to out: required f32, got i64");
  EXPECT_EQ(with("out[0] = add(x[0], 1.0:f64)"), "line 2: add is not defined for f32, f64");
  EXPECT_EQ(with("out[0, 0] = x[0]"), "line 2: index of out: required 1 expressions, got 2");
  EXPECT_EQ(with("out[0] = x[0] extra"), "line 2: required the end of the text, got \"extra\"");
  EXPECT_EQ(with("for if in 0 .. 4 out[0] = x[0]"),
            "line 2: required a variable, got \"if in 0 .. 4 out[0] = x[\"");
  EXPECT_EQ(with("for i in 0 .. <N*> out[i] = x[i]").substr(0, 8), "line 2: ");
}

// Texts with a few characters changed are read, or refused with an Error; nothing else happens.
TEST(LoopsText, DamagedTextsAreRefused) {
  int refused = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    std::mt19937_64 random(seed);
    const std::string whole = text_of(tauto::testing::random_kernel(seed % 100).kernel);
    std::string text = whole;
    for (int i = static_cast<int>(random() % 3); i >= 0; --i) {
      const size_t at = random() % text.size(), from = random() % whole.size();
      const size_t length = 1 + random() % (random() % 8 ? 3 : 60);
      if (random() % 2)
        text.replace(at, random() % 2, whole.substr(from, length));
      else
        text.erase(at, length);
      if (text.empty()) text = "k";
    }
    SCOPED_TRACE(cat("seed ", seed, "\n", text));
    try {
      const Kernel k = parse_kernel(text);
      verify(k);
      EXPECT_EQ(text_of(parse_kernel(text_of(k))), text_of(k));
    } catch (const Error&) {
      ++refused;
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(LoopsText, VerifyNamesTheFirstBrokenRule) {
  const auto broken = [](const std::string& body) {
    return verify(parse_kernel("kernel k<N>(x: f32[4], c: f32[4] finite, out: f32[4])\n" + body));
  };
  EXPECT_EQ(broken("out[0] = x[0]"), "");
  EXPECT_EQ(broken("c[0] = x[0]"), "store into the constant c");
  EXPECT_EQ(broken("out[<M>] = x[0]"), "symbol M is not listed by the kernel");
  EXPECT_EQ(broken("unrolled for i in 0 .. <N> out[i] = x[i]"), "unrolled loop i without literal bounds");
  EXPECT_EQ(broken("for j in 0 .. 2 parallel for i in 0 .. 2 out[i] = x[i]"),
            "parallel loop i inside another loop");
  const BufferPtr out = make_buffer("out", f32, {4}), other = make_buffer("x", f32, {4});
  EXPECT_EQ(verify({"k", {out}, {}, store(out, {0}, load(other, {0})), {}}), "buffer x is not in scope");
  EXPECT_EQ(verify({"k", {out}, {}, store(out, {variable("i")}, number(f32, 1)), {}}),
            "variable i is not bound");
}

}  // namespace
}  // namespace tauto::loops
