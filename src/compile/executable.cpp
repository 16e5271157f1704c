// Compiling all functions of a module, and running them.
#include "compile/executable.h"

#include <algorithm>

#include "codegen/x64/encode.h"
#include "runtime/arena.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

constexpr int kMaxDepth = 200;           // of nested calls
constexpr int64_t kPieceWork = 1 << 15;  // element operations that are worth waking a thread for
constexpr int64_t kPiecesPerThread = 4;

// The stages of one kernel, or why it has none.
std::string build(CompiledGroup& g, Isa isa) {
  try {
    const bool wide = isa == Isa::Avx512;
    const int bytes = wide ? 64 : 32;
    const Nest nest = flatten(g.group.kernel);
    const Target target{lanes_for(g.group.kernel, bytes), wide ? 32 : 16};
    g.plan = default_plan(nest, target);
    g.scheduled = schedule(nest, g.plan, target);
    g.generated = generate(g.scheduled, target.lanes);
    g.bytes = vec::encode(g.generated.program, {wide});
    return "";
  } catch (const NotScheduled& e) {
    return e.reason;
  } catch (const NotGenerated& e) {
    return e.reason;
  } catch (const Error& e) {
    return e.what();
  }
}

std::vector<std::vector<Id>> dead_after(const Function& f, const std::vector<CompiledGroup>& groups) {
  std::vector<int> last(f.nodes.size(), -1);
  for (size_t k = 0; k < groups.size(); ++k)
    for (Id id : groups[k].group.nodes)
      for (Id in : f.node(id).inputs) last[static_cast<size_t>(in)] = static_cast<int>(k);
  for (Id r : f.results) last[static_cast<size_t>(r)] = -1;
  std::vector<std::vector<Id>> dead(groups.size());
  for (size_t i = 0; i < last.size(); ++i)
    if (last[i] >= 0) dead[static_cast<size_t>(last[i])].push_back(static_cast<Id>(i));
  return dead;
}

}  // namespace

std::shared_ptr<const Executable> compile(std::shared_ptr<const Module> m, const CompileOptions& options) {
  auto e = std::make_shared<Executable>();
  e->module_ = m;
  e->isa_ = options.isa;
  CodeWriter code;
  for (const auto& [name, function] : m->functions) {
    CompiledFunction c;
    c.function = function.get();
    std::map<Id, CompiledGroup> built;
    GroupOptions how;
    how.fuse = options.fuse;
    how.accepts = [&](const Group& g) {
      CompiledGroup k;
      k.group = g;
      std::string reason = build(k, options.isa);
      if (reason.empty()) built[g.result] = std::move(k);
      return reason;
    };
    for (Group& g : group_nodes(*m, *function, how)) {
      CompiledGroup k;
      if (g.kind == Group::Kind::Kernel) {
        k = std::move(built.at(g.result));
        k.kernel = code.add(k.scheduled.name, k.bytes);
      }
      k.group = std::move(g);
      c.groups.push_back(std::move(k));
    }
    c.dead_after = dead_after(*function, c.groups);
    e->functions_[name] = std::move(c);
  }
  e->code_ = std::move(code).seal();
  return e;
}

// One run of an executable.
class ExecutableRun {
 public:
  ExecutableRun(const Executable& e, const ExecuteOptions& o) : e_(e), o_(o) {
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
      for (Id i : f.node(id).inputs) in.push_back(value(i));
      values[static_cast<size_t>(id)] =
          evaluate_node(*e_.module_, f, id, std::move(in), env, interpret_,
                        [&](const std::string& callee, std::vector<Value> given) {
                          return call(callee, std::move(given), env, depth + 1);
                        });
    };
    for (size_t k = 0; k < c.groups.size(); ++k) {
      const CompiledGroup& g = c.groups[k];
      if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
      switch (g.group.kind) {
        case Group::Kind::View:
          values[static_cast<size_t>(g.group.result)] = viewed(f, g.group, value(g.group.source), env);
          if (!values[static_cast<size_t>(g.group.result)].tensor.defined()) reference(g.group.result);
          break;
        case Group::Kind::Kernel:
          if (!kernel(f, g, value, values[static_cast<size_t>(g.group.result)], env))
            for (Id id : g.group.nodes) reference(id);
          break;
        case Group::Kind::Reference:
          if (f.node(g.group.result).op != &ops::dims)
            for (Id id : g.group.nodes) reference(id);
          break;
      }
      for (Id id : c.dead_after[k]) values[static_cast<size_t>(id)] = Value();
      if (o_.progress && depth == 0) (*o_.progress)(static_cast<int64_t>(g.group.nodes.size()));
    }
    std::vector<Value> results;
    for (Id r : f.results) results.push_back(value(r));
    return results;
  }

 private:
  static std::optional<Shape> shape_of(const Type& t, const Env& env) {
    Shape s;
    for (const Dim& d : t.dims) {
      const auto v = evaluate(d, env);
      if (!v || *v < 0) return std::nullopt;
      s.push_back(*v);
    }
    return s;
  }

  static Value viewed(const Function& f, const Group& g, const Value& source, const Env& env) {
    const auto shape = shape_of(f.node(g.result).type, env);
    if (!shape || element_count(*shape) != source.tensor.count()) return Value();
    return source.tensor.reshaped(*shape);
  }

  // False where the references have to run: a size of 0, an index out of range, a shape not known.
  template <class GetValue>
  bool kernel(const Function& f, const CompiledGroup& g, const GetValue& value, Value& result,
              const Env& env) {
    int64_t work = 1;
    for (const Dim& d : g.group.extents) {
      const auto v = evaluate(d, env);
      if (!v || *v <= 0) return false;
      if (work < INT64_MAX / 4 / *v) work *= *v;
    }
    const auto shape = shape_of(f.node(g.group.result).type, env);
    if (!shape) return false;
    for (const RangeCheck& c : g.group.checks) {
      const auto least = evaluate(c.least, env), end = evaluate(c.end, env);
      if (!least || !end) return false;
      const std::vector<int64_t> v = value(c.value).tensor.as_ints();
      for (size_t i = c.first; i < v.size(); i += c.every)
        if (v[i] < *least || v[i] >= *end) return false;
    }
    const ElementType element = f.node(g.group.result).type.element;
    if (element_count(*shape) > kMaxTensorBytes / element.bytes()) return false;
    Tensor out(element, *shape);
    std::vector<uint64_t> arguments;
    for (const KernelArgument& a : g.group.arguments) {
      const void* p = nullptr;
      if (a.kind == KernelArgument::Kind::Constant) {
        p = a.constant.raw();
      } else if (a.kind == KernelArgument::Kind::Result) {
        p = out.raw();
      } else {
        const Tensor& t = value(a.value).tensor;
        const auto expected = shape_of(f.node(a.value).type, env);
        if (!expected || t.shape() != *expected) return false;
        p = t.raw();
      }
      arguments.push_back(reinterpret_cast<uint64_t>(p));
    }
    for (const Dim& d : g.generated.sizes) {
      const auto v = evaluate(d, env);
      if (!v) return false;
      arguments.push_back(static_cast<uint64_t>(*v));
    }
    const auto from = evaluate(g.generated.parallel_from, env), to = evaluate(g.generated.parallel_to, env);
    const auto workspace = evaluate(g.generated.workspace, env);
    if (!from || !to || !workspace) return false;
    const int64_t step = g.generated.parallel_step;
    const int64_t steps = (*to - *from + step - 1) / step;
    const auto entry = e_.code_.function<void(const uint64_t*, void*)>(g.kernel);
    const int64_t scratch = vec::caller_scratch(g.generated.program);
    const auto run = [&](int64_t first, int64_t last) {
      thread_local Arena arena;
      std::vector<uint64_t> own = arguments;
      own.push_back(static_cast<uint64_t>(*from + first * step));
      own.push_back(static_cast<uint64_t>(std::min(*to, *from + last * step)));
      const int64_t aligned = (*workspace + 63) / 64 * 64;
      uint8_t* memory = aligned + scratch ? arena.require(static_cast<size_t>(aligned + scratch)) : nullptr;
      own.push_back(reinterpret_cast<uint64_t>(memory));
      entry(own.data(), memory + aligned);
    };
    if (!pool_ || steps <= 1 || work < kPieceWork) {
      run(0, steps);
    } else {
      const int64_t tasks =
          std::min({steps, o_.threads * kPiecesPerThread, std::max<int64_t>(2, work / kPieceWork)});
      pool_->parallel(tasks,
                      [&](int64_t task, int) { run(steps * task / tasks, steps * (task + 1) / tasks); });
    }
    result = std::move(out);
    return true;
  }

  const Executable& e_;
  const ExecuteOptions& o_;
  InterpretOptions interpret_;
  std::shared_ptr<ThreadPool> pool_;
};

std::vector<Value> Executable::run(std::vector<Value> inputs, const ExecuteOptions& options) const {
  const FloatEnvironment environment;
  std::vector<Value> results = ExecutableRun(*this, options).call("main", std::move(inputs), {}, 0);
  for (Value& v : results) canonicalise(v);
  return results;
}

}  // namespace tauto
