// What the user sees while waiting: nothing in the first second or when stderr is no terminal, then one line
//   tauto: running [########------------] 123/440 nodes, 4 s
// and Ctrl-C: the first asks the work to stop, the second kills.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace tauto::cli {

class Progress {
 public:
  // Starts its thread where stderr is a terminal.
  explicit Progress(std::string what, std::string unit = "nodes");
  ~Progress();  // removes the line
  Progress(const Progress&) = delete;

  void set_total(int64_t total) { total_ = total; }
  void step() { done_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void show(int64_t seconds);

  const std::string what_, unit_;
  std::atomic<int64_t> done_{0}, total_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false, shown_ = false;
  std::thread thread_;
};

// While it lives, the first SIGINT makes `cancelled` return true. Outside of it SIGINT kills as usual.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  const std::function<bool()> cancelled;
};

}  // namespace tauto::cli
