// What no text can show of the interpreter; the rest is in the file tests (tests/**/*.test).
#include "interpret/interpret.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "ops/ops.h"

namespace tauto {
namespace {

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
