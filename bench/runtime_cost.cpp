// What the runtime's own parts cost on this machine: a run and each kernel in it, handing a parallel region
// to the workers, waking them, planning memory. Prints medians over many repetitions; `runtime_cost
// [THREADS]`, 2 by default.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "compile/loaded_model.h"
#include "runtime/memory_plan.h"
#include "runtime/thread_pool.h"
#include "support/cpu.h"
#include "support/file.h"
#include "tauto/model.h"

namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::duration d) { return std::chrono::duration<double, std::nano>(d).count(); }

struct Spread {
  double tenth, median, ninetieth;
};

template <class F>
Spread measure(int times, F f) {
  std::vector<double> all;
  for (int i = 0; i < times; ++i) {
    const Clock::time_point begin = Clock::now();
    f();
    all.push_back(nanoseconds(Clock::now() - begin));
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](double part) {
    return all[static_cast<size_t>(part * static_cast<double>(all.size() - 1))];
  };
  return {at(0.1), at(0.5), at(0.9)};
}

void print(const char* what, const Spread& s, double scale, const char* unit) {
  std::printf("%-52s %9.2f %s  (10 %%: %.2f, 90 %%: %.2f)\n", what, s.median * scale, unit, s.tenth * scale,
              s.ninetieth * scale);
}

void pool_costs(int threads) {
  tauto::ThreadPool pool(threads);
  std::atomic<int64_t> sum{0};
  constexpr int kBatch = 100;
  const auto regions = [&](int64_t tasks) {
    return measure(200, [&] {
      for (int i = 0; i < kBatch; ++i) pool.parallel(tasks, [&](int64_t, int) {});
    });
  };
  print("empty region, one task for each thread", regions(threads), 1.0 / kBatch, "ns");
  // Each thread's task waits for the others': nobody can take another's work.
  std::atomic<int64_t> arrived{0};
  int64_t awaited = 0;
  const Spread meeting = measure(200, [&] {
    for (int i = 0; i < kBatch; ++i) {
      awaited += threads;
      pool.parallel(threads, [&](int64_t, int) {
        arrived.fetch_add(1);
        while (arrived.load() < awaited) std::this_thread::yield();
      });
    }
  });
  print("region in which all threads must meet", meeting, 1.0 / kBatch, "ns");
  print("empty region, 64 tasks", regions(64), 1.0 / kBatch, "ns");
  print("region that no thread is needed for (1 task)", regions(1), 1.0 / kBatch, "ns");

  // After a pause every worker sleeps; the caller does not wait for them to wake up.
  Spread s = measure(100, [&] {});
  std::vector<double> cold;
  for (int i = 0; i < 100; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const Clock::time_point begin = Clock::now();
    pool.parallel(threads, [&](int64_t, int) {});
    cold.push_back(nanoseconds(Clock::now() - begin));
  }
  std::sort(cold.begin(), cold.end());
  s = {cold[10], cold[50], cold[90]};
  print("the same when all workers sleep", s, 1e-3, "us");

  // From the end of the last region until the last worker sleeps.
  std::vector<double> asleep;
  for (int i = 0; i < 100; ++i) {
    pool.parallel(threads, [&](int64_t, int) { sum += 1; });
    const Clock::time_point begin = Clock::now();
    while (pool.sleeping() < threads - 1) std::this_thread::yield();
    asleep.push_back(nanoseconds(Clock::now() - begin));
  }
  std::sort(asleep.begin(), asleep.end());
  print("until all workers sleep", {asleep[10], asleep[50], asleep[90]}, 1e-3, "us");

  // Speed-up of a region of 100 us of arithmetic, in pieces of 1 us.
  const auto compute = [](int64_t steps) {
    double x = 1;
    asm volatile("" : "+x"(x));  // not known while compiling
    for (int64_t i = 0; i < steps; ++i) x = x * 1.0000001 + 1e-9;
    return x;
  };
  std::vector<double> results(100);
  const auto work = [&](int64_t task, int) { results[static_cast<size_t>(task)] = compute(300); };
  const Spread alone = measure(300, [&] {
    for (int64_t i = 0; i < 100; ++i) work(i, 0);
  });
  const Spread together = measure(300, [&] { pool.parallel(100, work); });
  print("100 tasks of arithmetic, one after the other", alone, 1e-3, "us");
  print("the same in parallel", together, 1e-3, "us");
}

void plan_costs() {
  std::mt19937_64 random(1);
  std::vector<tauto::BufferNeed> needs;
  std::vector<tauto::InPlace> in_place;
  for (int i = 0; i < 500; ++i) {
    const int reach =
        random() % 10 == 0 ? 1 + static_cast<int>(random() % 50) : 1 + static_cast<int>(random() % 3);
    needs.push_back({int64_t{1 + static_cast<int>(random() % 100)} << (random() % 14), i, i + reach});
    if (i && needs[static_cast<size_t>(i) - 1].last == i) in_place.push_back({i - 1, i});
  }
  int64_t total = 0;
  print("plan memory for 500 buffers",
        measure(200, [&] { total += tauto::plan_memory(needs, in_place).total; }), 1e-3, "us");
  if (total == 0) std::abort();
}

// A chain of dense layers of 8 neurons each, which cannot be fused.
std::string chain(int layers) {
  std::string s = tauto::cat("module chain semantics ", tauto::semantics_version(),
                             "\nfunc main(%0 \"x\": f32[1, 8]) -> (\"y\") {\n  %1 = f32[8, 8] {");
  for (int i = 0; i < 64; ++i) s += tauto::cat(i ? ", " : "", i % 9 == 0 ? "0.5" : "0.0625");
  s += "}\n";
  for (int i = 0; i < layers; ++i)
    s += tauto::cat("  %", i + 2, " = contract(%", i == 0 ? 0 : i + 1,
                    ", %1) {access: over {n: 1, o: 8 | k: 8} [n, k] [k, o]} : f32[1, 8]\n");
  return s + tauto::cat("  return %", layers == 0 ? 0 : layers + 1, "\n}\n");
}

void run_costs() {
  constexpr int kBatch = 1000, kMost = 64;
  double of_runs[2];
  const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (const int layers : {1, kMost}) {
    const auto model = tauto::LoadedModel::from_text(chain(layers));
    model.execute(model.order({{"x", tauto::Tensor::of<float>({1, 8}, x)}}));
    const int64_t shape[] = {1, 8};
    const tauto::TensorView view{tauto::f32, shape, x};
    float y[8];
    const void* in = x;
    void* out = y;
    const Spread s = measure(200, [&] {
      for (int i = 0; i < kBatch; ++i) {
        auto ready = model.ready({&view, 1});
        if (!ready || !ready->run(&in, &out, {})) std::abort();
      }
    });
    of_runs[layers == 1 ? 0 : 1] = s.median / kBatch;
    print(layers == 1 ? "run of one kernel, into memory that is given" : "run of 64 kernels", s, 1.0 / kBatch,
          "ns");
  }
  std::printf("%-52s %9.2f ns\n", "each further kernel (8 x 8 multiply-adds)",
              (of_runs[1] - of_runs[0]) / (kMost - 1));
  const std::string path = (std::filesystem::temp_directory_path() / "runtime_cost.graph").string();
  tauto::write_file(path, chain(1));
  const tauto::Model model = tauto::Model::load(path);
  std::filesystem::remove(path);
  const std::vector<tauto::Array> inputs{tauto::Array::of<float>({1, 8}, x)};
  model.run(inputs);
  print("run of one kernel through the C++ API",
        measure(200,
                [&] {
                  for (int i = 0; i < kBatch; ++i) model.run(inputs);
                }),
        1.0 / kBatch, "ns");
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  std::printf("%s\n%d threads\n", tauto::text_of(tauto::this_cpu()).c_str(), threads);
  run_costs();
  pool_costs(threads);
  plan_costs();
}
