// A function of a compiled model, bound to the sizes of its inputs.
//
// Everything that follows from the sizes is worked out once: bounds, addresses, which kernel is called with
// what. What is left for a run is a list of steps that looks nothing up, allocates nothing and calls machine
// code: kernels, and the control flow between them (a branch is chosen, a body is repeated; its state
// alternates between two places, what it stacks is written where it will lie). Bodies are bound with their
// callers and share their memory. Views, items of tuples and sizes are addresses, no steps.
//
// A value has a *slot*, which says where it lies: with the caller (inputs, results), in the block of memory
// that the function needs for itself, or where it always was (constants). A function is *complete* if all of
// its steps could be made. Others, and runs in which an index is out of range, go node by node
// (executable.cpp), which either works or says what is wrong in the references' own words.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <utility>

#include "compile/bands.h"
#include "compile/executable.h"

namespace tauto {

// A tensor whose memory belongs to somebody else.
struct TensorView {
  ElementType type;
  std::span<const int64_t> shape;
  const void* data = nullptr;
};

struct TensorType {
  ElementType type;
  Shape shape;
  int64_t bytes() const { return element_count(shape) * type.bytes(); }
  bool operator==(const TensorType&) const = default;
};

// A kernel or view for given sizes.
struct BoundGroup {
  bool runs = false;  // false: the references have to run (a size of 0, or not known)
  Shape shape;
  std::vector<Shape> expected;  // of the value arguments
  std::vector<Shape> probed;    // of the probes
  std::vector<uint64_t> sizes;
  std::vector<std::pair<int64_t, int64_t>> ranges;  // of the checks
  int64_t from = 0, to = 1;                         // of the parallel loop
  int64_t steps = 1, step = 1;                      // into which it can be cut, and their length
  int64_t bands = 1;                                // for which the kernel is called
  int64_t work = 1;                                 // element operations, about
  int64_t workspace = 0, scratch = 0;               // bytes
  int64_t offset = -1;                              // in the context's memory
};
BoundGroup bind(const Function& f, const CompiledGroup& g, const Env& env);
std::optional<Shape> shape_of(const Type& t, const Env& env);

bool worth_threads(const BoundGroup& b);

// Does what this argument of a kernel points to lie in blocks (layouts.h)?
bool lies_blocked(const CompiledGroup& g, size_t argument);

using KernelEntry = void(const uint64_t*, void*);

// A kernel of a step, with its arguments written down.
struct BoundKernel {
  size_t group = 0;  // of the function
  const BoundGroup* bound = nullptr;
  KernelEntry* entry = nullptr;
  std::vector<uint64_t> arguments;  // the last three: bounds of the parallel loop, workspace
  // (argument, slot): addresses that are filled in when the function is placed, and by each run.
  std::vector<std::pair<uint32_t, uint32_t>> fixed, varying;
  struct Check {
    uint32_t slot;
    ElementType type;
    size_t count, first, every;
    int64_t least, end;
  };
  std::vector<Check> checks;
  const Bands* bands = nullptr;                           // it is called for one band after the other, ...
  std::vector<std::pair<uint32_t, int64_t>> handed_over;  // ... (argument, byte of a band's memory)
};

int64_t bytes_for_bands(std::span<const BoundKernel> kernels, int64_t handed_over);

// One run: what it has beside its data, and what steps and nodes have in common.
class RunState {
 public:
  RunState(const Executable& e, const ExecuteOptions& o, bool watched) : e_(e), o_(o), watched_(watched) {}
  // A function of the module, node by node.
  virtual std::vector<Value> call(const std::string& name, std::vector<Value> arguments, Env env,
                                  int depth) = 0;

  // Throws Cancelled. Asks when enough element operations have gone by.
  void poll(int64_t work) {
    if ((unasked_ += work) > kAskAfter) ask();
  }
  void ask();
  void done(const CompiledGroup& g) {  // of main
    if (o_.progress) (*o_.progress)(static_cast<int64_t>(g.group.nodes.size()));
  }
  // The kernel for all of its parallel loop. `arguments` has room for three more after the `count` given
  // ones; `memory` has room for its workspace and scratch.
  void kernel(const BoundGroup& b, KernelEntry* entry, uint64_t* arguments, size_t count, uint8_t* memory);
  // All of the kernels for one band, then for the next. `memory`: bytes_for_bands of it, of which the first
  // `handed_over` are what they hand over.
  void bands(std::span<const BoundKernel> kernels, int64_t handed_over, uint8_t* memory);
  const InterpretOptions& interpret() const { return interpret_; }
  bool watched() const { return watched_; }
  ProbeLog* probes() { return o_.probes; }
  int64_t begin();
  // Groups of a function that is called count for themselves, not for the call.
  void end(const CompiledFunction& c, size_t group, const Env& env, int64_t started, int depth);
  // Groups whose kernels ran band by band: each gets its share of the time.
  void end(const CompiledFunction& c, std::span<const BoundKernel> kernels, const Env& env, int64_t started,
           int depth);
  // Groups that began since there were so many open are given up.
  size_t open() const { return outer_.size(); }
  void give_up(size_t open) { outer_.resize(open); }

 protected:
  ~RunState() = default;
  static constexpr int64_t kAskAfter = 1 << 16;
  const Executable& e_;
  const ExecuteOptions& o_;
  ThreadPool* pool_ = nullptr;  // null: one thread
  InterpretOptions interpret_;

 private:
  const bool watched_;
  int64_t unasked_ = 0;
  std::vector<int64_t> outer_;               // of the groups that run: what the groups inside took
  std::atomic<int64_t> took_[kMostInChain];  // of the last bands: what the calls of each kernel took
};

class BoundFunction {
 public:
  // Never fails: what cannot be bound leaves the function incomplete. `env`: what the caller has bound;
  // `callers`: what is being bound, since a recursive function cannot be.
  BoundFunction(const Executable& e, const CompiledFunction& c, std::vector<TensorType> inputs, Env env,
                std::vector<const CompiledFunction*> callers = {});
  ~BoundFunction();
  BoundFunction(const BoundFunction&) = delete;

  bool complete() const { return complete_; }
  bool running() const { return running_; }
  // Has steps that are worth more than one thread, and enough of them that it is not over before one is
  // awake.
  bool parallel() const { return shared_work_ >= kRunWork; }
  int64_t work() const { return work_; }  // element operations of one run, about
  const Env& env() const { return env_; }
  // Each group of the function for these sizes, complete or not. Their memory: the first own_bytes().
  const std::vector<BoundGroup>& groups() const { return groups_; }
  const std::vector<TensorType>& inputs() const { return inputs_; }
  const std::vector<TensorType>& results() const { return results_; }

  // The bytes it needs, and where they are (64-aligned): until it is placed elsewhere.
  int64_t bytes() const { return own_ + below_ + scratch_; }
  void place(uint8_t* memory) {
    if (memory != placed_) place(memory, memory + own_ + below_);
  }
  // What each step is handed, for whoever checks it: a part of the block, an input, a result, or an address
  // that stays.
  struct Place {
    enum class Kind : uint8_t { Block, Input, Result, Address, Band } kind = Kind::Address;
    int64_t at = 0;                 // byte of the block or of a band's memory, number of the input or result
    const void* address = nullptr;  // Address
  };
  struct Call {
    enum class Kind : uint8_t { Kernel, Reference, Control } kind = Kind::Kernel;
    size_t group = 0;
    Id node = -1;                      // of a reference
    std::vector<Place> reads, writes;  // of a kernel: its arguments' buffers in order, all in `reads`
    std::vector<uint64_t> sizes;       // of a kernel: the arguments behind them
    const Bands* bands = nullptr;      // of a kernel: its buffers are where the first band begins
    int64_t handed_over = 0;           // bytes of a band's memory
    bool goes_on = false;              // the next call is run band by band with it
    // Of references and control flow: the bytes of each of `writes`. Of control flow: what else it writes
    // (places between which state alternates), and what it calls, whose memory begins behind own_bytes();
    // null: it has no steps.
    std::vector<int64_t> bytes;
    std::vector<std::pair<Place, int64_t>> aside;
    std::vector<const BoundFunction*> bodies;
    // Of a scan or loop: where the last element ends of each sequence that it walks, and of each of the last
    // `writes`, which it stacks.
    std::vector<int64_t> read_ends, write_ends;
    size_t states = 0;  // carried: the first of `writes`; a scan's sequences come after as many of `reads`
  };
  std::vector<Call> calls() const;
  // Where each result is found: written in place by a step, or copied from there.
  std::vector<Place> result_places() const;
  int64_t own_bytes() const { return own_; }
  int64_t below_bytes() const { return below_; }  // behind them: what bodies have for themselves
  const CompiledFunction& compiled() const { return c_; }

  // False: not with these values; only the results' memory was written to. Results overlap neither inputs nor
  // each other.
  bool run(RunState& r, const void* const* inputs, void* const* results, int depth);

 private:
  friend class Binder;
  friend class ControlBinder;
  static constexpr size_t kMostValues = 64;  // inputs and results of what is called
  static constexpr int64_t kRunWork = 1 << 20;
  struct Step;
  void place(uint8_t* memory, uint8_t* scratch);
  Place place_of(uint32_t slot) const;
  Call call_of(const Step& s, const BoundKernel& k) const;
  void add_control(Call& c, const Step& s) const;
  bool steps(RunState& r, int depth);
  bool control(RunState& r, Step& s, int depth);
  bool scan(RunState& r, Step& s, int depth);
  bool loop(RunState& r, Step& s, int depth);
  bool reference(RunState& r, Step& s, int depth);

  const Executable& e_;
  const CompiledFunction& c_;
  Env env_;
  std::vector<TensorType> inputs_, results_;
  std::vector<BoundGroup> groups_;
  bool complete_ = false, running_ = false;
  int64_t shared_work_ = 0;  // of the steps that are worth more than one thread
  int64_t work_ = 0;
  std::vector<Step> steps_;
  std::vector<uint8_t*> at_;                            // address of each slot; inputs first
  std::vector<std::pair<uint32_t, int64_t>> in_block_;  // slots that lie in the block, and where
  std::vector<uint32_t> result_slots_;                  // of each result
  struct Probed {
    size_t steps;  // that come before
    Id node;
    uint32_t slot;
    TensorType type;
    bool is_blocked, is_filled;  // filled: before its kernel runs
  };
  void log(RunState& r, const Probed& p);
  void fill(RunState& r, size_t step);
  std::vector<Probed> probed_;
  std::vector<bool> written_;  // results that a step writes where the caller wants them; else copied
  std::vector<Tensor> kept_;   // constants that slots point to
  int64_t own_ = 0, below_ = 0, scratch_ = 0;  // bytes: its block, those of bodies, what one kernel needs
  uint8_t *placed_ = nullptr, *scratch_at_ = nullptr;
};

}  // namespace tauto
