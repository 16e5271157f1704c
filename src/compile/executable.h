// A compiled model: kernels in machine code, views, and references for what has no code, in order.
//
//   auto e = compile(module, {});
//   std::vector<Value> out = e->run(inputs, {});      the same bits as interpret(*module, inputs)
//
// An Executable is immutable; any number of threads may run it at once.
#pragma once

#include <memory>
#include <set>
#include <span>

#include "compile/build_kernel.h"
#include "compile/probes.h"
#include "compile/schedules.h"
#include "interpret/interpret.h"
#include "runtime/arena.h"
#include "runtime/code_memory.h"
#include "runtime/thread_pool.h"

namespace tauto {

struct Fault;           // compile/faults.h
struct InjectedFault;   // compile/faults.h
struct Profile;         // compile/profile.h
class PackedConstants;  // compile/packed_constants.h
struct ExecutableParts;

struct CompileOptions {
  Isa isa = native_isa();
  bool fuse = true;
  bool blocked = true;                   // may values lie in channel-blocked memory?
  const Schedules* schedules = nullptr;  // plans to use instead of the default's; Error where one cannot be
  const Env* sizes = nullptr;            // of main's symbols: a program for these only
  PackedConstants* packed = nullptr;     // shared with other programs
  const ProbeOptions* probes = nullptr;  // values to be stored as they are computed
  const Fault* fault = nullptr;          // a mistake to be made
  std::vector<std::string> off = {};  // stages to leave out besides those of TAUTO_OFF (compile/pipeline.h)
};

struct ExecuteOptions {
  int threads = 1;
  const std::function<bool()>* cancelled = nullptr;        // asked between kernels; then throws Cancelled
  const std::function<void(int64_t)>* progress = nullptr;  // told how many of main's nodes are done
  Profile* profile = nullptr;                              // filled with how long each group took
  ProbeLog* probes = nullptr;                              // filled with the values that were asked for
};

// One group with everything that was made of it, kept for `--emit`.
struct CompiledGroup {
  Group group;                               // its constants packed
  std::shared_ptr<const BuiltKernel> built;  // of a kernel; equal kernels share it
  size_t kernel = 0;                         // its number in the code memory
};

struct CompiledFunction {
  const Function* function = nullptr;
  std::vector<CompiledGroup> groups;
  std::vector<std::vector<Id>> dead_after;  // values freed after each group
  std::vector<int> last_use;                // of each group's result, views of it included: a group
  std::set<Id> blocked;  // values whose elements lie channel-blocked (layouts.h), by this many
  int64_t block = 1;
  std::vector<bool> planned;  // the result may lie whole in the context's memory: it does not escape
  std::vector<std::vector<size_t>> chains;  // groups that run band by band together: bands.h
  std::set<Id> probed;                      // nodes whose values a ProbeLog gets
  std::map<Id, std::string> not_probed;     // and those whose values the kernel cannot store: why
};

class BoundFunction;  // compile/bound.h
struct TensorView;

// What one run needs besides the executable: memory, and what follows from the sizes of its inputs. Runs that
// use one context must not overlap; a context serves one executable.
class ExecutionContext {
 public:
  ExecutionContext();
  ~ExecutionContext();
  ExecutionContext(const ExecutionContext&) = delete;

  // Main for inputs of these types and sizes, if an earlier run bound it and it is complete; else null. It
  // stays until the next run with other sizes.
  BoundFunction* ready(std::span<const TensorView> inputs);

 private:
  friend class ExecutableRun;
  struct State;
  std::unique_ptr<State> state_;
};

class Executable {
 public:
  std::vector<Value> run(std::vector<Value> inputs, const ExecuteOptions& options) const;
  std::vector<Value> run(std::vector<Value> inputs, const ExecuteOptions& options,
                         ExecutionContext& context) const;
  // A bound main of that context, without allocating anything. `results`: memory of the sizes that it says.
  // False: not for these values (an index is out of range); the other run() says what is wrong.
  bool run(BoundFunction& main, const void* const* inputs, void* const* results,
           const ExecuteOptions& options, ExecutionContext& context) const;

  const Module& module() const { return *module_; }
  const std::map<std::string, CompiledFunction>& functions() const { return functions_; }
  const CodeMemory& code() const { return code_; }
  const Env& sizes() const { return sizes_; }  // that it is for; none: for all
  Isa isa() const { return isa_; }
  int debug() const { return debug_; }
  const InjectedFault* fault() const { return fault_.get(); }  // null: none was asked for
  // Can its stages be shown, its work be counted? Not if it was read from an artifact.
  bool has_stages() const { return has_stages_; }
  // The value of a constant node that may be looked at; null: it is another node. Throws Damaged.
  const Tensor* constant_of(const Node& n) const {
    const Tensor* t = constant_value(n);
    if (t && before_constants_) before_constants_();
    return t;
  }

 private:
  friend std::shared_ptr<const Executable> assemble(ExecutableParts parts);
  std::shared_ptr<const Module> module_;
  std::map<std::string, CompiledFunction> functions_;
  CodeMemory code_;
  Isa isa_ = Isa::Avx2;
  Env sizes_;
  bool has_stages_ = true;
  std::function<void()> before_constants_;
  std::shared_ptr<const InjectedFault> fault_;
  int debug_ = 0;
};

std::shared_ptr<const Executable> compile(std::shared_ptr<const Module> m, const CompileOptions& options);

// A constant of an executable that was read from the cache is not what it was.
struct Damaged : Error {
  using Error::Error;
};

// What an executable is made of, by `compile` or out of an artifact; the rest follows from it.
struct ExecutableParts {
  std::shared_ptr<const Module> module;
  std::map<std::string, CompiledFunction> functions;  // function, groups, blocked, block
  CodeMemory code;
  Env sizes;  // that it is for; none: for all
  Isa isa = Isa::Avx2;
  bool has_stages = true;
  // Called before constants that no kernel reads are looked at; may be empty. Throws Damaged.
  std::function<void()> before_constants;
  std::shared_ptr<const InjectedFault> fault;
};
std::shared_ptr<const Executable> assemble(ExecutableParts parts);

}  // namespace tauto
