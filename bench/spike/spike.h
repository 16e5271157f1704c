// The semantics spike: what the definitions of docs/semantics.md cost.
//
// Each micro-kernel is written once unconstrained ("free": any order of additions, any number of
// accumulators, approximate instructions) and once or more under a definition whose bits do not depend on the
// vector width. `bench` checks every form against a scalar reference first, bit for bit where the form is a
// definition, then times all forms in turn, so that noise of the machine hits them alike, and prints ratios
// of neighbours in time. Every kernel file is compiled twice (AVX2+FMA, AVX-512); `SPIKE_ISA` names the
// build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace spike {

// Aligned to a cache line, filled with reproducible values in [-1, 1).
class Buffer {
 public:
  explicit Buffer(size_t n, uint32_t seed = 0)
      : n_(n), p_(static_cast<float*>(::operator new(n * 4 + 256, std::align_val_t(64)))) {
    uint32_t s = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < n + 64; ++i) {
      s = s * 1664525u + 1013904223u;
      p_[i] = seed == 0 ? 0.0f : static_cast<float>(static_cast<int32_t>(s)) * 0x1p-31f;
    }
  }
  ~Buffer() { ::operator delete(p_, std::align_val_t(64)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return p_; }
  const float* data() const { return p_; }
  size_t size() const { return n_; }
  float& operator[](size_t i) { return p_[i]; }
  float operator[](size_t i) const { return p_[i]; }

 private:
  size_t n_;
  float* p_;
};

// One way to compute the kernel. With `reference`, the form is a definition: after run(), out must equal
// the reference bit for bit. The free form is compared within `tolerance` of scale.
struct Form {
  std::string name;
  std::function<void()> run;
  std::function<void(Buffer&)> reference;
  double tolerance = 0;  // instead of the case's, for forms that are meant to be less accurate
};

struct Case {
  std::string kernel, shape, unit;  // unit: "GFLOP/s", "GB/s", "Gelem/s"
  double work;                      // in 1e9ths of the unit, per run
  Buffer* out;
  double tolerance;
  std::vector<Form> forms;  // the first is the free one
};

void bench(const char* isa, const Case& c);
void check_that(bool holds, const char* what);

void reduce_avx2();
void reduce_avx512();
void contract_avx2();
void contract_avx512();
void pool_avx2();
void pool_avx512();
void norm_avx2();
void norm_avx512();
void maps_avx2();
void maps_avx512();
double peak_avx2();
double peak_avx512();

}  // namespace spike
