// How fast the interpreter's contractions are: GMAC/s of one core by kind and shape, beside the core's own
// f32 fma peak (256-bit vectors, what references are built for). A kind is slow if it is far below its
// neighbours: the numbers say which way through the evaluator to look at. MACs are those of terms inside the
// operands.
//
//   bench_interpreter [--only TEXT] [--seconds S]       S: the time for each shape, 0.2 by default
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/contractions.h"
#include "graph/builder.h"
#include "interpret/interpret.h"
#include "ops/ops.h"
#include "support/cpu_check.h"

namespace tauto {
namespace {

constexpr double kBar = 2.0;  // GMAC/s

// Independent fma chains in registers.
double peak() {
  constexpr int n = 12, lanes = 8;
  typedef float V __attribute__((vector_size(32)));
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    float s[n][lanes];
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < lanes; ++j) s[i][j] = static_cast<float>(i);
    const double start = seconds();
    for (int k = 0; k < 200000; ++k) {
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < lanes; ++j) s[i][j] = __builtin_fmaf(s[i][j], 0.999f, 0.001f);
    }
    const double time = seconds() - start;
    for (int i = 0; i < n; ++i) {
      V v;
      __builtin_memcpy(&v, s[i], sizeof v);
      asm volatile("" : : "x"(v));
    }
    best = std::max(best, n * lanes * 200000.0 / time * 1e-9);
  }
  return best;
}

std::vector<Case> cases() {
  return {
      matmul("matmul 512", 512, 512, 512),
      matmul("matmul 512, B as [n, k]", 512, 512, 512, true),
      matmul("matmul 16 rows, 384 -> 1536", 16, 384, 1536),
      matmul("matmul 4 rows, 512 -> 512", 4, 512, 512),
      matmul("matmul 3 rows, [n, k]", 3, 512, 512, true),
      matmul("matmul 512 rows, 512 -> 10", 512, 512, 10),
      matmul("matmul 2048 x 64 x 2048", 2048, 64, 2048),
      {"attention 12 heads, 128 x 32 x 128",
       "over {h: 12, m: 128, n: 128 | k: 32} [h, m, k] [h, n, k]",
       {12, 128, 32},
       {12, 128, 32}},
      matmul("gemv [k, n] 512 x 512", 1, 512, 512),
      matmul("gemv [n, k] 512 x 512", 1, 512, 512, true),
      matmul("gemv [k, n] 2048 x 2048", 1, 2048, 2048),
      matmul("gemv [n, k] 2048 x 2048", 1, 2048, 2048, true),
      matmul("gemv [n, k] 128 x 512", 1, 128, 512, true),
      matmul("gemv matrix first", 2048, 2048, 1),
      {"dot products, 1000 of 256", "over {b: 1000 | k: 256} [b, k] [b, k]", {1000, 256}, {1000, 256}},
      conv("conv 3x3 64 -> 64, 56", {64, 64, 56, 3}),
      conv("conv 3x3 512 -> 512, 7", {512, 512, 7, 3}),
      conv("conv 3x3 64 -> 64, stride 2, 56", {64, 64, 56, 3, 2}),
      conv("conv 3x3 64 -> 64, dilation 4, 56", {64, 64, 56, 3, 1, 4}),
      conv("conv 1x1 256 -> 64, 56", {256, 64, 56, 1}),
      conv("conv 1x1 512 -> 512, 7", {512, 512, 7, 1}),
      conv("conv 1x1 256 -> 512, stride 2, 28", {256, 512, 28, 1, 2}),
      conv("conv 7x7 3 -> 64, stride 2, 224", {3, 64, 224, 7, 2}),
      conv("conv 3x3 3 -> 16, stride 2, 224", {3, 16, 224, 3, 2}),
      conv("conv 3x3 64 -> 1, 112", {64, 1, 112, 3}),
      conv("conv 3x3 grouped 32 x (4 -> 4), 56", {128, 128, 56, 3, 1, 1, 32}),
      conv("conv 3x3 grouped 2 x (64 -> 64), 28", {128, 128, 28, 3, 1, 1, 2}),
      conv("depthwise 3x3, 112", {32, 32, 112, 3, 1, 1, 32}),
      conv("depthwise 3x3, 28", {192, 192, 28, 3, 1, 1, 192}),
      conv("depthwise 3x3, 7", {960, 960, 7, 3, 1, 1, 960}),
      conv("depthwise 3x3, stride 2, 56", {144, 144, 56, 3, 2, 1, 144}),
      conv("depthwise 5x5, 14", {480, 480, 14, 5, 1, 1, 480}),
      conv("depthwise 3x3, dilation 2, 28", {192, 192, 28, 3, 1, 2, 192}),
      {"depthwise 7x7 over 7x7",
       "over {n: 1, c: 960, y: 1, x: 1 | ky: 7, kx: 7} [n, c, y + ky, x + kx] [c, ky, kx]",
       {1, 960, 7, 7},
       {960, 7, 7}},
      conv1d("conv1d 11, 32 -> 32, 5000", 32, 32, 5000, 11, 1),
      conv1d("conv1d 11, 32 -> 32, dilation 25, 5000", 32, 32, 5000, 11, 25),
      transposed("transposed 2x2, stride 2, 64 -> 64, 28", 64, 64, 28, 2, 2, 0),
      transposed("transposed 4x4, stride 2, 64 -> 32, 28", 64, 32, 28, 4, 2, 1),
      transposed("transposed 3x3, stride 1, 64 -> 64, 28", 64, 64, 28, 3, 1, 1),
      transposed("transposed 2x2, stride 2, 24 -> 1, 96", 24, 1, 96, 2, 2, 0),
      matmul("f64 matmul 512", 512, 512, 512, false, f64),
      matmul("f64 gemv [n, k] 512 x 512", 1, 512, 512, true, f64),
      conv("f64 conv 3x3 64 -> 64, 56", {64, 64, 56, 3}, f64),
      conv("f64 depthwise 3x3, 56", {64, 64, 56, 3, 1, 1, 64}, f64),
      matmul("i32 matmul 512", 512, 512, 512, false, i32),
      matmul("i32 gemv [n, k] 512 x 512", 1, 512, 512, true, i32),
      conv("i32 conv 3x3 64 -> 64, 56", {64, 64, 56, 3}, i32),
      conv("i32 depthwise 3x3, 56", {64, 64, 56, 3, 1, 1, 64}, i32),
      matmul("i8 matmul 512", 512, 512, 512, false, i8),
      conv("u8 conv 3x3 64 -> 64, 56", {64, 64, 56, 3}, u8),
      matmul("f16 matmul 512", 512, 512, 512, false, f16),
      matmul("bf16 matmul 512", 512, 512, 512, false, bf16),
  };
}

Tensor numbers(ElementType type, const Shape& shape, Module& m) {
  Tensor t(f32, shape);
  uint32_t state = 1;
  for (int64_t i = 0; i < t.count(); ++i) {
    state = state * 1664525 + 1013904223;
    t.data<float>()[i] =
        static_cast<float>(static_cast<int32_t>(state >> 8) % 200 - 100) / (type.is_float() ? 64 : 1);
  }
  if (type == f32) return t;
  m = Module();
  Builder b(m, "main");
  b.finish({b.add(ops::cast, {b.parameter("x", type_of(Value(t)))}, {{"to", type}})}, {"y"});
  return interpret(m, {t}, {})[0].tensor;
}

// GMAC/s of the best run.
double measure(const Case& c, double budget) {
  Module m;
  const Tensor x = numbers(c.type, c.a, m), y = numbers(c.type, c.b, m);
  m = Module();
  Builder b(m, "main");
  const Id p = b.parameter("a", type_of(Value(x))), q = b.parameter("b", type_of(Value(y)));
  b.finish({b.add(ops::contract, {p, q}, {{"access", access_of(c)}})}, {"y"});
  double best = 1e30;
  for (double spent = 0; spent < budget;) {
    const double start = seconds();
    interpret(m, {x, y}, {});
    best = std::min(best, seconds() - start);
    spent += seconds() - start;
  }
  return macs(c) / best * 1e-9;
}

int run(int count, char** arguments) {
  std::string only;
  double budget = 0.2;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--only") only = arguments[i + 1];
    if (name == "--seconds") budget = std::atof(arguments[i + 1]);
  }
  const double best = peak();
  std::printf("%-42s %8s %8s\n%-42s %8.2f %8.2f\n", "", "GMAC/s", "of peak", "f32 fma peak", best, 1.0);
  double slowest = 1e30;
  std::string name;
  int good = 0, all = 0;
  for (const Case& c : cases()) {
    if (c.name.find(only) == std::string::npos) continue;
    const double rate = measure(c, budget);
    std::printf("%-42s %8.2f %8.2f%s\n", c.name.c_str(), rate, rate / best, rate < kBar ? "  < 2" : "");
    std::fflush(stdout);
    if (rate < slowest) slowest = rate, name = c.name;
    good += rate >= kBar;
    ++all;
  }
  std::printf("bench-interpreter: slowest %.2f GMAC/s (%s), %d / %d shapes at %g GMAC/s or more\n",
              all ? slowest : 0.0, name.c_str(), good, all, kBar);
  return good == all && all > 0 ? 0 : 1;
}

}  // namespace
}  // namespace tauto

int main(int count, char** arguments) { return tauto::run(count, arguments); }
