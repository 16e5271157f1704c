// What one core of this machine can do at most: the denominators of every percentage that is printed.
//
// The peak is that of a loop of independent chains of fused multiply-adds that touches nothing but registers,
// in f32 on the widest vectors of the instruction set; it goes the way of every kernel (vector program,
// register allocation, encoder). The bandwidths are those of a loop that only loads.
#pragma once

#include "codegen/vector.h"
#include "support/cpu.h"

namespace tauto {

struct Peak {
  double flops = 0;   // f32 operations a second; a fused multiply-add is two
  double l2 = 0;      // bytes a second from what fits into half of the second-level cache
  double memory = 0;  // bytes a second from what does not
};

// Measured when first asked, once for each instruction set; takes about 0.2 s.
const Peak& measured_peak(Isa isa);

// void(count, address of W floats): `count` times kPeakFlops(W) operations; stores the sums of the chains.
inline constexpr int kPeakChains = 12, kPeakSteps = 4;
vec::Program peak_program(int lanes);
// void(from, to, address of W floats): loads all bytes from..to, which are a multiple of 8 vectors.
vec::Program dot_peak_program(int lanes);  // the same of dotb: four multiplications a lane
vec::Program stream_program(int lanes);

// Where a computation of so much work is bound, and how long it takes at least.
struct Roof {
  double seconds = 0;
  const char* bound = "";  // "compute", "L2", "memory"
};
Roof roof_of(double flops, double bytes, const Peak& peak, int threads);

}  // namespace tauto
