// The spine end to end: build, print, parse, interpret.
#include "interpret/interpret.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "graph/scanner.h"
#include "graph/text.h"
#include "ops/ops.h"

namespace tauto {
namespace {

Access access_of(const char* text) {
  Scanner s(text);
  return scan_access(s);
}

Module dense() {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, 3]"));
  const float w[] = {1, 2, 3, 4, 5, 6};
  const Id weight = b.constant(Tensor::of<float>({2, 3}, w));
  const Id y =
      b.add(ops::contract, {x, weight}, {{"access", access_of("over {n: N, o: 2 | k: 3} [n, k] [o, k]")}});
  const Id z = b.add(ops::relu, {b.add(ops::add, {y, b.scalar<float>(-20)})});
  b.finish({z}, {"y"});
  return m;
}

TEST(Interpret, DenseLayer) {
  const Module m = dense();
  EXPECT_EQ(verify(m), "");
  const float x[] = {1, 2, 3, -1, 0, 1};
  const auto r = interpret(m, {Tensor::of<float>({2, 3}, x)});
  EXPECT_EQ(text_of(type_of(r[0])), "f32[2, 2]");
  const std::vector<float> want{0, 12, 0, 0};
  EXPECT_EQ(std::vector<float>(r[0].tensor.data<float>(), r[0].tensor.data<float>() + 4), want);
}

TEST(Interpret, PrintsAndParses) {
  const Module m = dense();
  const ModuleText t = print(m);
  const Module again = parse_module(t.text, t.side);
  EXPECT_TRUE(m == again) << t.text;
  EXPECT_EQ(print(again).text, t.text);
}

TEST(Interpret, WrongInputSaysWhatWasRequired) {
  try {
    interpret(dense(), {Tensor(f32, {2, 4})});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "input \"x\": required f32[N, 3], got f32[2, 4]");
  }
}

// A library that was loaded beside us may have switched flush-to-zero on for the whole process.
TEST(Interpret, FlushToZeroOutsideChangesNothing) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[2]"));
  b.finish({b.add(ops::add, {x, x})}, {"y"});
  const float tiny[] = {0x1p-140f, -0x1p-149f};
  const Tensor t = Tensor::of<float>({2}, tiny);
#if defined(__x86_64__)
  const uint32_t saved = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(saved | 0x8040);
#endif
  const auto r = interpret(m, {t});
#if defined(__x86_64__)
  EXPECT_EQ(__builtin_ia32_stmxcsr() & 0x8040u, 0x8040u) << "what was found must be restored";
  __builtin_ia32_ldmxcsr(saved);
#endif
  const float want[] = {0x1p-139f, -0x1p-148f};
  EXPECT_EQ(r[0].tensor, Tensor::of<float>({2}, want));
}

}  // namespace
}  // namespace tauto
