// Every elementary function against its published bound, at length; one test each, "Functions.exp f32":
//   unary f32   all 2^32 inputs
//   unary f64   10^7 samples, each against MPFR
//   binary f32  10^9 pairs;  binary f64  10^7 pairs, each against MPFR
// f32 results are held against the C library's f64 function (its vector form). That value is trusted only
// where our own f64 tree, written independently of it, gives the same to 2^-44; where the two differ more,
// where a result comes within 2^-10 ulp of its bound, and for the largest error reported, MPFR decides.
//
// A function is done in kParts parts. What a part found is kept in the build folder (functions_long.state),
// with a hash of the function's results on 2^17 inputs; while that hash stays, a part is not done again: a
// run that was ended goes on where it was. TAUTO_AGAIN=1 forgets, TAUTO_THREADS=2 does two parts at a time,
// TAUTO_SAMPLES=10000 makes every sample set and stride that small. Prints a line for each function, a line
// of progress where stderr is a terminal.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "ops/math/cases.h"
#include "paths.h"

namespace tauto::testing {
namespace {

constexpr uint64_t kSeed = 20250117;
constexpr uint64_t kChunk = 4096;
constexpr uint64_t kParts = 64;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The largest error so far, and where.
struct Worst {
  double error = 0;
  double a = 0, b = 0, y = 0;
  void meet(double e, double at, double second, double result) {
    if (e > error) *this = {e, at, second, result};
  }
};

struct Job {
  std::string name;  // "exp f32"
  double bound;
  uint64_t chunks;                        // of kChunk results each
  std::function<uint64_t()> fingerprint;  // of the results on a fixed set of inputs
  std::function<Worst(uint64_t begin, uint64_t end, std::mt19937_64& random)> run;  // chunks begin to end - 1
};

uint64_t hash_of(uint64_t h, uint64_t v) { return std::rotl((h ^ v) * 0x9e3779b97f4a7c15u, 29); }

template <class F>
uint64_t hash_of(const std::vector<F>& y) {
  uint64_t h = 1;
  for (F v : y) {
    if (std::isnan(v)) v = std::numeric_limits<F>::quiet_NaN();
    if constexpr (sizeof(F) == 4) {
      h = hash_of(h, std::bit_cast<uint32_t>(v));
    } else {
      h = hash_of(h, std::bit_cast<uint64_t>(v));
    }
  }
  return h;
}

// The errors of f32 results y, given the C library's values and our f64 tree's; -1 where these do not decide.
void errors(const float* y, const double* library, const double* tree, double bound, double* e) {
  const double limit = bound - 0x1p-10;
  const double above = 0x1.ffffffp127 * (1 + 0x1p-40);  // what certainly rounds to infinity
  for (size_t i = 0; i < kChunk; ++i) {
    const double r = library[i];
    const double value = y[i];
    const double binade = std::bit_cast<double>(std::bit_cast<uint64_t>(r) & 0x7ff0000000000000u);
    const double ulp = binade * 0x1p-23 < 0x1p-149 ? 0x1p-149 : binade * 0x1p-23;
    const double error = std::abs(value - r) / ulp;
    const bool same_sign = (std::bit_cast<int64_t>(r) ^ std::bit_cast<int64_t>(value)) >= 0;
    const bool trusted = std::abs(r - tree[i]) <= std::abs(r) * 0x1p-44;
    const int overflow = int{std::isinf(value)} & int{std::abs(r) > above};
    e[i] = !(int{trusted} & int{same_sign}) ? -1.0 : overflow ? 0.0 : error < limit ? error : -1.0;
  }
}

// Takes in the errors of a chunk; exact(i) is asked where they are -1.
template <class Exact>
void meet_all(Worst& worst, const double* e, const float* y, const double* library, const double* tree,
              const Exact& exact, const double* a, const double* b) {
  bool news = false;  // hardly ever; this loop vectorises
  for (size_t i = 0; i < kChunk; ++i) news |= (e[i] < 0) | (e[i] > worst.error);
  if (!news) return;
  for (size_t i = 0; i < kChunk; ++i) {
    double error = e[i];
    if (error < 0) {
      const bool nan = std::isnan(y[i]) && std::isnan(library[i]) && std::isnan(tree[i]);
      const bool infinite = std::isinf(library[i]) && y[i] == library[i] && y[i] == tree[i];
      error = nan || infinite ? 0 : exact(i);
    }
    worst.meet(error, a[i], b == nullptr ? 0 : b[i], y[i]);
  }
}

uint64_t chunks_of(uint64_t samples) { return (samples + kChunk - 1) / kChunk; }

Job unary_f32(const UnaryCase& c, uint64_t stride) {
  const auto fingerprint = [&c] {
    std::vector<float> x, y(1 << 17);
    for (uint64_t i = 0; i < y.size(); ++i)
      x.push_back(std::bit_cast<float>(static_cast<uint32_t>(i * 32771)));
    c.f32(x.data(), y.data(), y.size());
    return hash_of(y);
  };
  const auto run = [&c, stride](uint64_t begin, uint64_t end, std::mt19937_64&) {
    Worst worst;
    float x[kChunk], y[kChunk];
    double wide[kChunk], tree[kChunk], library[kChunk], e[kChunk];
    for (uint64_t chunk = begin; chunk < end; ++chunk) {
      for (uint64_t i = 0; i < kChunk; ++i) {
        x[i] = std::bit_cast<float>(static_cast<uint32_t>((chunk * kChunk + i) * stride));
        wide[i] = x[i];
      }
      c.f32(x, y, kChunk);
      c.f64(wide, tree, kChunk);
      c.references(wide, library, kChunk);
      errors(y, library, tree, c.bound.f32_ulp, e);
      const auto exact = [&](size_t i) { return exact_error(c, x[i], y[i]); };
      meet_all(worst, e, y, library, tree, exact, wide, nullptr);
    }
    if (worst.error > 0)
      worst.error = exact_error(c, static_cast<float>(worst.a), static_cast<float>(worst.y));
    return worst;
  };
  return {c.name + " f32", c.bound.f32_ulp, (uint64_t{1} << 32) / stride / kChunk, fingerprint, run};
}

Job unary_f64(const UnaryCase& c, uint64_t samples) {
  const auto fingerprint = [&c] {
    std::mt19937_64 random(kSeed);
    const std::vector<double> x = unary_samples<double>(1 << 17, random);
    std::vector<double> y(x.size());
    c.f64(x.data(), y.data(), y.size());
    return hash_of(y);
  };
  const auto run = [&c](uint64_t begin, uint64_t end, std::mt19937_64& random) {
    Worst worst;
    double y[kChunk];
    for (uint64_t chunk = begin; chunk < end; ++chunk) {
      const std::vector<double> x = unary_samples<double>(kChunk, random);
      c.f64(x.data(), y, kChunk);
      for (size_t i = 0; i < kChunk; ++i) worst.meet(exact_error(c, x[i], y[i]), x[i], 0, y[i]);
    }
    return worst;
  };
  return {c.name + " f64", c.bound.f64_ulp, chunks_of(samples), fingerprint, run};
}

template <class F>
uint64_t binary_fingerprint(void (*f)(const F*, const F*, F*, size_t)) {
  std::mt19937_64 random(kSeed);
  const Pairs<F> p = binary_samples<F>(1 << 17, random);
  std::vector<F> y(p.a.size());
  f(p.a.data(), p.b.data(), y.data(), y.size());
  return hash_of(y);
}

Job binary_f32(const BinaryCase& c, uint64_t samples) {
  const auto run = [&c](uint64_t begin, uint64_t end, std::mt19937_64& random) {
    Worst worst;
    std::vector<float> y(kChunk);
    std::vector<double> tree(kChunk), library(kChunk), e(kChunk);
    for (uint64_t chunk = begin; chunk < end; ++chunk) {
      const Pairs<float> p = binary_samples<float>(kChunk, random);
      const std::vector<double> a(p.a.begin(), p.a.end()), b(p.b.begin(), p.b.end());
      c.f32(p.a.data(), p.b.data(), y.data(), kChunk);
      c.f64(a.data(), b.data(), tree.data(), kChunk);
      c.references(a.data(), b.data(), library.data(), kChunk);
      errors(y.data(), library.data(), tree.data(), c.bound.f32_ulp, e.data());
      const auto exact = [&](size_t i) { return exact_error(c, p.a[i], p.b[i], y[i]); };
      meet_all(worst, e.data(), y.data(), library.data(), tree.data(), exact, a.data(), b.data());
    }
    if (worst.error > 0)
      worst.error = exact_error(c, static_cast<float>(worst.a), static_cast<float>(worst.b),
                                static_cast<float>(worst.y));
    return worst;
  };
  return {c.name + " f32", c.bound.f32_ulp, chunks_of(samples), [&c] { return binary_fingerprint(c.f32); },
          run};
}

Job binary_f64(const BinaryCase& c, uint64_t samples) {
  const auto run = [&c](uint64_t begin, uint64_t end, std::mt19937_64& random) {
    Worst worst;
    std::vector<double> y(kChunk);
    for (uint64_t chunk = begin; chunk < end; ++chunk) {
      const Pairs<double> p = binary_samples<double>(kChunk, random);
      c.f64(p.a.data(), p.b.data(), y.data(), kChunk);
      for (size_t i = 0; i < kChunk; ++i) {
        worst.meet(exact_error(c, p.a[i], p.b[i], y[i]), p.a[i], p.b[i], y[i]);
      }
    }
    return worst;
  };
  return {c.name + " f64", c.bound.f64_ulp, chunks_of(samples), [&c] { return binary_fingerprint(c.f64); },
          run};
}

std::vector<Job> all_jobs() {
  const uint64_t samples = number_from("TAUTO_SAMPLES", 0);
  // An odd stride meets every pattern of the low bits.
  const uint64_t stride = samples == 0 ? 1 : std::max<uint64_t>(1, (uint64_t{1} << 32) / samples) | 1;
  std::vector<Job> jobs;
  for (const UnaryCase& c : unary_cases()) {
    jobs.push_back(unary_f32(c, stride));
    jobs.push_back(unary_f64(c, samples == 0 ? 10'000'000 : samples));
  }
  for (const BinaryCase& c : binary_cases()) {
    jobs.push_back(binary_f32(c, samples == 0 ? 1'000'000'000 : samples));
    jobs.push_back(binary_f64(c, samples == 0 ? 10'000'000 : samples));
  }
  return jobs;
}

// What the parts of all jobs found, in this run and before: a line for each, "KEY part I: ERROR A B Y".
class State {
 public:
  State() {
    std::ifstream in(path_);
    if (number_from("TAUTO_AGAIN", 0) != 0) std::ofstream(path_).flush();
    for (std::string line; std::getline(in, line);) {
      Worst w;
      const size_t colon = line.rfind(": ");
      if (colon != line.npos &&
          std::sscanf(line.c_str() + colon, ": %la %la %la %la", &w.error, &w.a, &w.b, &w.y) == 4)
        found_[line.substr(0, colon)] = w;
    }
  }
  const Worst* find(const std::string& key) const {
    const auto at = found_.find(key);
    return at == found_.end() ? nullptr : &at->second;
  }
  void keep(const std::string& key, const Worst& w) {
    char text[160];
    std::snprintf(text, sizeof text, ": %a %a %a %a\n", w.error, w.a, w.b, w.y);
    std::ofstream(path_, std::ios::app) << key + text;
  }

 private:
  const std::string path_ = build_path("functions_long.state");
  std::map<std::string, Worst> found_;
};

std::string key_of(const Job& job) {
  char text[160];
  std::snprintf(text, sizeof text, "%s chunks %llu hash %016llx", job.name.c_str(),
                static_cast<unsigned long long>(job.chunks),
                static_cast<unsigned long long>(job.fingerprint()));
  return text;
}

// The worst of all parts of a job; `done_before` counts those that an earlier run did.
Worst run_parts(const Job& job, State& state, uint64_t& done_before) {
  const std::string key = key_of(job);
  std::mutex mutex;  // of all that follows
  Worst worst;
  uint64_t next = 0, done = 0;
  const auto work = [&] {
    for (;;) {
      uint64_t part;
      {
        const std::lock_guard lock(mutex);
        if (next == kParts) return;
        part = next++;
      }
      const std::string part_key = key + " part " + std::to_string(part);
      const Worst* before = state.find(part_key);
      Worst w;
      if (before) {
        w = *before;
      } else {
        std::mt19937_64 random(kSeed + part);
        w = job.run(job.chunks * part / kParts, job.chunks * (part + 1) / kParts, random);
      }
      const std::lock_guard lock(mutex);
      if (!before) state.keep(part_key, w);
      done_before += before ? 1 : 0;
      worst.meet(w.error, w.a, w.b, w.y);
      ++done;
      if (isatty(2))
        std::fprintf(stderr, "\r%-12s %3llu %%\x1b[K%s", job.name.c_str(),
                     static_cast<unsigned long long>(100 * done / kParts), done == kParts ? "\r\x1b[K" : "");
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < number_from("TAUTO_THREADS", 1); ++i) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  return worst;
}

class Function : public ::testing::Test {
 public:
  Function(const Job& job, State& state) : job_(job), state_(state) {}
  void TestBody() override {
    uint64_t done_before = 0;
    const Worst worst = run_parts(job_, state_, done_before);
    char text[200];
    std::snprintf(text, sizeof text, "%-12s %.4f ulp at (%a, %a) -> %a, bound %g", job_.name.c_str(),
                  worst.error, worst.a, worst.b, worst.y, job_.bound);
    std::printf("%s%s\n", text, done_before == kParts ? " (before)" : "");
    std::fflush(stdout);
    EXPECT_LE(worst.error, job_.bound) << text;
  }

 private:
  const Job& job_;
  State& state_;
};

const bool registered = [] {
  static const std::vector<Job> jobs = all_jobs();
  for (const Job& job : jobs)
    ::testing::RegisterTest("Functions", job.name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [&job]() -> ::testing::Test* {
                              static State state;
                              return new Function(job, state);
                            });
  return true;
}();

}  // namespace
}  // namespace tauto::testing
