// Running the functions of a compiled module.
#include "compile/executable.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <list>
#include <new>

#include "compile/bound.h"
#include "compile/layouts.h"
#include "compile/profile.h"
#include "compile/stages.h"
#include "graph/unaligned.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

constexpr int kMaxDepth = 200;    // of nested calls
constexpr size_t kKeptSizes = 8;  // sets of input sizes that a context remembers

// A tensor whose elements are not set.
Tensor uninitialised(ElementType type, Shape shape) {
  const auto bytes = static_cast<size_t>(element_count(shape) * type.bytes());
  void* p = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (!p) throw std::bad_alloc();
  std::shared_ptr<const void> owner(p, [](const void* q) { std::free(const_cast<void*>(q)); });
  return Tensor(type, std::move(shape), std::move(owner), p);
}

// Every NaN the one positive quiet NaN. Results are read in runs that compilers vectorise, and written only
// where there is one.
template <class U>
void make_quiet(void* data, int64_t count, U exponent, U quiet) {
  using Signed = std::make_signed_t<U>;
  constexpr auto kMagnitude = static_cast<U>(static_cast<U>(~U{0}) >> 1);
  constexpr int64_t kRun = 2048;
  U* const all = static_cast<U*>(data);
  const auto magnitude = [](U u) { return static_cast<Signed>(u & kMagnitude); };
  const auto infinite = static_cast<Signed>(exponent);
  for (int64_t at = 0; at < count; at += kRun) {
    U* const p = all + at;
    const int64_t n = std::min(kRun, count - at), half = n / 2;
    Signed most = 0, more = 0;
    for (int64_t i = 0; i < half; ++i) {
      most = std::max(most, magnitude(p[i]));
      more = std::max(more, magnitude(p[half + i]));
    }
    if (n % 2) most = std::max(most, magnitude(p[n - 1]));
    if (std::max(most, more) <= infinite) continue;
    for (int64_t i = 0; i < n; ++i) p[i] = magnitude(p[i]) > infinite ? quiet : p[i];
  }
}

void canonicalise(const TensorType& t, void* data) {
  const int64_t count = element_count(t.shape);
  if (t.type == f32) make_quiet<uint32_t>(data, count, 0x7f800000u, 0x7fc00000u);
  if (t.type == f64) make_quiet<uint64_t>(data, count, 0x7ff0000000000000u, 0x7ff8000000000000u);
  if (t.type == f16) make_quiet<uint16_t>(data, count, 0x7c00, 0x7e00);
  if (t.type == bf16) make_quiet<uint16_t>(data, count, 0x7f80, 0x7fc0);
}

bool alike(const std::vector<TensorType>& types, std::span<const TensorView> given) {
  return std::equal(
      types.begin(), types.end(), given.begin(), given.end(), [](const TensorType& t, const TensorView& v) {
        return t.type == v.type && std::equal(t.shape.begin(), t.shape.end(), v.shape.begin(), v.shape.end());
      });
}

// Of values that are tensors of numbers; else nothing.
std::optional<std::vector<TensorView>> views_of(const std::vector<Value>& values) {
  std::vector<TensorView> views;
  for (const Value& v : values) {
    if (!v.is_tensor() || v.tensor.rep() != Rep::Exact || v.tensor.type().is_string()) return std::nullopt;
    views.push_back({v.tensor.type(), v.tensor.shape(), v.tensor.raw()});
  }
  return views;
}

}  // namespace

// What was bound, and the memory of runs. Functions that run inside each other, node by node, have memory of
// their own; those with the same callers share it.
struct ExecutionContext::State {
  struct Bound {
    Env env;  // what the caller knew
    std::shared_ptr<BoundFunction> function;
  };
  std::map<const CompiledFunction*, std::list<Bound>> bound;  // latest first
  std::list<Bound>* main = nullptr;
  std::vector<Arena> memory;  // by depth of calls
  Arena scratch;
  std::shared_ptr<ThreadPool> pool;

  // One that is running is no use: its function has called itself.
  static std::shared_ptr<BoundFunction> find(std::list<Bound>& kept, std::span<const TensorView> inputs,
                                             const Env& env) {
    for (auto i = kept.begin(); i != kept.end(); ++i)
      if (!i->function->running() && alike(i->function->inputs(), inputs) && i->env == env) {
        if (i != kept.begin()) kept.splice(kept.begin(), kept, i);
        return i->function;
      }
    return nullptr;
  }
};
ExecutionContext::ExecutionContext() : state_(std::make_unique<State>()) {}
ExecutionContext::~ExecutionContext() = default;

// One run of an executable.
class ExecutableRun final : public RunState {
 public:
  ExecutableRun(const Executable& e, const ExecuteOptions& o, ExecutionContext& context)
      : RunState(e, o, o.profile || e.debug() >= 4), context_(*context.state_) {
    interpret_.cancelled = o.cancelled;
    ask();
  }

  // The function for these sizes, which the context keeps.
  std::shared_ptr<BoundFunction> bind(const CompiledFunction& c, std::span<const TensorView> inputs,
                                      const Env& env) {
    std::list<ExecutionContext::State::Bound>& kept = context_.bound[&c];
    if (c.function->name == "main") context_.main = &kept;
    if (std::shared_ptr<BoundFunction> known = context_.find(kept, inputs, env)) return known;
    std::vector<TensorType> types;
    for (const TensorView& v : inputs) types.push_back({v.type, Shape(v.shape.begin(), v.shape.end())});
    kept.push_front({env, std::make_shared<BoundFunction>(e_, c, std::move(types), env)});
    if (kept.size() > kKeptSizes) kept.pop_back();
    return kept.front().function;
  }

  bool run(BoundFunction& b, const void* const* inputs, void* const* results, int depth) {
    start(b.parallel());
    b.place(memory(static_cast<size_t>(b.bytes()), depth));
    return b.run(*this, inputs, results, depth);
  }

  std::vector<Value> call(const std::string& name, std::vector<Value> arguments, Env env,
                          int depth) override {
    const CompiledFunction& c = e_.functions().at(name);
    const Function& f = *c.function;
    if (depth > kMaxDepth) fail("function @", f.name, ": more than ", kMaxDepth, " nested calls");
    if (arguments.size() != f.parameters.size())
      fail("function @", f.name, ": required ", f.parameters.size(), " inputs, got ", arguments.size());
    std::shared_ptr<BoundFunction> bound;
    if (const auto views = views_of(arguments)) bound = bind(c, *views, env);
    if (bound && bound->complete()) {
      std::vector<const void*> inputs;
      for (const Value& v : arguments) inputs.push_back(v.tensor.raw());
      std::vector<Value> results;
      std::vector<void*> places;
      for (const TensorType& t : bound->results()) {
        results.emplace_back(uninitialised(t.type, t.shape));
        places.push_back(results.back().tensor.raw());
      }
      const size_t logged = o_.probes ? o_.probes->values.size() : 0;
      if (run(*bound, inputs.data(), places.data(), depth)) return results;
      if (o_.probes) o_.probes->values.resize(logged);
      bound = nullptr;  // its sizes suppose that it works
    }
    return nodes(c, std::move(arguments), std::move(env), bound.get(), depth);
  }

 private:
  void start(bool parallel) {
    if (o_.threads <= 1 || !parallel || pool_) return;
    if (!context_.pool || context_.pool->threads() != o_.threads)
      context_.pool = ThreadPool::shared(o_.threads);
    pool_ = context_.pool.get();
    pool_->wake();
  }

  uint8_t* memory(size_t bytes, int depth) {
    const auto at = static_cast<size_t>(depth);
    if (context_.memory.size() <= at) context_.memory.resize(at + 1);
    return context_.memory[at].require(bytes);
  }

  // A function node by node. `bound`: groups for these sizes, or null.
  std::vector<Value> nodes(const CompiledFunction& c, std::vector<Value> arguments, Env env,
                           const BoundFunction* bound, int depth) {
    const Function& f = *c.function;
    std::vector<Value> values(f.nodes.size());
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (std::string why = unify(f.nodes[i].type, type_of(arguments[i]), env); !why.empty())
        fail("input \"", f.parameters[i], "\": ", why);
      values[i] = std::move(arguments[i]);
    }
    // Constants and sizes are made when they are asked for: a size may be known only after a group that
    // stands later in the function than the node itself.
    const auto value = [&](Id id) -> const Value& {
      Value& v = values[static_cast<size_t>(id)];
      if (v.tensor.defined()) return v;
      if (const Tensor* t = e_.constant_of(f.node(id))) v = aligned(*t);
      if (f.node(id).op == &ops::dims) v = evaluate_node(e_.module(), f, id, {}, env, interpret_, {});
      return v;
    };
    const auto reference = [&](Id id) {
      std::vector<Value> in;
      for (Id i : f.node(id).inputs)
        in.push_back(c.blocked.count(i) ? Value(unblocked(value(i).tensor, c.block)) : value(i));
      values[static_cast<size_t>(id)] =
          evaluate_node(e_.module(), f, id, std::move(in), env, interpret_,
                        [&](const std::string& callee, std::vector<Value> given) {
                          return call(callee, std::move(given), env, depth + 1);
                        });
      if (c.blocked.count(id)) {
        Value& v = values[static_cast<size_t>(id)];
        v = blocked(v.tensor, c.block);
      }
    };
    start(!bound || bound->parallel());
    uint8_t* block = bound ? memory(static_cast<size_t>(bound->bytes()), depth) : nullptr;
    for (size_t k = 0; k < c.groups.size(); ++k) {
      const CompiledGroup& g = c.groups[k];
      ask();
      const int64_t started = watched() ? begin() : 0;
      Value& result = values[static_cast<size_t>(g.group.result)];
      // What main's inputs did not decide is bound here, when more is known.
      BoundGroup late;
      const BoundGroup* b = bound ? &bound->groups()[k] : nullptr;
      if (!b || (!b->runs && g.group.kind != Group::Kind::Reference))
        late = tauto::bind(f, g, env), b = &late;
      bool made = false;
      if (b->runs && g.group.kind == Group::Kind::View) {
        const Tensor& source = value(g.group.source).tensor;
        made = element_count(b->shape) == source.count();
        if (made) result = source.reshaped(b->shape);
      } else if (b->runs) {
        made = kernel_of(c, g, *b, value, result, block);
      }
      const bool by_references = !made && f.node(g.group.result).op != &ops::dims;
      if (by_references)
        for (Id id : g.group.nodes) reference(id);
      if (o_.probes)
        for (Id id : by_references ? g.group.nodes : std::vector<Id>{g.group.result}) log(c, id, values);
      if (watched()) end(c, k, env, started, depth);
      for (Id id : c.dead_after[k]) values[static_cast<size_t>(id)] = Value();
      if (depth == 0) done(g);
    }
    std::vector<Value> results;
    for (Id r : f.results) results.push_back(value(r));
    return results;
  }

  // What a node gave, if it is asked for.
  void log(const CompiledFunction& c, Id id, const std::vector<Value>& values) {
    const Value& v = values[static_cast<size_t>(id)];
    if (!c.probed.count(id) || !v.is_tensor() || !v.tensor.defined()) return;
    Tensor t = v.tensor;
    if (c.blocked.count(id)) {
      t = unblocked(v.tensor, c.block);
    } else if (!t.type().is_string()) {  // it may lie in memory that is used again
      t = uninitialised(t.type(), t.shape());
      std::memcpy(t.raw(), v.tensor.raw(), static_cast<size_t>(t.bytes()));
    }
    o_.probes->values.push_back({c.function->name, id, std::move(t), {}});
  }

  // False where the references have to run: an index is out of range.
  template <class GetValue>
  bool kernel_of(const CompiledFunction& c, const CompiledGroup& g, const BoundGroup& b,
                 const GetValue& value, Value& result, uint8_t* block) {
    const Function& f = *c.function;
    for (size_t i = 0; i < g.group.checks.size(); ++i) {
      const RangeCheck& check = g.group.checks[i];
      const std::vector<int64_t> v = value(check.value).tensor.as_ints();
      for (size_t j = check.first; j < v.size(); j += check.every)
        if (v[j] < b.ranges[i].first || v[j] >= b.ranges[i].second) return false;
    }
    const ElementType element = f.node(g.group.result).type.element;
    Tensor out = b.offset < 0 ? uninitialised(element, b.shape)
                              : Tensor(element, b.shape, std::shared_ptr<const void>(), block + b.offset);
    std::vector<uint64_t>& arguments = arguments_;
    arguments.clear();
    size_t expected = 0;
    std::vector<ProbedValue> probed;
    for (const KernelArgument& a : g.group.arguments) {
      const void* p = nullptr;
      if (a.kind == KernelArgument::Kind::Probe) {
        Tensor t = uninitialised(f.node(a.value).type.element, b.probed[probed.size()]);
        if (o_.probes) std::memset(t.raw(), o_.probes->fill, static_cast<size_t>(t.bytes()));
        p = t.raw();
        probed.push_back({f.name, a.value, std::move(t), {}});
      } else if (a.kind == KernelArgument::Kind::Constant) {
        p = a.constant.raw();
      } else if (a.kind == KernelArgument::Kind::Result) {
        p = out.raw();
      } else {
        const Tensor& t = value(a.value).tensor;
        if (t.shape() != b.expected[expected++]) return false;
        p = t.raw();
      }
      arguments.push_back(reinterpret_cast<uint64_t>(p));
    }
    arguments.insert(arguments.end(), b.sizes.begin(), b.sizes.end());
    arguments.resize(arguments.size() + 3);
    if (g.group.bands) {
      BoundKernel alone;
      alone.bound = &b;
      alone.entry = e_.code().function<KernelEntry>(g.kernel);
      alone.arguments = arguments;
      alone.bands = &*g.group.bands;
      const std::span<const BoundKernel> all(&alone, 1);
      bands(all, 0, context_.scratch.require(static_cast<size_t>(bytes_for_bands(all, 0))));
    } else {
      kernel(b, e_.code().function<KernelEntry>(g.kernel), arguments.data(), arguments.size() - 3,
             context_.scratch.require(static_cast<size_t>(b.workspace + b.scratch)));
    }
    result = std::move(out);
    size_t i = 0;
    for (size_t a = 0; o_.probes && a < g.group.arguments.size(); ++a) {
      if (g.group.arguments[a].kind != KernelArgument::Kind::Probe) continue;
      ProbedValue& v = probed[i++];
      if (lies_blocked(g, a)) v.value = unblocked(v.value, c.block);
      o_.probes->values.push_back(std::move(v));
    }
    return true;
  }

  ExecutionContext::State& context_;
  std::vector<uint64_t> arguments_;
};

std::vector<Value> Executable::run(std::vector<Value> inputs, const ExecuteOptions& options,
                                   ExecutionContext& context) const {
  const FloatEnvironment environment;
  if (options.profile) options.profile->start = now();
  std::vector<Value> results = ExecutableRun(*this, options, context).call("main", std::move(inputs), {}, 0);
  for (Value& v : results) canonicalise(v);
  if (options.profile) options.profile->end = now();
  return results;
}

std::vector<Value> Executable::run(std::vector<Value> inputs, const ExecuteOptions& options) const {
  ExecutionContext context;
  return run(std::move(inputs), options, context);
}

BoundFunction* ExecutionContext::ready(std::span<const TensorView> inputs) {
  const auto main = state_->main;
  const std::shared_ptr<BoundFunction> known = main ? State::find(*main, inputs, {}) : nullptr;
  return known && known->complete() ? known.get() : nullptr;
}

bool Executable::run(BoundFunction& b, const void* const* inputs, void* const* results,
                     const ExecuteOptions& options, ExecutionContext& context) const {
  const FloatEnvironment environment;
  if (!ExecutableRun(*this, options, context).run(b, inputs, results, 0)) return false;
  for (size_t i = 0; i < b.results().size(); ++i) canonicalise(b.results()[i], results[i]);
  return true;
}

}  // namespace tauto
