// Every elementary function against its published bound, at length:
//   unary f32   all 2^32 inputs
//   unary f64   10^7 samples, each against MPFR
//   binary f32  10^9 pairs;  binary f64  10^7 pairs, each against MPFR
// f32 results are held against the C library's f64 function (its vector form). That value is trusted only
// where our own f64 tree, written independently of it, gives the same to 2^-44; where the two differ more,
// where a result comes within 2^-10 ulp of its bound, and for the largest error reported, MPFR decides.
//
// Two threads (TAUTO_THREADS); about an hour. A function that passed is remembered in the build folder, with
// a hash of its results on 2^17 inputs, and not tested again while that hash and its bound stay
// (TAUTO_AGAIN=1 forgets). TAUTO_ONLY=exp restricts it to one function, TAUTO_KIND=f32 to one format,
// TAUTO_SAMPLES=10000 makes every sample set and stride that small. Ends with `functions: N / M within their
// bound`.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
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
constexpr size_t kChunk = 4096;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The largest error of a job so far, and where.
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
  uint64_t total;                                         // results to be checked
  std::function<uint64_t()> fingerprint;                  // of the results on a fixed set of inputs
  std::function<Worst(std::atomic<uint64_t>& done)> run;  // counts results in done
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
  for (size_t i = 0; i < kChunk; ++i) {
    const double r = library[i];
    const double value = y[i];
    const double binade = std::bit_cast<double>(std::bit_cast<uint64_t>(r) & 0x7ff0000000000000u);
    const double ulp = binade * 0x1p-23 < 0x1p-149 ? 0x1p-149 : binade * 0x1p-23;
    const double error = std::abs(value - r) / ulp;
    const bool same_sign = (std::bit_cast<int64_t>(r) ^ std::bit_cast<int64_t>(value)) >= 0;
    const bool trusted = std::abs(r - tree[i]) <= std::abs(r) * 0x1p-44;
    e[i] = (trusted & (error < limit) & same_sign) ? error : -1.0;
  }
}

// Takes in the errors of a chunk; exact(i) is asked where they are -1.
template <class Exact>
void meet_all(Worst& worst, const double* e, const float* y, const double* library, const double* tree,
              const Exact& exact, const double* a, const double* b) {
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

Job unary_f32(const UnaryCase& c, uint64_t stride) {
  const auto fingerprint = [&c] {
    std::vector<float> x, y(1 << 17);
    for (uint64_t i = 0; i < y.size(); ++i)
      x.push_back(std::bit_cast<float>(static_cast<uint32_t>(i * 32771)));
    c.f32(x.data(), y.data(), y.size());
    return hash_of(y);
  };
  const auto run = [&c, stride](std::atomic<uint64_t>& done) {
    Worst worst;
    float x[kChunk], y[kChunk];
    double wide[kChunk], tree[kChunk], library[kChunk], e[kChunk];
    for (uint64_t start = 0; start < uint64_t{1} << 32; start += kChunk * stride) {
      for (uint64_t i = 0; i < kChunk; ++i) {
        x[i] = std::bit_cast<float>(static_cast<uint32_t>(start + i * stride));
        wide[i] = x[i];
      }
      c.f32(x, y, kChunk);
      c.f64(wide, tree, kChunk);
      c.references(wide, library, kChunk);
      errors(y, library, tree, c.bound.f32_ulp, e);
      const auto exact = [&](size_t i) { return exact_error(c, x[i], y[i]); };
      meet_all(worst, e, y, library, tree, exact, wide, nullptr);
      done += kChunk;
    }
    worst.error = exact_error(c, static_cast<float>(worst.a), static_cast<float>(worst.y));
    return worst;
  };
  return {c.name + " f32", c.bound.f32_ulp, (uint64_t{1} << 32) / stride, fingerprint, run};
}

Job unary_f64(const UnaryCase& c, uint64_t samples) {
  const auto fingerprint = [&c] {
    std::mt19937_64 random(kSeed);
    const std::vector<double> x = unary_samples<double>(1 << 17, random);
    std::vector<double> y(x.size());
    c.f64(x.data(), y.data(), y.size());
    return hash_of(y);
  };
  const auto run = [&c, samples](std::atomic<uint64_t>& done) {
    Worst worst;
    std::mt19937_64 random(kSeed);
    double y[kChunk];
    for (uint64_t n = 0; n < samples; n += kChunk) {
      const std::vector<double> x = unary_samples<double>(kChunk, random);
      c.f64(x.data(), y, kChunk);
      for (size_t i = 0; i < kChunk; ++i) worst.meet(exact_error(c, x[i], y[i]), x[i], 0, y[i]);
      done += kChunk;
    }
    return worst;
  };
  return {c.name + " f64", c.bound.f64_ulp, samples, fingerprint, run};
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
  const auto run = [&c, samples](std::atomic<uint64_t>& done) {
    Worst worst;
    std::mt19937_64 random(kSeed);
    std::vector<float> y(kChunk);
    std::vector<double> tree(kChunk), library(kChunk), e(kChunk);
    for (uint64_t n = 0; n < samples; n += kChunk) {
      const Pairs<float> p = binary_samples<float>(kChunk, random);
      const std::vector<double> a(p.a.begin(), p.a.end()), b(p.b.begin(), p.b.end());
      c.f32(p.a.data(), p.b.data(), y.data(), kChunk);
      c.f64(a.data(), b.data(), tree.data(), kChunk);
      c.references(a.data(), b.data(), library.data(), kChunk);
      errors(y.data(), library.data(), tree.data(), c.bound.f32_ulp, e.data());
      const auto exact = [&](size_t i) { return exact_error(c, p.a[i], p.b[i], y[i]); };
      meet_all(worst, e.data(), y.data(), library.data(), tree.data(), exact, a.data(), b.data());
      done += kChunk;
    }
    worst.error =
        exact_error(c, static_cast<float>(worst.a), static_cast<float>(worst.b), static_cast<float>(worst.y));
    return worst;
  };
  return {c.name + " f32", c.bound.f32_ulp, samples, [&c] { return binary_fingerprint(c.f32); }, run};
}

Job binary_f64(const BinaryCase& c, uint64_t samples) {
  const auto run = [&c, samples](std::atomic<uint64_t>& done) {
    Worst worst;
    std::mt19937_64 random(kSeed);
    std::vector<double> y(kChunk);
    for (uint64_t n = 0; n < samples; n += kChunk) {
      const Pairs<double> p = binary_samples<double>(kChunk, random);
      c.f64(p.a.data(), p.b.data(), y.data(), kChunk);
      for (size_t i = 0; i < kChunk; ++i) {
        worst.meet(exact_error(c, p.a[i], p.b[i], y[i]), p.a[i], p.b[i], y[i]);
      }
      done += kChunk;
    }
    return worst;
  };
  return {c.name + " f64", c.bound.f64_ulp, samples, [&c] { return binary_fingerprint(c.f64); }, run};
}

std::vector<Job> all_jobs() {
  const uint64_t samples = number_from("TAUTO_SAMPLES", 0);
  // An odd stride meets every pattern of the low bits.
  const uint64_t stride = samples == 0 ? 1 : std::max<uint64_t>(1, (uint64_t{1} << 32) / samples) | 1;
  const char* only = std::getenv("TAUTO_ONLY");
  const char* kind = std::getenv("TAUTO_KIND");
  std::vector<Job> jobs;
  for (const UnaryCase& c : unary_cases()) {
    if (only != nullptr && c.name != only) continue;
    jobs.push_back(unary_f32(c, stride));
    jobs.push_back(unary_f64(c, samples == 0 ? 10'000'000 : samples));
  }
  for (const BinaryCase& c : binary_cases()) {
    if (only != nullptr && c.name != only) continue;
    jobs.push_back(binary_f32(c, samples == 0 ? 1'000'000'000 : samples));
    jobs.push_back(binary_f64(c, samples == 0 ? 10'000'000 : samples));
  }
  if (kind != nullptr) std::erase_if(jobs, [&](const Job& j) { return !j.name.ends_with(kind); });
  return jobs;
}

std::string state_line(const Job& job) {
  char text[160];
  std::snprintf(text, sizeof text, "%s total %llu bound %a hash %016llx", job.name.c_str(),
                static_cast<unsigned long long>(job.total), job.bound,
                static_cast<unsigned long long>(job.fingerprint()));
  return text;
}

TEST(Functions, WithinTheirBounds) {
  const std::vector<Job> jobs = all_jobs();
  const std::string state = build_path("functions_long.passed");
  std::map<std::string, std::string> passed;  // state line -> what was found then
  if (number_from("TAUTO_AGAIN", 0) == 0) {
    std::ifstream in(state);
    for (std::string key, value; std::getline(in, key) && std::getline(in, value);) passed[key] = value;
  }

  std::mutex mutex;  // of everything printed or counted
  size_t next = 0, within = 0;
  const auto work = [&] {
    for (;;) {
      size_t index;
      {
        const std::lock_guard lock(mutex);
        if (next == jobs.size()) return;
        index = next++;
      }
      const Job& job = jobs[index];
      const std::string key = state_line(job);
      std::atomic<uint64_t> done = 0;
      std::string found = passed.count(key) ? passed[key] : "";
      bool ok = !found.empty();
      if (!ok) {
        std::atomic<bool> finished = false;
        std::thread watcher([&] {
          while (isatty(2) && !finished) {
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
            std::fprintf(stderr, "\r%-14s %5.1f %%  (%zu of %zu) ", job.name.c_str(),
                         100.0 * static_cast<double>(done) / static_cast<double>(job.total), index + 1,
                         jobs.size());
          }
        });
        const Worst worst = job.run(done);
        finished = true;
        watcher.join();
        ok = worst.error <= job.bound;
        char text[200];
        std::snprintf(text, sizeof text, "%-12s %.4f ulp at (%a, %a) -> %a, bound %g", job.name.c_str(),
                      worst.error, worst.a, worst.b, worst.y, job.bound);
        found = text;
        const std::lock_guard lock(mutex);
        if (ok) std::ofstream(state, std::ios::app) << key << '\n' << found << '\n';
      }
      const std::lock_guard lock(mutex);
      within += ok ? 1 : 0;
      std::printf("%s%s\n", found.c_str(), done == 0 ? " (before)" : "");
      std::fflush(stdout);
      EXPECT_TRUE(ok) << found;
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < number_from("TAUTO_THREADS", 2); ++i) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  std::printf("functions: %zu / %zu within their bound\n", within, jobs.size());
  EXPECT_GT(jobs.size(), 0u) << "TAUTO_ONLY names no function";
}

}  // namespace
}  // namespace tauto::testing
