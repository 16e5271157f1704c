// The progress line and the SIGINT handler, see progress.h.
#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "support/error.h"

namespace tauto::cli {
namespace {

constexpr std::chrono::milliseconds kFirst{1000}, kNext{200};
constexpr int64_t kWidth = 20;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  interrupted.store(true, std::memory_order_relaxed);
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

Progress::Progress(std::string what, std::string unit) : what_(std::move(what)), unit_(std::move(unit)) {
  if (!isatty(STDERR_FILENO)) return;
  thread_ = std::thread([this] {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    auto pause = kFirst;
    while (!ended_.wait_for(lock, pause, [this] { return end_; })) {
      pause = kNext;
      show(
          std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count());
    }
  });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::show(int64_t seconds) {
  const int64_t total = total_, done = std::min(done_.load(), total);
  std::string bar;
  if (total > 0) {
    const auto filled = static_cast<size_t>(kWidth * done / total);
    bar = cat(" [", std::string(filled, '#'), std::string(static_cast<size_t>(kWidth) - filled, '-'), "] ",
              done, "/", total, " ", unit_);
  }
  const std::string line = cat("\r\033[Ktauto: ", what_, bar, ", ", seconds, " s");
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

Interruptible::Interruptible() : cancelled([] { return interrupted.load(std::memory_order_relaxed); }) {
  std::signal(SIGINT, on_interrupt);
}

Interruptible::~Interruptible() { std::signal(SIGINT, SIG_DFL); }

}  // namespace tauto::cli
