// Choosing a place, and making the kernel again from there on.
#include "compile/faults.h"

#include <algorithm>

#include "codegen/x64/encode.h"
#include "compile/bands.h"
#include "compile/bound.h"
#include "compile/fault_sites.h"
#include "compile/layouts.h"
#include "compile/profile.h"
#include "ops/ops.h"
#include "support/error.h"

namespace tauto {
namespace {

enum class Stage : uint8_t { Lowering, Schedule, Codegen, Registers, Packing, Memory, Threads };
constexpr const char* kStageNames[] = {"lowering", "schedule", "codegen", "registers",
                                       "packing",  "memory",   "threads"};
constexpr struct {
  const char* text;
  Stage stage;
} kFaults[] = {
#define TAUTO_X(name, text, stage) {text, Stage::stage},
    TAUTO_FAULTS(TAUTO_X)
#undef TAUTO_X
};
constexpr int kAttempts = 64;

Stage stage(FaultKind k) { return kFaults[static_cast<size_t>(k)].stage; }

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  size_t below(size_t n) {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<size_t>((z ^ (z >> 31)) % n);
  }

 private:
  uint64_t state_;
};

class Injector {
 public:
  Injector(const Fault& fault, const Module& m, std::map<std::string, CompiledFunction>& functions,
           const KernelGroups& raw, Isa isa)
      : kind_(fault.kind),
        random_(fault.seed ^ (static_cast<uint64_t>(fault.kind) << 56)),
        m_(m),
        functions_(functions),
        raw_(raw),
        isa_(isa) {
    result_.fault.kind = fault.kind;
    result_.fault.seed = fault.seed;
  }

  InjectedFault run(const Fault& fault, const std::function<void(CompiledGroup&)>& finish) {
    struct Candidate {
      const std::string* function;
      size_t group, places;
    };
    std::vector<Candidate> candidates;
    for (const auto& [name, c] : functions_)
      for (size_t k = 0; k < c.groups.size(); ++k)
        if (c.groups[k].group.kind == Group::Kind::Kernel &&
            (fault.among.empty() || fault.among.count({name, k})))
          if (const size_t n = places(name, k)) candidates.push_back({&name, k, n});
    for (int i = 0; i < kAttempts && !candidates.empty(); ++i) {
      const Candidate& c = candidates[random_.below(candidates.size())];
      CompiledFunction& f = functions_.at(*c.function);
      what_.clear();
      if (!make(*c.function, c.group, random_.below(c.places), finish)) continue;
      const CompiledGroup& g = f.groups[c.group];
      result_.function = *c.function;
      result_.group = c.group;
      result_.kernel = g.group.kernel.name;
      result_.nodes = g.group.nodes;
      for (const KernelArgument& a : raw(*c.function, c.group).group.arguments)
        result_.constants.push_back(a.constant);
      result_.sources = g.group.kernel.sources;
      result_.what = what_;
      return result_;
    }
    fail("fault ", text_of(kind_), ": required a program with a place for it, got none");
  }

 private:
  const CompiledGroup& raw(const std::string& function, size_t k) const { return raw_.at(function)[k]; }

  // Nodes that compute element by element what they are given one of.
  std::vector<Id> activations(const std::string& function, size_t k) const {
    std::vector<Id> ids;
    const Function& f = *functions_.at(function).function;
    for (Id id : raw(function, k).group.nodes) {
      const Node& n = f.node(id);
      if (!n.op->is(kElementwise) || !n.type.is_tensor()) continue;
      Id given = -1;
      int others = 0;
      for (Id in : n.inputs)
        if (!constant_value(f.node(in))) given = in, ++others;
      if (others == 1 && given == n.inputs[0] && f.node(given).type == n.type) ids.push_back(id);
    }
    return ids;
  }

  std::set<const loops::Buffer*> constants(const CompiledGroup& g) const {
    std::set<const loops::Buffer*> found;
    for (size_t i = 0; i < g.group.arguments.size(); ++i)
      if (g.group.arguments[i].kind == KernelArgument::Kind::Constant)
        found.insert(g.group.kernel.buffers[i].get());
    return found;
  }

  int64_t tile_of(const CompiledGroup& g, size_t argument) const {
    for (const Packing& p : g.built->scheduled.packings)
      if (p.buffer == argument) return p.tile;
    return 1;
  }

  // The groups whose results lie in memory while that of k is needed, and are made after it.
  std::vector<size_t> later(const CompiledFunction& c, size_t k) const {
    std::vector<size_t> found;
    const auto kept = [&](size_t i) { return c.groups[i].group.kind == Group::Kind::Kernel && c.planned[i]; };
    for (size_t i = k + 1; kept(k) && static_cast<int>(i) <= c.last_use[k]; ++i)
      if (kept(i)) found.push_back(i);
    return found;
  }

  // The arguments that are other kernels' results in the program's own memory.
  std::vector<size_t> movable(const CompiledFunction& c, size_t k) const {
    std::set<Id> results;
    for (size_t i = 0; i < k; ++i)
      if (c.groups[i].group.kind == Group::Kind::Kernel && c.planned[i])
        results.insert(c.groups[i].group.result);
    std::vector<size_t> found;
    const std::vector<KernelArgument>& all = c.groups[k].group.arguments;
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].kind == KernelArgument::Kind::Value && results.count(all[i].value)) found.push_back(i);
    return found;
  }

  size_t places(const std::string& function, size_t k) {
    const CompiledFunction& c = functions_.at(function);
    const CompiledGroup& g = raw(function, k);
    switch (stage(kind_)) {
      case Stage::Lowering:
        if (kind_ == FaultKind::MissingActivation || kind_ == FaultKind::DoubledActivation)
          return activations(function, k).size();
        return faults::in_expression(kind_, g.group.kernel.body, constants(g), faults::kCount).places;
      case Stage::Schedule:
        return faults::in_loops(kind_, g.built->scheduled.kernel.body, faults::kCount).places;
      case Stage::Codegen:
        return faults::in_program(kind_, g.built->generated.program, faults::kCount).places;
      case Stage::Registers:
        return registers(g, faults::kCount).second;
      case Stage::Packing: {
        size_t n = 0;
        for (size_t i = 0; i < g.group.arguments.size(); ++i) n += in_argument(g, i, faults::kCount).places;
        return n;
      }
      case Stage::Memory: {
        if (kind_ == FaultKind::ReusedEarly) return later(c, k).size();
        return movable(c, k).size();
      }
      case Stage::Threads:
        return g.built->generated.parallel_to != Dim(1);
    }
    return 0;
  }

  faults::Made<Tensor> in_argument(const CompiledGroup& g, size_t i, size_t at) const {
    const KernelArgument& a = g.group.arguments[i];
    if (a.kind != KernelArgument::Kind::Constant) return {};
    return faults::in_constant(kind_, a.constant, tile_of(g, i), at);
  }

  // The code with other registers, and how many places there are. Where masks live in vectors, or vectors say
  // what a gather reads, a wrong one might lead anywhere.
  std::pair<std::vector<uint8_t>, size_t> registers(const CompiledGroup& g, size_t at) {
    const vec::Program& p = g.built->generated.program;
    const bool wide = is_avx512(isa_);
    for (const vec::Instr& i : p.code)
      if (i.op == vec::VecOp::Gather || i.op == vec::VecOp::Lookup || (!wide && i.mask)) return {{}, 0};
    size_t n = 0;
    const auto tamper = [&](const vec::Demands& d, vec::Allocation& a) {
      n = faults::in_registers(kind_, d, a, at, what_);
    };
    const vec::X64Features features = vec::x64_features_of(isa_);
    std::vector<uint8_t> bytes = vec::encode(p, features, nullptr, tamper);
    if (at != faults::kCount) result_.registers = vec::check_registers(p, features, tamper);
    return {std::move(bytes), n};
  }

  // The kernel k with the fault at this place, in the program; false: it cannot be made there.
  bool make(const std::string& function, size_t k, size_t at,
            const std::function<void(CompiledGroup&)>& finish) {
    CompiledFunction& c = functions_.at(function);
    CompiledGroup g = raw(function, k);
    switch (stage(kind_)) {
      case Stage::Lowering:
        if (!in_lowering(function, k, at, g)) return false;
        break;
      case Stage::Schedule: {
        auto made = faults::in_loops(kind_, g.built->scheduled.kernel.body, at);
        if (!made.made) return false;
        what_ = made.what;
        auto b = std::make_shared<BuiltKernel>(*g.built);
        b->scheduled.kernel.body = *made.made;
        try {
          b->generated =
              generate(b->scheduled.kernel, g.built->generated.program.lanes, is_avx512(isa_) ? 32 : 16);
        } catch (const NotGenerated&) {
          return false;
        }
        encode(*b);
        g.built = b;
        break;
      }
      case Stage::Codegen: {
        auto made = faults::in_program(kind_, g.built->generated.program, at);
        if (!made.made) return false;
        what_ = made.what;
        auto b = std::make_shared<BuiltKernel>(*g.built);
        b->generated.program = std::move(*made.made);
        encode(*b);
        g.built = b;
        break;
      }
      case Stage::Registers: {
        auto b = std::make_shared<BuiltKernel>(*g.built);
        b->bytes = registers(g, at).first;
        g.built = b;
        break;
      }
      case Stage::Packing: {
        // The place is counted in the constant as it was, the fault made in what is packed of it.
        size_t i = 0;
        for (; i < g.group.arguments.size(); ++i) {
          const size_t n = in_argument(g, i, faults::kCount).places;
          if (at < n) break;
          at -= n;
        }
        if (i == g.group.arguments.size()) return false;
        finish(g);
        auto made = in_argument(g, i, at);
        if (!made.made) return false;
        what_ = cat("constant ", g.group.kernel.buffers[i]->name, ": ", made.what);
        result_.argument = i;
        result_.packed = g.group.arguments[i].constant;
        g.group.arguments[i].constant = std::move(*made.made);
        replace(c, k, std::move(g));
        return true;
      }
      case Stage::Memory:
        if (kind_ == FaultKind::ReusedEarly) {
          result_.other = later(c, k)[at];
          what_ = cat("the result of ", c.groups[result_.other].group.kernel.name, " is laid over it");
        } else {
          result_.other = movable(c, k)[at];
          what_ = cat("argument ", result_.other, ": %", g.group.arguments[result_.other].value);
        }
        return true;
      case Stage::Threads:
        what_ = "the last piece of its parallel loop";
        return true;
    }
    finish(g);
    replace(c, k, std::move(g));
    return true;
  }

  static void replace(CompiledFunction& c, size_t k, CompiledGroup g) {
    for (Id id : g.group.nodes)
      if (id != g.group.result && c.probed.erase(id)) c.not_probed[id] = "its kernel has a fault";
    c.groups[k] = std::move(g);
  }

  void encode(BuiltKernel& b) const {
    b.bytes = vec::encode(b.generated.program, vec::x64_features_of(isa_));
  }

  bool in_lowering(const std::string& function, size_t k, size_t at, CompiledGroup& g) {
    const Plan plan = g.built->plan;
    const CompiledFunction& c = functions_.at(function);
    if (kind_ == FaultKind::MissingActivation || kind_ == FaultKind::DoubledActivation) {
      const Id id = activations(function, k)[at];
      what_ = cat("%", id, " = ", c.function->node(id).op->name);
      g.group = with_node(m_, *c.function, g.group, id, kind_ == FaultKind::MissingActivation ? 0 : 2);
      std::set<Id> blocked;
      for (const KernelArgument& a : g.group.arguments)
        if (a.kind != KernelArgument::Kind::Constant && c.blocked.count(a.value)) blocked.insert(a.value);
      g.group = with_blocked(g.group, blocked, c.block);
      if (const auto& bands = raw(function, k).group.bands) {
        try {
          g.group = in_bands(std::move(g.group), *bands);
        } catch (const NotScheduled&) {
          return false;
        }
      }
    } else {
      auto made = faults::in_expression(kind_, g.group.kernel.body, constants(g), at);
      if (!made.made) return false;
      what_ = made.what;
      g.group.kernel.body = *made.made;
    }
    for (const Plan* p : {&plan, static_cast<const Plan*>(nullptr)}) {
      g.built = KernelBuilder(isa_).build(g.group, p);
      if (!g.built->reason.empty()) continue;
      const loops::Kernel& definition = raw(function, k).group.kernel;
      result_.defined = have_same_buffers(g.group.kernel, definition);
      if (result_.defined) g.group.kernel = definition;
      return true;
    }
    return false;
  }

  // The kernel of the group then says what should be computed, as with all other faults.
  static bool have_same_buffers(const loops::Kernel& a, const loops::Kernel& b) {
    return std::equal(a.buffers.begin(), a.buffers.end(), b.buffers.begin(), b.buffers.end(),
                      [](const loops::BufferPtr& x, const loops::BufferPtr& y) {
                        return x->name == y->name && x->type == y->type && x->layout == y->layout;
                      });
  }

  const FaultKind kind_;
  Random random_;
  const Module& m_;
  std::map<std::string, CompiledFunction>& functions_;
  const KernelGroups& raw_;
  const Isa isa_;
  InjectedFault result_;
  std::string what_;
};

}  // namespace

std::vector<FaultKind> all_faults() {
  std::vector<FaultKind> all;
  for (size_t i = 0; i < std::size(kFaults); ++i) all.push_back(static_cast<FaultKind>(i));
  return all;
}

const char* text_of(FaultKind k) { return kFaults[static_cast<size_t>(k)].text; }
const char* stage_of(FaultKind k) { return kStageNames[static_cast<size_t>(stage(k))]; }

FaultKind fault_named(const std::string& text) {
  std::string names;
  for (const FaultKind k : all_faults()) {
    if (text == text_of(k)) return k;
    names += cat(names.empty() ? "\"" : ", \"", text_of(k), "\"");
  }
  fail("fault: required one of ", names, ", got \"", text, "\"");
}

GroupNames groups_run(const Executable& e, const std::vector<Value>& inputs) {
  Profile p;
  ExecuteOptions options;
  options.profile = &p;
  e.run(inputs, options);
  GroupNames names;
  for (const Profile::Event& event : p.events) names.emplace(event.function->function->name, event.group);
  return names;
}

void InjectedFault::distort(const CompiledFunction& c, size_t k, BoundGroup& bound) const {
  if (c.function->name != function || k != group || !bound.runs) return;
  if (fault.kind != FaultKind::DroppedChunk) return;
  bound.to = std::max(bound.from, bound.to - bound.step);
  bound.steps = std::max<int64_t>(1, bound.steps - 1);
}

InjectedFault inject(const Fault& fault, const Module& m, std::map<std::string, CompiledFunction>& functions,
                     const KernelGroups& raw, Isa isa, const std::function<void(CompiledGroup&)>& finish) {
  return Injector(fault, m, functions, raw, isa).run(fault, finish);
}

}  // namespace tauto
