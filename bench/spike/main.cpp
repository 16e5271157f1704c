// Timing and printing for the semantics spike; see spike.h. Usage: spike [filter] [--core N] [--samples N]
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/spike/spike.h"

namespace spike {
namespace {

std::string filter;
int samples = 41;
int wrong = 0;

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double time_of(const std::function<void()>& f, int repeats) {
  double t = seconds();
  for (int i = 0; i < repeats; ++i) f();
  return (seconds() - t) / repeats;
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + v.size() / 2, v.end());
  return v[v.size() / 2];
}

void check(const char* isa, const Case& c, const Form& form, const std::vector<float>& want) {
  Buffer& out = *c.out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = NAN;
  form.run();
  if (form.reference) {
    std::vector<float> got(out.data(), out.data() + out.size());
    form.reference(out);
    for (size_t i = 0; i < out.size(); ++i) {
      if (std::memcmp(&got[i], &out[i], 4) != 0) {
        std::fprintf(stderr, "WRONG BITS %s %s %s %s: [%zu] got %a, reference %a\n", isa, c.kernel.c_str(),
                     c.shape.c_str(), form.name.c_str(), i, got[i], out[i]);
        ++wrong;
        break;
      }
    }
    std::copy(got.begin(), got.end(), out.data());
  }
  float scale = 0;
  double tolerance = std::max(c.tolerance, form.tolerance);
  for (float w : want) scale = std::max(scale, std::fabs(w));
  for (size_t i = 0; i < want.size(); ++i) {
    if (!(std::fabs(out[i] - want[i]) <= tolerance * scale)) {
      std::fprintf(stderr, "DIFFERENT %s %s %s %s: [%zu] got %g, free %g (scale %g)\n", isa, c.kernel.c_str(),
                   c.shape.c_str(), form.name.c_str(), i, out[i], want[i], scale);
      ++wrong;
      break;
    }
  }
}

}  // namespace

void bench(const char* isa, const Case& c) {
  std::string line = c.kernel + " " + isa + " " + c.shape;
  if (line.find(filter) == std::string::npos) return;
  c.forms[0].run();
  std::vector<float> want(c.out->data(), c.out->data() + c.out->size());
  for (const Form& form : c.forms) check(isa, c, form, want);

  // A sample is about 150 microseconds of the free form: long against the clock, short against a time slice.
  int repeats = 1;
  for (double t = 0; (t = time_of(c.forms[0].run, repeats) * repeats) < 150e-6;) {
    repeats = std::max(repeats + 1, static_cast<int>(repeats * 170e-6 / std::max(t, 1e-7)));
  }
  size_t n = c.forms.size();
  std::vector<std::vector<double>> times(n), ratios(n);
  for (int s = 0; s < samples; ++s) {
    std::vector<double> t(n);
    for (size_t k = 0; k < n; ++k) {
      size_t f = (s % 2) ? n - 1 - k : k;
      t[f] = time_of(c.forms[f].run, repeats);
    }
    for (size_t f = 0; f < n; ++f) times[f].push_back(t[f]), ratios[f].push_back(t[0] / t[f]);
  }
  double best_free = *std::min_element(times[0].begin(), times[0].end());
  for (size_t f = 1; f < n; ++f) {
    double best = *std::min_element(times[f].begin(), times[f].end());
    std::printf("| %s | %s | %s | %.1f %s | %s | %.1f | %.2f | %.2f |\n", c.kernel.c_str(), isa,
                c.shape.c_str(), c.work / best_free * 1e-9, c.unit.c_str(), c.forms[f].name.c_str(),
                c.work / best * 1e-9, median(ratios[f]), best_free / best);
  }
  std::fflush(stdout);
}

void check_that(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "WRONG %s\n", what), ++wrong;
}

}  // namespace spike

int main(int argc, char** argv) {
  int core = -1;
  for (int i = 1; i < argc; ++i) {
    std::string a = argv[i];
    if (a == "--core" && i + 1 < argc)
      core = std::atoi(argv[++i]);
    else if (a == "--samples" && i + 1 < argc)
      spike::samples = std::atoi(argv[++i]);
    else
      spike::filter = a;
  }
  if (core >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model", 0) == 0 || line.rfind("cpu family", 0) == 0) std::printf("%s\n", line.c_str());
    if (line.empty()) break;
  }
  std::printf("peak f32, one core: avx2 %.0f GFLOP/s", spike::peak_avx2());
  if (wide) std::printf(", avx512 %.0f GFLOP/s", spike::peak_avx512());
  std::printf("\n\n| kernel | isa | shape | free | defined form | rate | ratio | of best times |\n");
  std::printf("|---|---|---|---:|---|---:|---:|---:|\n");
  spike::reduce_avx2();
  if (wide) spike::reduce_avx512();
  spike::contract_avx2();
  if (wide) spike::contract_avx512();
  spike::pool_avx2();
  if (wide) spike::pool_avx512();
  spike::norm_avx2();
  if (wide) spike::norm_avx512();
  spike::maps_avx2();
  if (wide) spike::maps_avx512();
  if (spike::wrong)
    std::printf("\nspike: %d forms wrong\n", spike::wrong);
  else
    std::printf("\nspike: all defined forms equal their scalar reference bit for bit\n");
  return spike::wrong ? 1 : 0;
}
