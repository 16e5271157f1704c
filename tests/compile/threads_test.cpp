// Threads of whole models: none for threads=1, one pool for all models, asleep when a run is over.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "compile/executable.h"
#include "graph/text.h"

namespace tauto {
namespace {

int64_t threads_of_process() {
  int64_t n = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ++n;
  return n;
}

std::shared_ptr<const Executable> product(int64_t n) {
  return compile(std::make_shared<const Module>(parse_module(
                     cat("module m semantics ", kSemanticsVersion, "\nfunc main(%0 \"x\": f32[", n, ", ", n,
                         "]) -> (\"y\") {\n", "  %1 = contract(%0, %0) {access: over {i: ", n, ", j: ", n,
                         " | k: ", n, "} [i, k] [k, j]} : f32[", n, ", ", n, "]\n  return %1\n}\n"))),
                 {});
}

TEST(Threads, AllModelsShareOnePoolAndOneThreadNeedsNone) {
  const auto a = product(160), b = product(192);
  const std::vector<Value> x{Tensor(f32, {160, 160})}, y{Tensor(f32, {192, 192})};
  ExecuteOptions one, five;
  five.threads = 5;
  const int64_t before = threads_of_process();
  a->run(x, one), b->run(y, one);
  EXPECT_EQ(threads_of_process(), before);
  {
    ExecutionContext of_a, of_b, again;
    a->run(x, five, of_a);
    EXPECT_EQ(threads_of_process(), before + 4);
    b->run(y, five, of_b);
    a->run(x, five, again);
    EXPECT_EQ(threads_of_process(), before + 4);
    const std::shared_ptr<ThreadPool> pool = ThreadPool::shared(5);
    for (int i = 0; i < 1000 && pool->sleeping() < 4; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(pool->sleeping(), 4);
  }
  for (int i = 0; i < 1000 && threads_of_process() > before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(threads_of_process(), before);  // they end with the last context
}

}  // namespace
}  // namespace tauto
