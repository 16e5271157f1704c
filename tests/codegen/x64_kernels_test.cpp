// Whole kernels as machine code: what their registers, bits and memory accesses must be.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "codegen/machine.h"
#include "codegen/x64/disassemble.h"
#include "codegen/x64/encode.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using tauto::testing::Guarded;
using tauto::testing::Machine;

std::vector<X64Features> targets() {
  std::vector<X64Features> all{{false}};
  if (x64_features_of_cpu().avx512) all.push_back({true});
  return all;
}

Assembler started(const char* name, int lanes) {
  Assembler a;
  a.program.name = name;
  a.program.lanes = lanes;
  return a;
}
Reg arg(Assembler& a, int k) { return a.scalar_op(VecOp::Arg, {}, k); }
Reg imm(Assembler& a, int64_t v) { return a.scalar_op(VecOp::Imm, {}, v); }

Program gemm(int lanes, int rows, int columns) {
  Assembler h = started("gemm", lanes);
  const Reg a = arg(h, 0), b = arg(h, 1), c = arg(h, 2), n = arg(h, 3);
  std::vector<Reg> sums, weights;
  for (int i = 0; i < rows * columns; i++) sums.push_back(h.emit(VecOp::Const, Lane::F32, {}));
  h.begin_loop(imm(h, 0), n, 1);
  for (int j = 0; j < columns; j++) weights.push_back(h.load(VecOp::Load, f32, {b, {}, 0, 4 * lanes * j}));
  for (int i = 0; i < rows; i++) {
    const Reg x = h.load(VecOp::Broadcast, f32, {a, {}, 0, 4 * i});
    for (int j = 0; j < columns; j++) {
      const Reg sum = sums[static_cast<size_t>(i * columns + j)];
      h.emit(VecOp::Fma, Lane::F32, {x, weights[static_cast<size_t>(j)], sum}, 0, sum);
    }
  }
  h.scalar_op(VecOp::AddI, {a}, 4 * rows, a);
  h.scalar_op(VecOp::AddI, {b}, 4 * lanes * columns, b);
  h.end();
  for (int i = 0; i < rows * columns; i++)
    h.store(VecOp::Store, f32, sums[static_cast<size_t>(i)], {c, {}, 0, 4 * lanes * i});
  return h.program;
}

TEST(X64Kernels, MatrixTilesNeedNoSlots) {
  for (const X64Features& f : targets()) {
    const int lanes = f.avx512 ? 16 : 8, rows = f.avx512 ? 14 : 6, columns = 2, n = 37;
    const Program p = gemm(lanes, rows, columns);
    X64Statistics s;
    const std::vector<uint8_t> code = encode(p, f, &s);
    EXPECT_EQ(s.spilled, 0);
    EXPECT_EQ(s.frame, 0);

    const int width = lanes * columns;
    std::vector<float> a(static_cast<size_t>(n * rows)), b(static_cast<size_t>(n * width)),
        c(static_cast<size_t>(rows * width)), expected(c.size());
    for (size_t i = 0; i < a.size(); i++) a[i] = 1.0f / static_cast<float>(i + 1);
    for (size_t i = 0; i < b.size(); i++) b[i] = 0.3f * static_cast<float>(i % 11) - 1;
    const uint64_t arguments[] = {reinterpret_cast<uint64_t>(a.data()), reinterpret_cast<uint64_t>(b.data()),
                                  reinterpret_cast<uint64_t>(c.data()), n};
    Machine(code).call(arguments);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < width; j++) {
        float sum = 0;
        for (int k = 0; k < n; k++)
          sum = std::fma(a[static_cast<size_t>(k * rows + i)], b[static_cast<size_t>(k * width + j)], sum);
        expected[static_cast<size_t>(i * width + j)] = sum;
      }
    EXPECT_EQ(std::memcmp(c.data(), expected.data(), c.size() * 4), 0);
  }
}

// y[i] = x[i] * 3 + y[i] in steps of W with a masked tail; buffers end at forbidden pages.
Program axpy(int lanes) {
  Assembler h = started("axpy", lanes);
  const Reg x = arg(h, 0), y = arg(h, 1), n = arg(h, 2);
  const Reg three = h.emit(VecOp::Const, Lane::F32, {}, 0x40400000);
  const Reg i = h.begin_loop(imm(h, 0), n, lanes);
  const Reg m = h.scalar_op(VecOp::First, {h.scalar_op(VecOp::SubS, {n, i})});
  const Reg u = h.load(VecOp::Load, f32, {x, i, 4, 0}, m);
  const Reg v = h.load(VecOp::Load, f32, {y, i, 4, 0}, m);
  h.store(VecOp::Store, f32, h.emit(VecOp::Fma, Lane::F32, {u, three, v}), {y, i, 4, 0}, m);
  h.end();
  return h.program;
}

TEST(X64Kernels, MaskedTailsTouchNothingElse) {
  for (const X64Features& f : targets())
    for (int lanes : {4, 8, 16}) {
      if (lanes == 16 && !f.avx512) continue;
      const Machine machine(encode(axpy(lanes), f));
      for (int n = 0; n <= 35; n++)
        for (bool at_end : {false, true}) {
          Guarded x(static_cast<size_t>(4 * n), at_end), y(static_cast<size_t>(4 * n), at_end);
          for (int i = 0; i < n; i++) {
            reinterpret_cast<float*>(x.data())[i] = static_cast<float>(i);
            reinterpret_cast<float*>(y.data())[i] = 0.5f;
          }
          const uint64_t arguments[] = {x.address(), y.address(), static_cast<uint64_t>(n)};
          machine.call(arguments);
          for (int i = 0; i < n; i++)
            ASSERT_EQ(reinterpret_cast<float*>(y.data())[i], 3 * static_cast<float>(i) + 0.5f)
                << n << " " << i;
        }
    }
}

TEST(X64Kernels, TheSameProgramGivesTheSameBytes) {
  for (const X64Features& f : {X64Features{false}, X64Features{true}})
    for (const Program& p : {gemm(8, 6, 2), axpy(8), gemm(8, 14, 4)}) EXPECT_EQ(encode(p, f), encode(p, f));
}

TEST(X64Kernels, LanesMustFitTheRegisters) {
  const auto message = [](const Program& p, const X64Features& f) -> std::string {
    try {
      encode(p, f);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(axpy(16), {false}),
            "encode: program axpy: 16 lanes of 4 bytes required, but a vector of AVX2 has 16 or 32 bytes");
  EXPECT_EQ(message(axpy(64), {true}),
            "encode: program axpy: 64 lanes of 4 bytes required, but a vector of AVX-512 has 16 to 64 bytes");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ±(a·b) ± c with one operand negated by its sign bit, at each place.
TEST(X64Kernels, NegationsGoIntoTheFma) {
  for (const X64Features& f : targets())
    for (Lane l : {Lane::F32, Lane::F64})
      for (int place = 0; place < 3; place++) {
        const bool wide = l == Lane::F64;
        const ElementType t = wide ? f64 : f32;
        const int lanes = wide ? 4 : 8;
        Assembler h = started("negated", lanes);
        const Reg x = arg(h, 0);
        Reg in[3];
        for (int k = 0; k < 3; k++) in[k] = h.load(VecOp::Load, t, {x, {}, 0, 32 * k});
        const Reg sign = h.emit(VecOp::Const, l, {}, wide ? INT64_MIN : INT64_C(0x80000000));
        in[place] = h.emit(VecOp::Xor, l, {in[place], sign});
        h.store(VecOp::Store, t, h.emit(VecOp::Fma, l, {in[0], in[1], in[2]}), {x, {}, 0, 96});
        const std::vector<uint8_t> code = encode(h.program, f);
        const std::string text = disassemble(code);
        EXPECT_TRUE(contains(text, place == 2 ? "vfmsub" : "vfnmadd")) << text;
        EXPECT_FALSE(contains(text, "vpxor")) << text;
        alignas(32) uint8_t expected[128], actual[128];
        for (int k = 0; k < 3 * lanes; k++) {
          const double v = k % 5 == 0 ? -0.0 : 0.1 * k - 1.3;
          if (wide)
            reinterpret_cast<double*>(actual)[k] = v;
          else
            reinterpret_cast<float*>(actual)[k] = static_cast<float>(v);
        }
        std::memcpy(expected, actual, sizeof actual);
        const uint64_t one = reinterpret_cast<uint64_t>(expected), other = reinterpret_cast<uint64_t>(actual);
        evaluate(h.program, &one);
        Machine(code).call(&other);
        EXPECT_EQ(std::memcmp(expected, actual, sizeof actual), 0);
      }
}

TEST(X64Kernels, SingleUsesAreMemoryOperands) {
  Assembler h = started("operands", 8);
  const Reg x = arg(h, 0);
  const Reg one = h.load(VecOp::Broadcast, f32, {x, {}, 0, 4}),
            all = h.load(VecOp::Load, f32, {x, {}, 0, 32});
  const Reg three = h.emit(VecOp::Const, Lane::F32, {}, 0x40400000);
  const Reg r =
      h.emit(VecOp::Mul, Lane::F32,
             {h.emit(VecOp::Add, Lane::F32, {h.emit(VecOp::Sub, Lane::F32, {all, all}), one}), three});
  h.store(VecOp::Store, f32, r, {x, {}, 0, 64});
  EXPECT_TRUE(contains(disassemble(encode(h.program, {true})), "vaddps ymm0, ymm0, [rdi+0x04] {1to8}"));
  EXPECT_TRUE(contains(disassemble(encode(h.program, {true})), "vmulps ymm0, ymm0, [C1] {1to8}"));
  EXPECT_TRUE(contains(disassemble(encode(h.program, {false})), "vmulps ymm1, ymm1, [C1]\n"));
}

// Scratch memory: from the stack if it is small, else from the caller.
TEST(X64Kernels, ScratchIsTheStacksOrTheCallers) {
  for (const X64Features& f : targets())
    for (int64_t bytes : {64, 4096, 100000}) {
      Assembler h = started("scratch", 8);
      h.program.scratch = bytes;
      const Reg x = arg(h, 0), first = h.scalar_op(VecOp::Scratch, {}, 0),
                last = h.scalar_op(VecOp::Scratch, {}, bytes - 32);
      h.store(VecOp::Store, f32, h.load(VecOp::Load, f32, {x, {}, 0, 0}), {last, {}, 0, 0});
      h.store(VecOp::Store, f32, h.load(VecOp::Load, f32, {x, {}, 0, 32}), {first, {}, 0, 0});
      h.store(VecOp::Store, f32, h.load(VecOp::Load, f32, {last, {}, 0, 0}), {x, {}, 0, 64});
      // 64-aligned?
      h.store(VecOp::StoreOne, i32, h.emit(VecOp::Splat, Lane::I32, {first}), {x, {}, 0, 96});
      EXPECT_EQ(caller_scratch(h.program), bytes > 4096 ? bytes : 0);
      std::vector<uint8_t> memory(static_cast<size_t>(bytes) + 64);
      uint8_t* const brought = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
      uint8_t data[128] = {};
      for (int k = 0; k < 64; k++) data[k] = static_cast<uint8_t>(k);
      const uint64_t argument = reinterpret_cast<uint64_t>(data);
      Machine(encode(h.program, f)).call(&argument, bytes > 4096 ? brought : nullptr);
      EXPECT_EQ(std::memcmp(data, data + 64, 32), 0);
      EXPECT_EQ(data[96] % 64, 0);
    }
}

// 60 vectors and 40 scalars that all live at once, through two loops.
TEST(X64Kernels, WhatDoesNotFitIsSpilled) {
  for (const X64Features& f : targets()) {
    Assembler h = started("many", 8);
    const Reg x = arg(h, 0), zero = h.scalar_op(VecOp::Imm, {}, 0), n = arg(h, 1);
    std::vector<Reg> vectors, scalars;
    for (int k = 0; k < 60; k++) vectors.push_back(h.load(VecOp::Load, f32, {x, {}, 0, 4 * k}));
    for (int k = 0; k < 40; k++) scalars.push_back(h.load(VecOp::LoadS, i32, {x, {}, 0, 4 * k}));
    const Reg i = h.begin_loop(zero, n, 1);
    h.begin_loop(zero, n, 2);
    for (size_t k = 0; k < 60; k++)
      h.emit(VecOp::Add, Lane::F32, {vectors[k], vectors[(k + 7) % 60]}, 0, vectors[k]);
    for (size_t k = 0; k < 40; k++)
      h.scalar_op(VecOp::AddS, {scalars[k], scalars[(k + 3) % 40]}, 0, scalars[k]);
    h.end();
    h.scalar_op(VecOp::AddS, {scalars[0], i}, 0, scalars[0]);
    h.end();
    for (int k = 0; k < 60; k++)
      h.store(VecOp::Store, f32, vectors[static_cast<size_t>(k)], {x, {}, 0, 32 * k});
    for (int k = 0; k < 40; k++)
      h.store(VecOp::StoreOne, i32, h.emit(VecOp::Splat, Lane::I32, {scalars[static_cast<size_t>(k)]}),
              {x, {}, 0, 2000 + 4 * k});
    X64Statistics s;
    const Machine machine(encode(h.program, f, &s));
    EXPECT_GT(s.spilled, 0);
    for (uint64_t trips : {0, 1, 3}) {
      std::vector<float> expected(640), actual(640);
      for (size_t k = 0; k < 640; k++) expected[k] = actual[k] = static_cast<float>(k) * 0.01f;
      const uint64_t one[] = {reinterpret_cast<uint64_t>(expected.data()), trips},
                     other[] = {reinterpret_cast<uint64_t>(actual.data()), trips};
      evaluate(h.program, one);
      machine.call(other);
      EXPECT_EQ(std::memcmp(expected.data(), actual.data(), 640 * 4), 0) << trips;
    }
  }
}

TEST(X64Kernels, AssemblyIsReadable) {
  EXPECT_EQ(disassemble(encode(axpy(8), {true})), R"(  mov rsi, [rdi]
  mov rax, [rdi+0x08]
  mov rdi, [rdi+0x10]
  vbroadcastss ymm0, dword ptr [C1]
  xor ecx, ecx
  cmp rcx, rdi
  jnl L2
  nop
L1:
  mov rdx, rdi
  sub rdx, rcx
  mov r8d, 0x08
  xor r9d, r9d
  cmp rdx, r8
  cmovl r8, rdx
  test r8, r8
  cmovs r8, r9
  mov r10d, 0xFFFFFFFF
  bzhi r10d, r10d, r8d
  kmovw k1, r10d
  vmovups ymm1 {k1} {z}, ymmword ptr [rsi+rcx*4]
  vmovups ymm2 {k1} {z}, ymmword ptr [rax+rcx*4]
  vfmadd231ps ymm2, ymm1, ymm0
  vmovups ymmword ptr [rax+rcx*4] {k1}, ymm2
  add rcx, 0x08
  cmp rcx, rdi
  jl L1
L2:
  vzeroupper
  ret
; 4 bytes of constants
C1: 0x40400000
)");
}

}  // namespace
}  // namespace tauto::vec
