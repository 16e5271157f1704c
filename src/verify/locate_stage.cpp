// Levels of one kernel on the values of a run, see locate_stage.h.
#include "verify/locate_stage.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "compile/bound.h"
#include "compile/faults.h"
#include "compile/layouts.h"
#include "compile/stages.h"
#include "graph/unaligned.h"
#include "loops/evaluate.h"
#include "ops/ops.h"
#include "verify/kernel_levels.h"
#include "verify/shrink.h"

namespace tauto::equivalence {
namespace {

constexpr int64_t kGuard = 4096;  // bytes

class Levels {
 public:
  Levels(const Executable& e, const CompiledFunction& c, const CompiledGroup& g, const RunChecks& checks,
         Order order)
      : e_(e), c_(c), f_(*c.function), g_(g), checks_(checks), order_(order), sizes_(e.sizes()) {
    for (const auto& [name, size] : checks.env().values()) sizes_.bind(name, size);
  }

  StageFound run() {
    legal_ = legal();
    lay_out();
    const BuiltKernel& b = *g_.built;
    const auto& packings = b.scheduled.packings;
    const auto is_wrong = [&](const char* stage, const std::function<void(const std::vector<void*>&)>& level,
                              const std::vector<void*>& buffers) { return wrong(stage, level, buffers); };
    const auto loops = [&](loops::Kernel k) {
      k.symbols.clear();
      std::vector<int64_t> symbols;
      for (const auto& [name, size] : sizes_.values()) k.symbols.push_back(name), symbols.push_back(size);
      return [k, symbols](const std::vector<void*>& buffers) { loops::evaluate(k, buffers, symbols); };
    };
    std::vector<uint8_t> workspace;
    const auto arguments = [&](const std::vector<void*>& buffers) {
      std::vector<uint64_t> all = proof::arguments_of(b.generated, buffers, sizes_, workspace);
      std::fill(workspace.begin(), workspace.end(), uint8_t{0xff});
      return all;
    };
    const auto program = [&](const std::vector<void*>& buffers) {
      vec::evaluate(b.generated.program, arguments(buffers).data());
    };
    const std::vector<void*> original = buffers_, fresh = packed_now(packings), own = with_own_constants();
    const loops::Kernel expression = proof::expression_of(b.nest);
    if (is_wrong("lowering", loops(expression), original)) return found_;
    if (is_wrong("schedule", loops(b.scheduled.kernel), fresh)) return found_;
    if (is_wrong("codegen", program, fresh)) return found_;
    if (is_wrong("packing", program, own)) return found_;
    const auto code = [&](const std::vector<void*>& buffers) {
      proof::call_code(e_, g_, arguments(buffers));
    };
    if (is_wrong("registers", code, own)) return found_;
    const auto pieces = [&](const std::vector<void*>& buffers) {
      std::vector<uint64_t> all = arguments(buffers);
      BoundGroup bound = bind(f_, g_, sizes_);
      const auto k = static_cast<size_t>(&g_ - c_.groups.data());
      if (const InjectedFault* fault = e_.fault()) fault->distort(c_, k, bound);
      all[all.size() - 3] = static_cast<uint64_t>(bound.from);
      all[all.size() - 2] = static_cast<uint64_t>(bound.to);
      proof::call_code(e_, g_, all);
    };
    if (is_wrong("threads", pieces, own)) return found_;
    found_.stage = "memory";
    found_.what = "the kernel alone is legal on these inputs";
    return found_;
  }

 private:
  // Of the group's result, on what it consumed.
  Tensor legal() {
    std::map<Id, Value> intervals;
    Env env = checks_.env();
    InterpretOptions options;
    options.rep = Rep::Interval;
    for (const Id id : g_.group.nodes) {
      const Node& n = f_.node(id);
      std::vector<Value> exact, in;
      for (const Id from : n.inputs) {
        if (const auto inside = intervals.find(from); inside != intervals.end()) {
          in.push_back(inside->second);
          if (const auto points = points_of(inside->second)) exact.push_back(*points);
          continue;
        }
        const Node& source = f_.node(from);
        std::optional<Value> v;
        if (const Tensor* t = constant_value(source))
          v = Value(aligned(*t));
        else
          v = checks_.value(f_.name, from);
        if (!v && source.op == &ops::dims) v = evaluate_node(e_.module(), f_, from, {}, env, {}, {});
        if (!v) fail("%", from, " is not known");
        exact.push_back(*v);
        in.push_back(to_rep(*v, Rep::Interval));
      }
      intervals[id] = exact.size() == in.size() ? legal_values(e_.module(), f_, id, exact, order_, env)
                                                : evaluate_node(e_.module(), f_, id, in, env, options, {});
    }
    return intervals.at(g_.group.result).tensor;
  }

  // The node whose constant an argument is: lowering names its buffer after it.
  const Tensor* constant_node(size_t argument) const {
    const std::string& name = g_.group.kernel.buffers[argument]->name;
    Id id = -1;
    if (name.size() < 2 || name[0] != 'c') return nullptr;
    const auto [end, status] = std::from_chars(name.data() + 1, name.data() + name.size(), id);
    if (status != std::errc() || end != name.data() + name.size() || id < 0 ||
        static_cast<size_t>(id) >= f_.nodes.size())
      return nullptr;
    return constant_value(f_.node(id));
  }

  void lay_out() {
    const loops::Kernel& k = g_.group.kernel;
    for (size_t i = 0; i < k.buffers.size(); ++i) {
      const KernelArgument& a = g_.group.arguments[i];
      const int64_t elements = proof::number(k.buffers[i]->layout.elements, sizes_);
      Tensor t;
      if (a.kind == KernelArgument::Kind::Result) {
        result_ = i;
        t = Tensor(k.buffers[i]->type, {elements});
      } else if (a.kind == KernelArgument::Kind::Probe) {
        t = Tensor(k.buffers[i]->type, {elements});
      } else if (a.kind == KernelArgument::Kind::Value) {
        const std::optional<Value> v = checks_.value(f_.name, a.value);
        if (!v || !v->is_tensor()) fail("argument %", a.value, " is not known");
        t = lies_blocked(g_, i) ? blocked(v->tensor, c_.block) : v->tensor;
        if (t.count() != elements) fail("argument %", a.value, " lies otherwise in memory");
      } else {
        const Tensor* node = constant_node(i);
        t = node ? aligned(*node) : a.constant;
      }
      elements_.push_back(elements);
      buffers_.push_back(guarded(t));
    }
  }

  // A copy between bytes that are NaNs, or large integers: who reads beside it is seen.
  void* guarded(const Tensor& t) {
    const auto bytes = static_cast<size_t>(t.bytes());
    kept_.emplace_back(u8, Shape{static_cast<int64_t>(bytes) + 2 * kGuard + 64});
    char* const from = static_cast<char*>(kept_.back().raw());
    std::memset(from, 0xff, static_cast<size_t>(kept_.back().bytes()));
    auto* const to = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(from) + kGuard + 63) / 64 * 64);
    std::memcpy(to, t.raw(), bytes);
    return to;
  }

  std::vector<void*> packed_now(const std::vector<Packing>& packings) {
    std::vector<void*> all = buffers_;
    for (const Packing& p : packings) {
      const loops::Buffer& b = *g_.group.kernel.buffers[p.buffer];
      all[p.buffer] = guarded(proof::flat_packed(b.type, elements_[p.buffer], buffers_[p.buffer], p));
    }
    return all;
  }

  std::vector<void*> with_own_constants() {
    std::vector<void*> all = buffers_;
    for (size_t i = 0; i < all.size(); ++i)
      if (const KernelArgument& a = g_.group.arguments[i]; a.kind == KernelArgument::Kind::Constant)
        all[i] = guarded(a.constant);
    return all;
  }

  bool wrong(const char* stage, const std::function<void(const std::vector<void*>&)>& level,
             const std::vector<void*>& given) {
    std::vector<void*> buffers = given;
    Tensor out(g_.group.kernel.buffers[result_]->type, {elements_[result_]});
    // What is not written is seen, as far as its type allows.
    std::memset(out.raw(), out.type().is_bool() ? 0 : 0xff, static_cast<size_t>(out.bytes()));
    buffers[result_] = guarded(out);
    std::string why;
    try {
      const auto& bands = g_.group.bands;
      for (int64_t band = 0; band < (bands ? bands->count() : 1); ++band) {
        std::vector<void*> there = buffers;
        for (size_t i = 0; bands && i < there.size(); ++i)
          there[i] = static_cast<char*>(there[i]) + bands->offset(i, band);
        level(there);
      }
      std::memcpy(out.raw(), buffers[result_], static_cast<size_t>(out.bytes()));
      Tensor t = out.reshaped(legal_.shape());
      if (lies_blocked(g_, result_)) t = unblocked(t, c_.block);
      const Deviation d = deviation(legal_, canonical_nan(t));
      if (d.legal()) return false;
      why = d.reason.empty() ? cat(d.outside, " of ", d.elements, " elements are illegal, element ", d.at,
                                   ": ", d.value, ", legal ", d.middle, " +- ", d.bound)
                             : d.reason;
    } catch (const Error& e) {
      why = e.what();
    }
    found_.stage = stage;
    found_.what = why;
    return true;
  }

  const Executable& e_;
  const CompiledFunction& c_;
  const Function& f_;
  const CompiledGroup& g_;
  const RunChecks& checks_;
  const Order order_;
  Env sizes_;
  Tensor legal_;
  std::vector<Tensor> kept_;
  std::vector<void*> buffers_;
  std::vector<int64_t> elements_;
  size_t result_ = 0;
  StageFound found_;
};

}  // namespace

StageFound locate_stage(const Executable& e, const ValueCheck& bad, const RunChecks& checks, Order order) {
  StageFound none;
  if (!e.has_stages()) {
    none.what = "an artifact does not have its stages";
    return none;
  }
  const CompiledFunction& c = e.functions().at(bad.function);
  for (const CompiledGroup& g : c.groups) {
    if (std::find(g.group.nodes.begin(), g.group.nodes.end(), bad.node) == g.group.nodes.end()) continue;
    none.kernel = name_of(c, g);
    if (g.group.kind != Group::Kind::Kernel) {
      none.stage = "memory";
      none.what = "it is no kernel: what it reads was not what it was to read";
      return none;
    }
    try {
      StageFound found = Levels(e, c, g, checks, order).run();
      found.kernel = none.kernel;
      return found;
    } catch (const Cancelled&) {
      throw;
    } catch (const Error& error) {
      none.what = error.what();
    }
    return none;
  }
  none.what = "no kernel computes it";
  return none;
}

}  // namespace tauto::equivalence
