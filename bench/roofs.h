// What one core can do at most, measured in turns with what is held against it and with the same clock: by
// kernels that go the way of every kernel (vector program, registers, encoder).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "bench/contractions.h"
#include "codegen/x64/encode.h"
#include "compile/peak.h"
#include "graph/tensor.h"
#include "runtime/code_memory.h"

namespace tauto {

template <class F>
double time_of(F f) {
  const double start = seconds();
  f();
  return seconds() - start;
}

// Of the share of a roof: the median of (seconds that the roof needs) / (seconds of f), in percent. `roof`
// measures the roof for f's work, in seconds.
template <class F, class Roof>
double percent(F f, Roof roof, double budget) {
  f();
  std::vector<double> all;
  for (const double start = seconds(); all.size() < 5 || seconds() - start < budget;) {
    const double least = roof();
    all.push_back(100 * least / f());
  }
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

// How many vector instructions of which kind; Compare stands for one with the Select of its mask.
using Counted = std::map<vec::VecOp, double>;

class Roofs {
 public:
  explicit Roofs(Isa isa) : lanes_(is_avx512(isa) ? 16 : 8), data_(f32, {int64_t{24} << 20}) {
    const vec::X64Features options = vec::x64_features_of(isa);
    CodeWriter w;
    w.add("peak", vec::encode(peak_program(lanes_), options));
    w.add("stream", vec::encode(stream_program(lanes_), options));
    w.add("copy", vec::encode(copy_program(), options));
    w.add("dot_peak", vec::encode(dot_peak_program(lanes_), options));
    code_ = std::move(w).seal();
    std::fill_n(data_.data<float>(), data_.count(), 1.0f);
  }
  int lanes() const { return lanes_; }
  Tensor& data() { return data_; }  // that the loops read

  double flops() {  // operations a second
    constexpr uint64_t kCount = 4000;
    const uint64_t arguments[] = {kCount, reinterpret_cast<uint64_t>(sums_)};
    return kCount * 2.0 * kPeakChains * kPeakSteps * lanes_ /
           time_of([&] { code_.function<Kernel>(0)(arguments, nullptr); });
  }
  double dots() {  // multiplications and additions of bytes a second
    constexpr uint64_t kCount = 4000;
    const uint64_t arguments[] = {kCount, reinterpret_cast<uint64_t>(sums_)};
    return kCount * 2.0 * kPeakChains * kPeakSteps * 4 * lanes_ /
           time_of([&] { code_.function<Kernel>(3)(arguments, nullptr); });
  }
  double bandwidth(int64_t bytes) {  // bytes a second of reading so many again and again
    bytes = std::min(bytes, data_.count() * 4) / 4096 * 4096;
    const auto from = reinterpret_cast<uint64_t>(data_.raw());
    const uint64_t arguments[] = {from, from + static_cast<uint64_t>(bytes),
                                  reinterpret_cast<uint64_t>(sums_)};
    return static_cast<double>(bytes) / seconds_of_call(1, arguments, bytes);
  }
  double copy_bandwidth(int64_t bytes) {  // bytes a second of reading half of so many and writing as many
    bytes = std::min(bytes, data_.count() * 4) / 8192 * 4096;
    const auto from = reinterpret_cast<uint64_t>(data_.raw());
    const uint64_t arguments[] = {from, from + static_cast<uint64_t>(bytes),
                                  from + static_cast<uint64_t>(bytes)};
    return 2 * static_cast<double>(bytes) / seconds_of_call(2, arguments, 2 * bytes);
  }

 private:
  using Kernel = void(const uint64_t*, void*);

  // The clock is a system call: short kernels are called several times.
  double seconds_of_call(size_t kernel, const uint64_t* arguments, int64_t bytes) {
    const int times = static_cast<int>(std::max<int64_t>(1, (4 << 20) / std::max<int64_t>(bytes, 1)));
    return time_of([&] {
             for (int i = 0; i < times; ++i) code_.function<Kernel>(kernel)(arguments, nullptr);
           }) /
           times;
  }
  // void(from, end, to)
  vec::Program copy_program() const {
    vec::Assembler a;
    a.program.name = "copy";
    a.program.lanes = lanes_;
    const vec::Reg from = a.scalar_op(vec::VecOp::Arg, {}, 0), end = a.scalar_op(vec::VecOp::Arg, {}, 1);
    const vec::Reg to = a.scalar_op(vec::VecOp::Arg, {}, 2);
    const vec::Reg apart = a.scalar_op(vec::VecOp::SubS, {to, from});
    const int64_t bytes = lanes_ * 4;
    const vec::Reg at = a.begin_loop(from, end, 4 * bytes);
    const vec::Reg there = a.scalar_op(vec::VecOp::AddS, {at, apart});
    for (int i = 0; i < 4; ++i)
      a.store(vec::VecOp::Store, f32, a.load(vec::VecOp::Load, f32, {at, {}, 0, i * bytes}),
              {there, {}, 0, i * bytes});
    a.end();
    return a.program;
  }

  int lanes_;
  Tensor data_;
  CodeMemory code_;
  float sums_[16];
};

// A loop of nothing but so many instructions of these kinds, in proportion, that do not wait for each other:
// how long the units of this core take for them at least.
class InstructionRoof {
 public:
  InstructionRoof(const Counted& counted, int lanes) : wide_(lanes == 16) {
    double all = 0;
    for (const auto& [op, n] : counted) all += n;
    per_trip_ = std::min(1.0, kInstructions / all);
    std::vector<std::pair<double, vec::VecOp>> order;  // each kind evenly over the loop
    for (const auto& [op, n] : counted) {
      const int times = static_cast<int>(std::lround(n * per_trip_));
      for (int i = 0; i < times; ++i) order.emplace_back((i + 0.5) / times, op);
    }
    std::sort(order.begin(), order.end());
    CodeWriter w;
    w.add("instructions", vec::encode(program(order, lanes), {wide_}));
    code_ = std::move(w).seal();
  }
  double seconds() {  // of all that was counted
    constexpr uint64_t kTrips = 1000;
    const uint64_t arguments[] = {kTrips, reinterpret_cast<uint64_t>(memory_)};
    const double t = time_of([&] { code_.function<void(const uint64_t*, void*)>(0)(arguments, nullptr); });
    return t / (kTrips * per_trip_);
  }

 private:
  // More than codegen/interleave puts in an order of its own: they stay spread as they are.
  static constexpr double kInstructions = 1300;

  // void(count, memory)
  vec::Program program(const std::vector<std::pair<double, vec::VecOp>>& order, int lanes) const {
    using vec::Lane;
    using vec::Reg;
    using vec::VecOp;
    vec::Assembler a;
    a.program.name = "instructions";
    a.program.lanes = lanes;
    const auto number = [&](float x) {
      uint32_t bits = 0;
      std::memcpy(&bits, &x, sizeof bits);
      return a.emit(VecOp::Const, Lane::F32, {}, bits);
    };
    const Reg count = a.scalar_op(VecOp::Arg, {}, 0), memory = a.scalar_op(VecOp::Arg, {}, 1);
    const Reg zero = a.scalar_op(VecOp::Imm, {}, 0), half = number(0.5f), one = number(1);
    const Reg three = a.emit(VecOp::Const, Lane::I32, {}, 3);
    const vec::Reg mask = a.emit(VecOp::Compare, Lane::F32, {half, one}, 0);
    std::vector<Reg> sums, floats, ints;  // of fused multiplications, which read what they write; of others
    for (int i = 0; i < 8; ++i) sums.push_back(number(1.5f));
    for (int i = 0; i < 2; ++i) floats.push_back(number(1.5f));
    for (int i = 0; i < 2; ++i) ints.push_back(a.emit(VecOp::Const, Lane::I32, {}, 5));
    const Reg to = a.mask();
    a.emit(VecOp::Compare, Lane::F32, {half, one}, 0, to);
    int64_t at = 0;
    a.begin_loop(zero, count, 1);
    for (const auto& [place, op] : order) {
      const auto i = static_cast<size_t>(at++);
      const vec::Address address{memory, {}, 0, at % kVectors * lanes * 4};
      const Reg f = floats[i % floats.size()], n = ints[i % ints.size()], s = sums[i % sums.size()];
      if (op == VecOp::Load) {
        a.load(op, f32, address, {}, {}, f);
      } else if (op == VecOp::Store) {
        a.store(op, f32, one, address);
      } else if (op == VecOp::Fma) {
        a.emit(op, Lane::F32, {s, half, one}, 0, s);
      } else if (op == VecOp::Shl) {
        a.emit(op, Lane::I32, {three}, 1, n);
      } else if (op == VecOp::And) {
        a.emit(op, Lane::I32, {three, three}, 0, n);
      } else if (op == VecOp::Convert) {
        a.emit(op, Lane::F32, {three}, 0, f);
      } else if (op == VecOp::Sqrt || op == VecOp::Round || op == VecOp::Down) {
        a.emit(op, Lane::F32, {one}, op == VecOp::Down, f);
      } else if (op == VecOp::Compare) {
        a.emit(op, Lane::F32, {half, one}, 0, to);
        a.emit(VecOp::Select, Lane::F32, {mask, one, half}, 0, f);
      } else {
        a.emit(op, Lane::F32, {half, one}, 0, f);
      }
    }
    a.end();
    for (Reg r : sums) a.store(VecOp::Store, f32, r, {memory, {}, 0, 0});
    for (Reg r : floats) a.store(VecOp::Store, f32, r, {memory, {}, 0, 0});
    for (Reg r : ints) a.store(VecOp::Store, i32, r, {memory, {}, 0, 0});
    return a.program;
  }

  static constexpr int64_t kVectors = 64;
  bool wide_;
  double per_trip_ = 1;  // of what was counted
  CodeMemory code_;
  alignas(64) float memory_[kVectors * 16] = {};
};

}  // namespace tauto
