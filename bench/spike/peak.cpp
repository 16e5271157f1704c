// The peak of one core: independent fma chains in registers.
#include <chrono>

#include "bench/spike/vec.h"

namespace spike {

double SPIKE_NAME(peak)() {
  constexpr int n = 12;
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    V s[n];
    for (int i = 0; i < n; ++i) s[i] = set1(static_cast<float>(i));
    V a = set1(0.999f), b = set1(0.001f);
    auto t0 = std::chrono::steady_clock::now();
    for (int k = 0; k < 200000; ++k) {
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) s[i] = fma(s[i], a, b);
      asm volatile("" : "+v"(s[0]));
    }
    double t = std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count();
    V sum = s[0];
    for (int i = 1; i < n; ++i) sum = add(sum, s[i]);
    asm volatile("" : : "v"(sum));
    best = std::max(best, 2.0 * n * W * 200000 / t * 1e-9);
  }
  return best;
}

}  // namespace spike
