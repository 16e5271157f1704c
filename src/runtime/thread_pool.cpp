// How a region is handed over. The caller fills in the region, gives each worker's share a word
// {region number, first piece, end piece}, and rings the bell. A piece belongs to whoever moves a bound
// of a share's word by compare-and-swap. A word carries the number of its region, so that a worker that comes
// late can neither take a piece of another region nor look at a region that has ended: what describes a
// region is read only by those who hold a piece of it, and the caller waits until all pieces are done.
#include "runtime/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "support/error.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostThreads = 1024;
constexpr int kPieces = 8;  // of one share: what balances, and what a thief takes at a time

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

void sleep_while(const std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<const uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr,
          0);
}

void wake_all(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<const uint32_t*>(&word), FUTEX_WAKE_PRIVATE, kMostThreads, nullptr,
          nullptr, 0);
}

// Spins until done() says true; false if it has not after kSpin.
template <class Done>
bool spin_until(const Done& done) {
  const Clock::time_point end = Clock::now() + ThreadPool::kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return false;
}

// A word that counts rings, and in its lowest bit says that somebody sleeps until the next: so only the first
// ring after somebody fell asleep costs a system call.
class Bell {
 public:
  uint32_t heard() const { return word_.load(std::memory_order_seq_cst) & ~1u; }

  void ring() {
    uint32_t w = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(w, (w & ~1u) + 2, std::memory_order_seq_cst)) {
    }
    if (w & 1) wake_all(word_);
  }
  // Until it has rung since `heard`.
  void sleep(uint32_t heard) {
    uint32_t w = heard;
    while ((w & ~1u) == heard) {
      if (w == heard && !word_.compare_exchange_strong(w, heard | 1, std::memory_order_seq_cst)) continue;
      sleep_while(word_, heard | 1);
      w = word_.load(std::memory_order_seq_cst);
    }
  }

 private:
  std::atomic<uint32_t> word_{0};
};

// A share's word: 40 bits of the region's number, 12 bits each of the first and the end piece.
constexpr uint64_t share_word(uint64_t region, uint64_t first, uint64_t end) {
  return region << 24 | first << 12 | end;
}

struct alignas(64) Share {
  std::atomic<uint64_t> word{0};

  // A piece of that region, or -1. The owner takes from the front, others from the back.
  int take(uint64_t region, bool front) {
    uint64_t w = word.load(std::memory_order_acquire);
    while (w >> 24 == region) {
      const uint64_t first = w >> 12 & 0xfff, end = w & 0xfff;
      if (first == end) return -1;
      const uint64_t next = front ? share_word(region, first + 1, end) : share_word(region, first, end - 1);
      if (word.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return static_cast<int>(front ? first : end - 1);
      }
    }
    return -1;
  }
};

// The first exception in the order of tasks.
class FirstError {
 public:
  // Nothing after the first failed task need run; all before it must.
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void add(int64_t task, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (task >= limit_.load(std::memory_order_relaxed)) return;
    limit_.store(task, std::memory_order_relaxed);
    error_ = std::move(error);
  }
  void rethrow() {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic<int64_t> limit_{INT64_MAX};
  std::mutex mutex_;
  std::exception_ptr error_;
};

struct Region {
  TaskRef task;
  const std::atomic<bool>* cancelled;
  int64_t tasks;
  int threads;
  FirstError* errors;
  std::atomic<bool>* left_out;

  int64_t share_begin(int worker) const {
    return static_cast<int64_t>(static_cast<__int128>(tasks) * worker / threads);
  }
  int pieces(int worker) const {
    return static_cast<int>(std::min<int64_t>(share_begin(worker + 1) - share_begin(worker), kPieces));
  }
  // Tasks [first, last) as `worker`; false if one was left out because of the cancellation.
  void run(int64_t first, int64_t last, int worker) const {
    for (int64_t i = first; i < last; ++i) {
      if (cancelled && cancelled->load(std::memory_order_relaxed)) {
        left_out->store(true, std::memory_order_relaxed);
        return;
      }
      if (i > errors->limit()) return;
      try {
        task(i, worker);
      } catch (...) {
        errors->add(i, std::current_exception());
      }
    }
  }
  void run_piece(int owner, int piece, int worker) const {
    const int64_t begin = share_begin(owner), size = share_begin(owner + 1) - begin, count = pieces(owner);
    run(begin + size * piece / count, begin + size * (piece + 1) / count, worker);
  }
};

// Threads inherit the mask of whoever creates them. Signals for the program belong to the program's own
// threads; only what a thread does itself (a fault, a breakpoint, a profiler's tick) reaches a worker.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    for (int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) sigdelset(&all, own);
    pthread_sigmask(SIG_BLOCK, &all, &saved_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t saved_;
};

// Which worker of which pool this thread is, while it runs a task.
thread_local const ThreadPool* current_pool = nullptr;
thread_local int current_worker = 0;

class AsWorker {
 public:
  AsWorker(const ThreadPool* pool, int worker) : pool_(current_pool), worker_(current_worker) {
    current_pool = pool, current_worker = worker;
  }
  ~AsWorker() { current_pool = pool_, current_worker = worker_; }
  AsWorker(const AsWorker&) = delete;
  AsWorker& operator=(const AsWorker&) = delete;

 private:
  FloatEnvironment environment_;
  const ThreadPool* pool_;
  int worker_;
};

}  // namespace

struct ThreadPool::Shared {
  alignas(64) Bell bell;                      // rung when there is something to look at
  std::atomic<uint64_t> region{0};            // the number of the newest one
  alignas(64) std::atomic<uint32_t> open{0};  // pieces of it that are not done; the caller sleeps upon it
  std::atomic<uint32_t> caller_sleeps{0};
  alignas(64) std::atomic<int> sleepers{0};
  alignas(64) std::atomic<bool> busy{false};  // held by the caller whose region it is
  std::atomic<bool> ending{false};
  const Region* current = nullptr;  // read only by those who hold a piece
  std::vector<Share> shares;
  std::vector<std::thread> workers;
  pid_t process = getpid();

  explicit Shared(int threads) : shares(static_cast<size_t>(threads)) {}

  // Takes pieces until none is left. Whoever ends the last one lets the caller go on.
  void work(const ThreadPool* pool, uint64_t number, int worker) {
    uint32_t done = 0;
    const int threads = static_cast<int>(shares.size());
    std::optional<AsWorker> as;
    for (int i = 0; i < threads; ++i) {
      const int owner = (worker + i) % threads;
      for (int piece; (piece = shares[static_cast<size_t>(owner)].take(number, i == 0)) >= 0; ++done) {
        if (!as) as.emplace(pool, worker);
        current->run_piece(owner, piece, worker);
      }
    }
    as.reset();
    if (done == 0 || open.fetch_sub(done, std::memory_order_seq_cst) != done) return;
    if (caller_sleeps.load(std::memory_order_seq_cst) != 0) wake_all(open);
  }

  void serve(const ThreadPool* pool, int worker) {
    uint32_t heard = 0;
    while (true) {
      if (!spin_until([&] { return bell.heard() != heard; })) {
        sleepers.fetch_add(1, std::memory_order_relaxed);
        bell.sleep(heard);
        sleepers.fetch_sub(1, std::memory_order_relaxed);
      }
      heard = bell.heard();
      if (ending.load(std::memory_order_acquire)) return;
      work(pool, region.load(std::memory_order_acquire), worker);
    }
  }

  void wait_until_done() {
    for (uint32_t left; (left = open.load(std::memory_order_acquire)) != 0;) {
      if (spin_until([&] { return open.load(std::memory_order_acquire) == 0; })) return;
      caller_sleeps.store(1, std::memory_order_seq_cst);
      while ((left = open.load(std::memory_order_seq_cst)) != 0) sleep_while(open, left);
      caller_sleeps.store(0, std::memory_order_seq_cst);
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  if (threads < 1 || threads > kMostThreads) fail("threads: required 1 to ", kMostThreads, ", got ", threads);
  if (threads == 1) return;
  shared_ = std::make_unique<Shared>(threads);
  try {
    const WithoutSignals without;
    for (int i = 1; i < threads; ++i) {
      std::thread& thread = shared_->workers.emplace_back([this, i] { shared_->serve(this, i); });
      pthread_setname_np(thread.native_handle(), cat("tauto ", i).c_str());
    }
  } catch (const std::system_error& error) {
    const size_t had = shared_->workers.size();
    shared_->ending.store(true, std::memory_order_release);
    shared_->bell.ring();
    for (std::thread& thread : shared_->workers) thread.join();
    fail("threads: required ", threads, ", got ", uint64_t{had + 1}, ": ", error.what());
  }
}

ThreadPool::~ThreadPool() {
  if (!shared_) return;
  if (shared_->process != getpid()) {  // a child of fork: the threads are not here to be joined
    (void)shared_.release();
    return;
  }
  shared_->ending.store(true, std::memory_order_release);
  shared_->bell.ring();
  for (std::thread& thread : shared_->workers) thread.join();
}

std::shared_ptr<ThreadPool> ThreadPool::shared(int threads) {
  static std::mutex& mutex = *new std::mutex;  // never destroyed: models may be freed at the process's end
  static auto& pools = *new std::map<int, std::weak_ptr<ThreadPool>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<ThreadPool>& known = pools[threads];
  std::shared_ptr<ThreadPool> pool = known.lock();
  if (!pool) known = pool = std::make_shared<ThreadPool>(threads);
  return pool;
}

int ThreadPool::sleeping() const { return shared_ ? shared_->sleepers.load(std::memory_order_relaxed) : 0; }

void ThreadPool::wake() {
  if (shared_) shared_->bell.ring();
}

bool ThreadPool::run_alone(int64_t tasks, TaskRef task, const std::atomic<bool>* cancelled, int worker) {
  const AsWorker as(this, worker);
  for (int64_t i = 0; i < tasks; ++i) {
    if (cancelled && cancelled->load(std::memory_order_relaxed)) return false;
    task(i, worker);
  }
  return true;
}

bool ThreadPool::parallel(int64_t tasks, TaskRef task, const std::atomic<bool>* cancelled) {
  if (current_pool == this) return run_alone(tasks, task, cancelled, current_worker);
  if (!shared_ || tasks < 2) return run_alone(tasks, task, cancelled, 0);
  Shared& s = *shared_;
  bool free = false;
  if (!s.busy.compare_exchange_strong(free, true, std::memory_order_acquire)) {
    return run_alone(tasks, task, cancelled, 0);
  }
  FirstError errors;
  std::atomic<bool> left_out{false};
  const Region region{task, cancelled, tasks, threads_, &errors, &left_out};
  const uint64_t number = (s.region.load(std::memory_order_relaxed) + 1) & ((uint64_t{1} << 40) - 1);
  s.current = &region;
  uint32_t pieces = 0;
  for (int w = 0; w < threads_; ++w) pieces += static_cast<uint32_t>(region.pieces(w));
  s.open.store(pieces, std::memory_order_relaxed);
  for (int w = 0; w < threads_; ++w) {
    const auto count = static_cast<uint64_t>(region.pieces(w));
    s.shares[static_cast<size_t>(w)].word.store(share_word(number, 0, count), std::memory_order_release);
  }
  s.region.store(number, std::memory_order_release);
  s.bell.ring();
  s.work(this, number, 0);
  s.wait_until_done();
  s.busy.store(false, std::memory_order_release);
  errors.rethrow();
  return !left_out.load(std::memory_order_relaxed);
}

}  // namespace tauto
