// Laws of the pool: each task runs once, whoever calls and however often; floats, errors, cancellation,
// sleep.
#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/error.h"

namespace tauto {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Keeps a thread busy; no sleep, whose length the system chooses.
void compute_for(microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

int64_t threads_of_process() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return std::distance(begin(all), end(all));
}

double processor_seconds() {
  rusage use = {};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

TEST(ThreadPool, RunsEachTaskOnce) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      const int64_t n = static_cast<int64_t>(random() % (round % 2 ? 10 : 1000));
      std::vector<std::atomic<int>> runs(static_cast<size_t>(n));
      std::atomic<int> strangers{0};
      EXPECT_TRUE(pool.parallel(n, [&](int64_t task, int worker) {
        runs[static_cast<size_t>(task)] += 1;
        if (worker < 0 || worker >= threads) strangers += 1;
      }));
      for (const auto& r : runs) ASSERT_EQ(r, 1);
      ASSERT_EQ(strangers, 0);
    }
  }
}

TEST(ThreadPool, WorkersAtTheSameTimeDiffer) {
  ThreadPool pool(3);
  std::atomic<int> inside[3] = {0, 0, 0};
  std::atomic<int> clashes{0};
  for (int round = 0; round < 300; ++round) {
    pool.parallel(24, [&](int64_t, int worker) {
      if (inside[worker].fetch_add(1) != 0) clashes += 1;
      compute_for(microseconds(1));
      inside[worker].fetch_sub(1);
    });
  }
  EXPECT_EQ(clashes, 0);
}

TEST(ThreadPool, TasksReallyRunAtTheSameTime) {
  ThreadPool pool(2);
  std::atomic<int> arrived{0};
  pool.parallel(2, [&](int64_t, int) {
    arrived += 1;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadPool, OneThreadCreatesNone) {
  const int64_t before = threads_of_process();
  ThreadPool one(1);
  EXPECT_EQ(threads_of_process(), before);
  ThreadPool three(3);
  EXPECT_EQ(threads_of_process(), before + 2);
  const std::thread::id caller = std::this_thread::get_id();
  one.parallel(10, [&](int64_t, int) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(ThreadPool, IsSharedWhileSomebodyHoldsIt) {
  const std::shared_ptr<ThreadPool> a = ThreadPool::shared(2);
  std::shared_ptr<ThreadPool> b = ThreadPool::shared(2);
  EXPECT_EQ(a, b);
  std::shared_ptr<ThreadPool> c = ThreadPool::shared(3);
  EXPECT_NE(a, c);
  const std::weak_ptr<ThreadPool> watched = c;
  c.reset();
  EXPECT_TRUE(watched.expired());
}

#if defined(__x86_64__)
TEST(ThreadPool, TasksComputeInTheDefinedFloatEnvironment) {
  constexpr unsigned kFlushing = 0x1f80 | 0x8040, kControl = 0xffc0;  // the low bits are sticky flags
  const unsigned mine = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(kFlushing);  // threads inherit it
  std::atomic<int> wrong{0};
  {
    ThreadPool pool(3);
    for (int64_t tasks : {1, 30}) {
      for (int round = 0; round < 50; ++round) {
        pool.parallel(tasks, [&](int64_t, int) {
          if ((__builtin_ia32_stmxcsr() & kControl) != (0x1f80 & kControl)) wrong += 1;
          __builtin_ia32_ldmxcsr(kFlushing);  // a task that leaves a mess
          compute_for(microseconds(2));
          __builtin_ia32_ldmxcsr(0x1f80);
        });
      }
    }
    EXPECT_EQ(__builtin_ia32_stmxcsr() & kControl, kFlushing & kControl);
  }
  __builtin_ia32_ldmxcsr(mine);
  EXPECT_EQ(wrong, 0);
}
#endif

TEST(ThreadPool, ThrowsTheFirstErrorInTheOrderOfTasks) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 100; ++round) {
      std::vector<std::atomic<int>> runs(64);
      std::string text;
      try {
        pool.parallel(64, [&](int64_t task, int) {
          runs[static_cast<size_t>(task)] += 1;
          if (task % 10 == 7) fail("task ", task);
        });
      } catch (const Error& error) {
        text = error.what();
      }
      ASSERT_EQ(text, "task 7") << threads << " threads";
      for (size_t i = 0; i < 8; ++i) ASSERT_EQ(runs[i], 1);
    }
    int64_t sum = 0;
    pool.parallel(1, [&](int64_t, int) { sum += 1; });
    EXPECT_EQ(sum, 1);  // and goes on working
  }
}

TEST(ThreadPool, StopsWhenCancelled) {
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<bool> cancelled{false};
    std::atomic<int> runs{0};
    EXPECT_FALSE(pool.parallel(
        1000,
        [&](int64_t, int) {
          if (++runs == 5) cancelled = true;
          compute_for(microseconds(1));
        },
        &cancelled));
    EXPECT_LT(runs, 1000);
    EXPECT_FALSE(pool.parallel(
        2, [&](int64_t, int) { ADD_FAILURE(); }, &cancelled));
    cancelled = false;
    runs = 0;
    EXPECT_TRUE(pool.parallel(
        10, [&](int64_t, int) { ++runs; }, &cancelled));
    EXPECT_EQ(runs, 10);
  }
}

TEST(ThreadPool, NestsWithoutChangingTheWorker) {
  ThreadPool pool(3), other(2);
  std::atomic<int> inner{0}, elsewhere{0}, strangers{0};
  pool.parallel(9, [&](int64_t, int worker) {
    pool.parallel(7, [&](int64_t, int deeper) {
      inner += 1;
      if (deeper != worker) strangers += 1;
    });
    other.parallel(5, [&](int64_t, int) { elsewhere += 1; });
  });
  EXPECT_EQ(inner, 63);
  EXPECT_EQ(elsewhere, 45);
  EXPECT_EQ(strangers, 0);
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  ThreadPool pool(3);
  constexpr int kCallers = 6, kRounds = 300;
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < kRounds; ++round) {
        const int64_t n = (round * 7 + c) % 40;
        std::atomic<int64_t> sum{0};
        pool.parallel(n, [&](int64_t task, int) { sum += task + 1; });
        EXPECT_EQ(sum, n * (n + 1) / 2);
        total += sum;
        if (round % 50 == c) std::this_thread::sleep_for(microseconds(100));  // so that workers fall asleep
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(total, 0);
}

TEST(ThreadPool, MayBeMadeAndFreedAtAnyTime) {
  for (int i = 0; i < 100; ++i) {
    ThreadPool pool(3);
    if (i % 3) pool.wake();
    if (i % 2) pool.parallel(3, [](int64_t, int) {});
  }
}

TEST(ThreadPool, WorkersSleepWhenThereIsNothingToDo) {
  ThreadPool pool(3);
  pool.parallel(3, [](int64_t, int) {});
  // At once on a machine that has the time: a busy one may need more than one look.
  for (int i = 0; i < 1000 && pool.sleeping() < 2; ++i) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(pool.sleeping(), 2);
  const double before = processor_seconds();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_LT(processor_seconds() - before, 0.02);
  std::atomic<int> runs{0};
  pool.wake();
  pool.parallel(30, [&](int64_t, int) { runs += 1; });
  EXPECT_EQ(runs, 30);
}

// Processor time is not what a busy machine makes longer: that of the workers after the end of a run is what
// they spin, kSpin each.
TEST(ThreadPool, WorkersSpinNoLongerThanTheySay) {
  ThreadPool pool(3);
  double spun = 0;
  constexpr int kRuns = 50;
  for (int run = 0; run < kRuns; ++run) {
    pool.wake();
    pool.parallel(3, [](int64_t, int) {});
    const double before = processor_seconds();
    std::this_thread::sleep_for(milliseconds(2));
    spun += processor_seconds() - before;
  }
  const double of_each = spun / kRuns / 2, most = std::chrono::duration<double>(ThreadPool::kSpin).count();
  EXPECT_LT(of_each, 3 * most);
  EXPECT_LE(ThreadPool::kSpin, std::chrono::microseconds(50));
}

TEST(ThreadPool, RefusesOddCounts) {
  try {
    ThreadPool pool(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "threads: required 1 to 1024, got 0");
  }
  EXPECT_THROW(ThreadPool pool(1025), Error);
}

TEST(ThreadPool, WorksInAForkedChild) {
  ThreadPool pool(3);
  pool.parallel(3, [](int64_t, int) {});
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> runs{0};
    pool.parallel(100, [&](int64_t, int) { runs += 1; });
    pool.~ThreadPool();
    _exit(runs == 100 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tauto
