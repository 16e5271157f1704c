// The measuring kernels, and their measurement.
#include "compile/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>

#include "codegen/x64/encode.h"
#include "runtime/arena.h"
#include "runtime/code_memory.h"

namespace tauto {

using vec::Lane;
using vec::Reg;
using vec::VecOp;

namespace {

constexpr int kStreamLoads = 8;
constexpr int64_t kMemoryBytes = int64_t{128} << 20;
constexpr double kBurst = 2e-3;  // seconds that one measurement takes
constexpr int kBursts = 12;      // of which the best counts

int64_t bits_of(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

// Calls `run(n)` with n large enough for one burst; calls a second of the best burst.
template <class Run>
double rate(const Run& run) {
  const auto seconds = [&](int64_t n) {
    const auto start = std::chrono::steady_clock::now();
    run(n);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  int64_t n = 1;
  while (seconds(n) < kBurst && n < (int64_t{1} << 40)) n *= 2;
  double best = 0;
  for (int i = 0; i < kBursts; ++i) best = std::max(best, static_cast<double>(n) / seconds(n));
  return best;
}

Peak measure(Isa isa) {
  const bool wide = is_avx512(isa);
  const int lanes = wide ? 16 : 8;
  CodeWriter writer;
  const size_t fma = writer.add("tauto_peak", vec::encode(peak_program(lanes), {wide}));
  const size_t stream = writer.add("tauto_stream", vec::encode(stream_program(lanes), {wide}));
  const CodeMemory code = std::move(writer).seal();
  using Kernel = void(const uint64_t*, void*);
  alignas(64) float sums[16];
  const auto out = reinterpret_cast<uint64_t>(sums);
  Peak p;
  p.flops = rate([&](int64_t n) {
              const uint64_t arguments[] = {static_cast<uint64_t>(n), out};
              code.function<Kernel>(fma)(arguments, nullptr);
            }) *
            2.0 * kPeakChains * kPeakSteps * lanes;
  Arena memory;
  const auto bandwidth = [&](int64_t bytes) {
    bytes = bytes / 4096 * 4096;
    uint8_t* data = memory.require(static_cast<size_t>(kMemoryBytes));
    std::memset(data, 1, static_cast<size_t>(bytes));
    const auto from = reinterpret_cast<uint64_t>(data);
    return static_cast<double>(bytes) * rate([&](int64_t n) {
             const uint64_t arguments[] = {from, from + static_cast<uint64_t>(bytes), out};
             while (n-- > 0) code.function<Kernel>(stream)(arguments, nullptr);
           });
  };
  p.l2 = bandwidth(std::clamp(this_cpu().l2 / 2, int64_t{64} << 10, kMemoryBytes / 2));
  p.memory = bandwidth(kMemoryBytes);
  return p;
}

}  // namespace

vec::Program peak_program(int lanes) {
  vec::Assembler a;
  a.program.name = "peak";
  a.program.lanes = lanes;
  const Reg count = a.scalar_op(VecOp::Arg, {}, 0), out = a.scalar_op(VecOp::Arg, {}, 1);
  const Reg zero = a.scalar_op(VecOp::Imm, {}, 0);
  const Reg half = a.emit(VecOp::Const, Lane::F32, {}, bits_of(0.5f));
  const Reg one = a.emit(VecOp::Const, Lane::F32, {}, bits_of(1.0f));
  std::vector<Reg> chains;
  for (int i = 0; i < kPeakChains; ++i)
    chains.push_back(a.emit(VecOp::Const, Lane::F32, {}, bits_of(static_cast<float>(i))));
  a.begin_loop(zero, count, 1);
  for (int step = 0; step < kPeakSteps; ++step)
    for (Reg c : chains) a.emit(VecOp::Fma, Lane::F32, {c, half, one}, 0, c);  // towards 2
  a.end();
  Reg sum = chains[0];
  for (size_t i = 1; i < chains.size(); ++i) sum = a.emit(VecOp::Add, Lane::F32, {sum, chains[i]});
  a.store(VecOp::Store, f32, sum, {out, {}, 0, 0});
  return a.program;
}

vec::Program dot_peak_program(int lanes) {
  vec::Assembler a;
  a.program.name = "dot_peak";
  a.program.lanes = lanes;
  const Reg count = a.scalar_op(VecOp::Arg, {}, 0), out = a.scalar_op(VecOp::Arg, {}, 1);
  const Reg zero = a.scalar_op(VecOp::Imm, {}, 0);
  const Reg x = a.emit(VecOp::Const, Lane::I32, {}, 0x01020304),
            y = a.emit(VecOp::Const, Lane::I32, {}, 0x7f80ff01);
  std::vector<Reg> chains;
  for (int i = 0; i < kPeakChains; ++i) chains.push_back(a.emit(VecOp::Const, Lane::I32, {}, i));
  a.begin_loop(zero, count, 1);
  for (int step = 0; step < kPeakSteps; ++step)
    for (Reg c : chains) a.emit(VecOp::DotBytes, Lane::I32, {x, y, c}, 0, c);
  a.end();
  Reg sum = chains[0];
  for (size_t i = 1; i < chains.size(); ++i) sum = a.emit(VecOp::Add, Lane::I32, {sum, chains[i]});
  a.store(VecOp::Store, i32, sum, {out, {}, 0, 0});
  return a.program;
}

vec::Program stream_program(int lanes) {
  vec::Assembler a;
  a.program.name = "stream";
  a.program.lanes = lanes;
  const Reg from = a.scalar_op(VecOp::Arg, {}, 0), to = a.scalar_op(VecOp::Arg, {}, 1);
  const Reg out = a.scalar_op(VecOp::Arg, {}, 2);
  std::vector<Reg> seen;
  for (int i = 0; i < kStreamLoads; ++i) seen.push_back(a.emit(VecOp::Const, Lane::F32, {}, 0));
  const int64_t bytes = lanes * 4;
  const Reg at = a.begin_loop(from, to, kStreamLoads * bytes);
  for (int i = 0; i < kStreamLoads; ++i) {
    const Reg x = a.load(VecOp::Load, f32, {at, {}, 0, i * bytes});
    const Reg s = seen[static_cast<size_t>(i)];
    a.emit(VecOp::Or, Lane::F32, {s, x}, 0, s);
  }
  a.end();
  Reg all = seen[0];
  for (size_t i = 1; i < seen.size(); ++i) all = a.emit(VecOp::Or, Lane::F32, {all, seen[i]});
  a.store(VecOp::Store, f32, all, {out, {}, 0, 0});
  return a.program;
}

const Peak& measured_peak(Isa isa) {
  static std::mutex mutex;
  static Peak known[2];
  const std::lock_guard lock(mutex);
  Peak& p = known[is_avx512(isa)];
  if (p.flops == 0) p = measure(isa);
  return p;
}

Roof roof_of(double flops, double bytes, const Peak& peak, int threads) {
  const bool near = bytes <= static_cast<double>(this_cpu().l2);
  const double compute = flops / (peak.flops * threads);
  const double move = bytes / (near ? peak.l2 * threads : peak.memory);
  if (compute >= move) return {compute, "compute"};
  return {move, near ? "L2" : "memory"};
}

}  // namespace tauto
