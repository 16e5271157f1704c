// Running the functions of a compiled module.
#include "compile/executable.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "codegen/x64/encode.h"
#include "compile/layouts.h"
#include "compile/legality.h"
#include "compile/profile.h"
#include "compile/stages.h"
#include "runtime/memory_plan.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

constexpr int kMaxDepth = 200;           // of nested calls
constexpr int64_t kPieceWork = 1 << 15;  // element operations that are worth waking a thread for
constexpr int64_t kPiecesPerThread = 4;
constexpr size_t kKeptSizes = 8;  // sets of input sizes that a context remembers

// A tensor whose elements are not set.
Tensor uninitialised(ElementType type, Shape shape) {
  const auto bytes = static_cast<size_t>(element_count(shape) * type.bytes());
  void* p = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (!p) throw std::bad_alloc();
  std::shared_ptr<const void> owner(p, [](const void* q) { std::free(const_cast<void*>(q)); });
  return Tensor(type, std::move(shape), std::move(owner), p);
}

std::optional<Shape> shape_of(const Type& t, const Env& env) {
  Shape s;
  for (const Dim& d : t.dims) {
    const auto v = evaluate(d, env);
    if (!v || *v < 0) return std::nullopt;
    s.push_back(*v);
  }
  return s;
}

// A kernel or view for given sizes.
struct BoundGroup {
  bool runs = false;  // false: the references have to run (a size of 0, or not known)
  Shape shape;
  std::vector<Shape> expected;  // of the value arguments
  std::vector<uint64_t> sizes;
  std::vector<std::pair<int64_t, int64_t>> ranges;  // of the checks
  int64_t from = 0, to = 1, steps = 1, work = 1;
  int64_t workspace = 0, scratch = 0;  // bytes
  int64_t offset = -1;                 // in the context's memory
};

BoundGroup bind_sizes(const Function& f, const CompiledGroup& g, const Env& env) {
  BoundGroup b;
  if (g.group.kind == Group::Kind::Reference) return b;
  const ElementType element = f.node(g.group.result).type.element;
  const auto shape = shape_of(f.node(g.group.result).type, env);
  if (!shape) return b;
  b.shape = *shape;
  for (const auto& [x, y] : g.group.equal)
    if (evaluate(x, env) != evaluate(y, env)) return b;
  for (Id id : g.group.unsure)
    if (!is_legal(f, id, env)) return b;
  if (g.group.kind == Group::Kind::View) {
    b.runs = true;
    return b;
  }
  for (const Dim& d : g.group.extents) {
    const auto v = evaluate(d, env);
    if (!v || *v <= 0) return b;
    if (b.work < INT64_MAX / 4 / *v) b.work *= *v;
  }
  if (element_count(*shape) > kMaxTensorBytes / element.bytes()) return b;
  for (const RangeCheck& c : g.group.checks) {
    const auto least = evaluate(c.least, env), end = evaluate(c.end, env);
    if (!least || !end) return b;
    b.ranges.emplace_back(*least, *end);
  }
  for (const KernelArgument& a : g.group.arguments)
    if (a.kind == KernelArgument::Kind::Value) {
      const auto expected = shape_of(f.node(a.value).type, env);
      if (!expected) return b;
      b.expected.push_back(*expected);
    }
  for (const Dim& d : g.built->generated.sizes) {
    const auto v = evaluate(d, env);
    if (!v) return b;
    b.sizes.push_back(static_cast<uint64_t>(*v));
  }
  const auto from = evaluate(g.built->generated.parallel_from, env),
             to = evaluate(g.built->generated.parallel_to, env);
  const auto workspace = evaluate(g.built->generated.workspace, env);
  if (!from || !to || !workspace) return b;
  b.from = *from;
  b.to = *to;
  b.steps = (b.to - b.from + g.built->generated.parallel_step - 1) / g.built->generated.parallel_step;
  b.workspace = (*workspace + 63) / 64 * 64;
  b.scratch = vec::caller_scratch(g.built->generated.program);
  b.runs = true;
  return b;
}

// Sizes that have no value (illegal broadcasts, overflow) are for the references to refuse.
BoundGroup bind(const Function& f, const CompiledGroup& g, const Env& env) {
  try {
    return bind_sizes(f, g, env);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

// All groups of main for one set of sizes, and where their results lie in the context's memory.
struct ExecutionContext::Bound {
  Env env;
  std::vector<BoundGroup> groups;
  int64_t bytes = 0;
};
ExecutionContext::ExecutionContext() = default;
ExecutionContext::~ExecutionContext() = default;

// One run of an executable.
class ExecutableRun {
 public:
  ExecutableRun(const Executable& e, const ExecuteOptions& o, ExecutionContext& context)
      : e_(e), o_(o), context_(context), watched_(o.profile || e.debug_ >= 4) {
    interpret_.cancelled = o.cancelled;
    if (o.threads > 1) pool_ = ThreadPool::shared(o.threads);
    if (pool_) pool_->wake();
  }

  std::vector<Value> call(const std::string& name, std::vector<Value> arguments, Env env, int depth) {
    const CompiledFunction& c = e_.functions_.at(name);
    const Function& f = *c.function;
    if (depth > kMaxDepth) fail("function @", f.name, ": more than ", kMaxDepth, " nested calls");
    if (arguments.size() != f.parameters.size())
      fail("function @", f.name, ": required ", f.parameters.size(), " inputs, got ", arguments.size());
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
      if (const Tensor* t = constant_value(f.node(id))) v = *t;
      if (f.node(id).op == &ops::dims) v = evaluate_node(*e_.module_, f, id, {}, env, interpret_, {});
      return v;
    };
    const auto reference = [&](Id id) {
      std::vector<Value> in;
      for (Id i : f.node(id).inputs)
        in.push_back(c.blocked.count(i) ? Value(unblocked(value(i).tensor, c.block)) : value(i));
      values[static_cast<size_t>(id)] =
          evaluate_node(*e_.module_, f, id, std::move(in), env, interpret_,
                        [&](const std::string& callee, std::vector<Value> given) {
                          return call(callee, std::move(given), env, depth + 1);
                        });
      if (c.blocked.count(id)) {
        Value& v = values[static_cast<size_t>(id)];
        v = blocked(v.tensor, c.block);
      }
    };
    const ExecutionContext::Bound* bound = depth == 0 ? &bind_all(c, env) : nullptr;
    uint8_t* memory = bound ? context_.memory_.require(static_cast<size_t>(bound->bytes)) : nullptr;
    for (size_t k = 0; k < c.groups.size(); ++k) {
      const CompiledGroup& g = c.groups[k];
      if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
      const int64_t started = watched_ ? begin() : 0;
      Value& result = values[static_cast<size_t>(g.group.result)];
      // What main's inputs did not decide is bound here, when more is known.
      BoundGroup late;
      const BoundGroup* b = bound ? &bound->groups[k] : nullptr;
      if (!b || (!b->runs && g.group.kind != Group::Kind::Reference)) late = bind(f, g, env), b = &late;
      bool done = false;
      if (b->runs && g.group.kind == Group::Kind::View) {
        const Tensor& source = value(g.group.source).tensor;
        done = element_count(b->shape) == source.count();
        if (done) result = source.reshaped(b->shape);
      } else if (b->runs) {
        done = kernel(f, g, *b, value, result, memory);
      }
      if (!done && f.node(g.group.result).op != &ops::dims)
        for (Id id : g.group.nodes) reference(id);
      if (watched_) end(c, k, env, started, depth);
      for (Id id : c.dead_after[k]) values[static_cast<size_t>(id)] = Value();
      if (o_.progress && depth == 0) (*o_.progress)(static_cast<int64_t>(g.group.nodes.size()));
    }
    std::vector<Value> results;
    for (Id r : f.results) results.push_back(value(r));
    return results;
  }

 private:
  int64_t begin() {
    outer_.push_back(0);
    return now();
  }
  // Groups of a function that is called count for themselves, not for the call.
  void end(const CompiledFunction& c, size_t k, const Env& env, int64_t started, int depth) {
    const int64_t took = now() - started, self = took - outer_.back();
    outer_.pop_back();
    if (!outer_.empty()) outer_.back() += took;
    if (o_.profile) o_.profile->add(c, k, env, started, took, self, depth);
    if (e_.debug_ >= 4) say(cat("tauto: ", name_of(c, c.groups[k]), ": ", self / 1000, " us"));
  }

  const ExecutionContext::Bound& bind_all(const CompiledFunction& c, const Env& env) {
    auto& kept = context_.bound_;
    for (auto i = kept.begin(); i != kept.end(); ++i)
      if (i->env == env) {
        kept.splice(kept.begin(), kept, i);
        return kept.front();
      }
    ExecutionContext::Bound b;
    b.env = env;
    std::vector<BufferNeed> needs;
    std::vector<size_t> of;
    for (size_t k = 0; k < c.groups.size(); ++k) {
      b.groups.push_back(bind(*c.function, c.groups[k], env));
      if (!b.groups[k].runs || !c.planned[k]) continue;
      BufferNeed need;
      need.bytes =
          element_count(b.groups[k].shape) * c.function->node(c.groups[k].group.result).type.element.bytes();
      need.first = static_cast<int>(k);
      need.last = c.last_use[k];
      needs.push_back(need);
      of.push_back(k);
    }
    const MemoryPlan plan = plan_memory(needs);
    for (size_t i = 0; i < of.size(); ++i) b.groups[of[i]].offset = plan.offsets[i];
    b.bytes = plan.total;
    kept.push_front(std::move(b));
    if (kept.size() > kKeptSizes) kept.pop_back();
    return kept.front();
  }

  // False where the references have to run: an index is out of range.
  template <class GetValue>
  bool kernel(const Function& f, const CompiledGroup& g, const BoundGroup& b, const GetValue& value,
              Value& result, uint8_t* memory) {
    for (size_t i = 0; i < g.group.checks.size(); ++i) {
      const RangeCheck& c = g.group.checks[i];
      const std::vector<int64_t> v = value(c.value).tensor.as_ints();
      for (size_t j = c.first; j < v.size(); j += c.every)
        if (v[j] < b.ranges[i].first || v[j] >= b.ranges[i].second) return false;
    }
    const ElementType element = f.node(g.group.result).type.element;
    Tensor out = b.offset < 0 ? uninitialised(element, b.shape)
                              : Tensor(element, b.shape, std::shared_ptr<const void>(), memory + b.offset);
    std::vector<uint64_t>& arguments = arguments_;
    arguments.clear();
    size_t expected = 0;
    for (const KernelArgument& a : g.group.arguments) {
      const void* p = nullptr;
      if (a.kind == KernelArgument::Kind::Constant) {
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
    const auto entry = e_.code_.function<void(const uint64_t*, void*)>(g.kernel);
    const auto run = [&](std::vector<uint64_t>& own, int64_t first, int64_t last) {
      thread_local Arena arena;
      const int64_t step = g.built->generated.parallel_step;
      own.push_back(static_cast<uint64_t>(b.from + first * step));
      own.push_back(static_cast<uint64_t>(std::min(b.to, b.from + last * step)));
      const int64_t bytes = b.workspace + b.scratch;
      uint8_t* work = bytes ? arena.require(static_cast<size_t>(bytes)) : nullptr;
      own.push_back(reinterpret_cast<uint64_t>(work));
      entry(own.data(), work + b.workspace);
    };
    if (!pool_ || b.steps <= 1 || b.work < kPieceWork) {
      run(arguments, 0, b.steps);
    } else {
      const int64_t tasks =
          std::min({b.steps, o_.threads * kPiecesPerThread, std::max<int64_t>(2, b.work / kPieceWork)});
      pool_->parallel(tasks, [&](int64_t task, int) {
        std::vector<uint64_t> own = arguments;
        run(own, b.steps * task / tasks, b.steps * (task + 1) / tasks);
      });
    }
    result = std::move(out);
    return true;
  }

  const Executable& e_;
  const ExecuteOptions& o_;
  ExecutionContext& context_;
  InterpretOptions interpret_;
  std::shared_ptr<ThreadPool> pool_;
  std::vector<uint64_t> arguments_;
  const bool watched_;
  std::vector<int64_t> outer_;  // of the groups that run: what the groups inside took
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

}  // namespace tauto
