// How close the encoder's register tiles come to this core's peak: a loop of independent fma chains in
// registers (the denominator), then the tiles of a matrix product reading packed operands from L1, for each
// instruction set this machine has. Interleaved rounds, the best of each; `x64_tiles [ROUNDS]`.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codegen/x64/encode.h"
#include "runtime/code_memory.h"

namespace {

using namespace tauto;
using namespace tauto::vec;

constexpr int kDepth = 128;  // both operands stay in L1

Assembler started(const char* name, int lanes) {
  Assembler a;
  a.program.name = name;
  a.program.lanes = lanes;
  return a;
}
Reg arg(Assembler& a, int k) { return a.scalar_op(VecOp::Arg, {}, k); }

// sums += x * y, nothing else.
Program chains(int lanes, int count) {
  Assembler h = started("peak", lanes);
  const Reg c = arg(h, 2), n = arg(h, 3);
  std::vector<Reg> sums;
  for (int i = 0; i < count; i++) sums.push_back(h.emit(VecOp::Const, Lane::F32, {}));
  const Reg x = h.emit(VecOp::Const, Lane::F32, {}, 0x3f000000),
            y = h.emit(VecOp::Const, Lane::F32, {}, 0x3e000000);
  h.begin_loop(h.scalar_op(VecOp::Imm, {}, 0), n, 1);
  for (Reg s : sums) h.emit(VecOp::Fma, Lane::F32, {x, y, s}, 0, s);
  h.end();
  for (int i = 0; i < count; i++)
    h.store(VecOp::Store, f32, sums[static_cast<size_t>(i)], {c, {}, 0, 4 * lanes * i});
  return h.program;
}

Program tile(int lanes, int rows, int columns) {
  Assembler h = started("tile", lanes);
  const Reg a = arg(h, 0), b = arg(h, 1), c = arg(h, 2), n = arg(h, 3);
  std::vector<Reg> sums, weights;
  for (int i = 0; i < rows * columns; i++) sums.push_back(h.emit(VecOp::Const, Lane::F32, {}));
  h.begin_loop(h.scalar_op(VecOp::Imm, {}, 0), n, 1);
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

using Kernel = void(const uint64_t*, void*);

double seconds(Kernel* kernel, const uint64_t* arguments, int calls) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; i++) kernel(arguments, nullptr);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void measure(bool avx512, int rounds) {
  const int lanes = avx512 ? 16 : 8, chain_count = avx512 ? 24 : 12;
  const std::vector<std::pair<int, int>> shapes =
      avx512 ? std::vector<std::pair<int, int>>{{14, 2}, {28, 1}, {8, 3}}
             : std::vector<std::pair<int, int>>{{6, 2}, {4, 3}, {12, 1}};
  CodeWriter writer;
  std::vector<double> work{2.0 * chain_count * lanes * kDepth}, best;
  writer.add("peak", encode(chains(lanes, chain_count), {avx512}));
  std::vector<X64Statistics> statistics(shapes.size());
  for (size_t k = 0; k < shapes.size(); k++) {
    const auto [rows, columns] = shapes[k];
    writer.add("tile", encode(tile(lanes, rows, columns), {avx512}, &statistics[k]));
    work.push_back(2.0 * rows * columns * lanes * kDepth);
  }
  const CodeMemory code = std::move(writer).seal();
  constexpr size_t kBytes = 1 << 17;
  void* memory = std::aligned_alloc(64, 3 * kBytes);
  std::memset(memory, 0, 3 * kBytes);
  const uint64_t at = reinterpret_cast<uint64_t>(memory);
  const uint64_t arguments[] = {at, at + kBytes, at + 2 * kBytes, kDepth};
  best.assign(work.size(), 1e9);
  for (int r = 0; r < rounds; r++)
    for (size_t k = 0; k < work.size(); k++)
      best[k] = std::min(best[k], seconds(code.function<Kernel>(k), arguments, 200) / 200);
  std::free(memory);
  const double peak = work[0] / best[0] / 1e9;
  std::printf("%-7s peak %6.1f GFLOP/s\n", avx512 ? "avx512" : "avx2", peak);
  for (size_t k = 0; k < shapes.size(); k++) {
    const double rate = work[k + 1] / best[k + 1] / 1e9;
    std::printf("  tile %2d x %d: %6.1f GFLOP/s, %5.1f %% of the peak, %d values spilled\n", shapes[k].first,
                shapes[k].second, rate, 100 * rate / peak, statistics[k].spilled);
  }
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 300;
  measure(false, rounds);
  if (x64_features_of_cpu().avx512)
    measure(true, rounds);
  else
    std::printf("this machine has no AVX-512 F, BW, DQ, VL\n");
}
