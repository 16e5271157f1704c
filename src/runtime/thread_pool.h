// The threads that run a compiled program. A program is a sequence of parallel regions, each a few
// microseconds long or longer; between them the workers wait spinning, since waking a sleeping thread costs
// more than most regions. Workers that have had nothing to do for kSpin go to sleep and use no processor at
// all.
//
// parallel(n, f) calls f(task, worker) once for each task in [0, n). Each worker has a fixed share of
// consecutive tasks, the same in every region, so that it finds its part of a tensor in its own cache. Shares
// are taken in pieces, and whoever has finished takes pieces from the end of others' shares: a worker that
// the system has not yet woken, or has put aside, delays nobody. Who runs a task must therefore never matter
// to its result; the order of additions lies in the program, not here.
//
// One pool serves any number of models and calling threads. A region begun while the pool is busy with
// another caller's, or from inside a task, runs on the calling thread alone: so there is no queue and no
// deadlock. A pool of one thread creates none. After fork() the child's pool has lost its threads; callers do
// all the work.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace tauto {

// A reference to a callable void(int64_t task, int worker); the callable must outlive the call it is passed
// to.
class TaskRef {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, TaskRef>)
      TaskRef(F&& f)  // NOLINT: implicit, so that a lambda can be passed
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, int64_t task, int worker) {
          (*static_cast<std::remove_reference_t<F>*>(object))(task, worker);
        }) {}
  void operator()(int64_t task, int worker) const { call_(object_, task, worker); }

 private:
  void* object_;
  void (*call_)(void*, int64_t, int);
};

class ThreadPool {
 public:
  // How long a worker without work spins before it sleeps.
  static constexpr std::chrono::microseconds kSpin{40};

  // `threads` workers, the calling thread among them. Error: less than 1 or more than 1024; no more threads.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The pool of that many threads that everybody in the process shares; it lives while somebody holds it.
  static std::shared_ptr<ThreadPool> shared(int threads);

  int threads() const { return threads_; }

  // Wakes the workers: a run calls this on entry, so that they are awake when its first region comes.
  void wake();

  // Runs all tasks and returns true, or returns false because *cancelled became true; then some were left
  // out. `worker` is in [0, threads()), and two tasks that run at the same time have different ones (0 is the
  // caller, unless it is itself a worker of this pool: then its own number). Every task finds the
  // floating-point environment of support/float_environment.h, and the caller's own is restored.
  // A task's exception is thrown on to the caller: of several that of the first task in order, as a serial
  // loop would. Tasks after it may have run or not; those before it have.
  bool parallel(int64_t tasks, TaskRef task, const std::atomic<bool>* cancelled = nullptr);

  // Workers asleep right now; for tests and for measurements.
  int sleeping() const;

 private:
  struct Shared;
  bool run_alone(int64_t tasks, TaskRef task, const std::atomic<bool>* cancelled, int worker);

  int threads_;
  std::unique_ptr<Shared> shared_;  // null for one thread
};

}  // namespace tauto
