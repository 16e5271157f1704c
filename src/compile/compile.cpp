// Compiling all functions of a module: passes, groups, kernels, code memory.
#include <algorithm>
#include <chrono>

#include "compile/bands.h"
#include "compile/build_kernel.h"
#include "compile/executable.h"
#include "compile/faults.h"
#include "compile/layouts.h"
#include "compile/packed_constants.h"
#include "compile/pipeline.h"
#include "compile/stages.h"
#include "graph/unaligned.h"
#include "ops/ops.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto {
namespace {

// The blocked values among those that a kernel sees.
std::set<Id> blocked_of(const CompiledFunction& c, const Group& g) {
  std::set<Id> seen;
  for (const KernelArgument& a : g.arguments)
    if (a.kind != KernelArgument::Kind::Constant && c.blocked.count(a.value)) seen.insert(a.value);
  return seen;
}

using Refused = std::map<std::vector<Id>, std::string>;  // groups that have no kernel, and why
using Kernels = std::map<Id, CompiledGroup>;

// The kernels that are to run band by band: where that pays, or where a schedule asks for it.
using BandsOf = std::map<Id, Bands>;
BandsOf choose_bands(const Schedules* schedules, const std::vector<Group>& groups,
                     const CompiledFunction& c) {
  std::vector<Group> laid_out;
  std::vector<const Group*> all;
  for (const Group& g : groups) laid_out.push_back(with_blocked(g, blocked_of(c, g), c.block));
  for (const Group& g : laid_out) all.push_back(&g);
  BandOptions options;
  options.cache = this_cpu().l2;
  options.blocked = c.blocked;
  if (schedules)
    options.asked = [&](const Group& g) -> std::optional<int64_t> {
      const auto given = schedules->find({c.function->name, g.kernel.name});
      return given == schedules->end() ? std::nullopt : std::optional<int64_t>(given->second.band);
    };
  BandsOf bands;
  for (const Chain& chain : find_chains(*c.function, all, options))
    for (const Group& g : chain.banded) bands[g.result] = *g.bands;
  return bands;
}

// Why it cannot run band by band, or "": what is packed is packed once, so it has to be the same for all bands.
std::string no_bands(const CompiledGroup& k) {
  for (const Packing& p : k.built->scheduled.packings)
    for (const int64_t stride : k.group.bands->strides[p.buffer])
      if (stride != 0) return "a packed constant that is not the same for all bands";
  return k.built->reason;
}

// Builds all kernels with the blocked values that they see. Values of a kernel that cannot be built so become
// row-major again; chains of which one cannot be built run whole; a kernel that cannot be built at all is added
// to `refused`.
Kernels build_all(const std::vector<Group>& groups, CompiledFunction& c, BandsOf bands,
                  KernelBuilder& builder, const Plan* plan, Refused& refused) {
  Kernels built;
  std::map<Id, std::set<Id>> done;  // with which of its values blocked each kernel was built last
  const auto run_whole = [&](size_t chain) {
    for (auto b = bands.begin(); b != bands.end();) {
      const bool is_member = b->second.chain == chain;
      if (is_member) done.erase(b->first);
      b = is_member ? bands.erase(b) : std::next(b);
    }
  };
  for (bool again = true; again;) {
    again = false;
    for (const Group& g : groups) {
      if (g.kind != Group::Kind::Kernel) continue;
      const std::set<Id> seen = blocked_of(c, g);
      const auto before = done.find(g.result);
      if (before != done.end() && before->second == seen) continue;
      CompiledGroup k;
      k.group = with_blocked(g, seen, c.block);
      done[g.result] = seen;
      if (const auto cut = bands.find(g.result); cut != bands.end()) {
        std::string why;
        try {
          k.group = in_bands(std::move(k.group), cut->second);
          k.built = builder.build(k.group, plan);
          why = no_bands(k);
        } catch (const NotScheduled& e) {
          why = e.reason;
        }
        if (why.empty())
          built[g.result] = std::move(k);
        else
          run_whole(cut->second.chain), again = true;
        continue;
      }
      k.built = builder.build(k.group, plan);
      if (!k.built->reason.empty() && seen.empty()) refused[g.nodes] = k.built->reason;
      if (!k.built->reason.empty() && !seen.empty()) again = true;
      if (!k.built->reason.empty()) unblock(c.blocked, seen, groups);
      built[g.result] = std::move(k);
    }
  }
  return built;
}

// Builds the kernels for which there is a plan with it.
void carry_out(const Schedules& schedules, const std::vector<Group>& groups, const CompiledFunction& c,
               Kernels& built, KernelBuilder& builder, std::set<ScheduleKey>& used) {
  for (const Group& g : groups) {
    if (g.kind != Group::Kind::Kernel) continue;
    const auto given = schedules.find({c.function->name, g.kernel.name});
    if (given == schedules.end()) continue;
    CompiledGroup& k = built.at(g.result);
    const int64_t rows = k.group.bands ? k.group.bands->rows : 0;
    if (rows != given->second.band)
      fail("schedule @", c.function->name, " ", g.kernel.name, ": required ",
           rows == 0 ? "no band" : cat("band ", rows), ", got ",
           given->second.band == 0 ? "none" : cat("band ", given->second.band));
    k.built = builder.build(k.group, &given->second);
    if (const std::string why = k.group.bands ? no_bands(k) : k.built->reason; !why.empty())
      fail("schedule @", c.function->name, " ", g.kernel.name, ": ", why);
    used.insert(given->first);
  }
}

// Vectors are loaded from aligned copies of constants that are not packed. Rows that are looked up (of a
// table of embeddings) may lie at any address, in the file.
void align_constants(Group& g) {
  std::set<const loops::Buffer*> looked_up;
  const auto reads_memory = [](const loops::Expr& e) {
    return any_node(e, [](const loops::Expr& x) { return x.as<loops::Load>() != nullptr; });
  };
  each_node(
      g.kernel.body,
      [&](const loops::Expr& e) {
        const auto* l = e.as<loops::Load>();
        if (l && std::any_of(l->index.begin(), l->index.end(), reads_memory))
          looked_up.insert(l->buffer.get());
      },
      [](const loops::Stmt&) {});
  for (size_t i = 0; i < g.arguments.size(); ++i)
    if (g.arguments[i].kind == KernelArgument::Kind::Constant && !looked_up.count(g.kernel.buffers[i].get()))
      g.arguments[i].constant = aligned(g.arguments[i].constant);
}

// Lets the kernel k store the values of its nodes that are asked for; those that it cannot stay away, with
// the reason.
void probe_kernel(const Module& m, CompiledFunction& c, CompiledGroup& k, KernelBuilder& builder) {
  const Function& f = *c.function;
  const std::set<Id> seen = blocked_of(c, k.group);
  // A value of the result's dims lies as the result does.
  const auto build = [&](const std::set<Id>& probes) {
    CompiledGroup r;
    std::set<Id> blocked = seen;
    if (seen.count(k.group.result))
      for (Id id : probes)
        if (f.node(id).type == f.node(k.group.result).type) blocked.insert(id);
    r.group = with_blocked(with_probes(m, f, k.group, probes), blocked, c.block);
    try {
      if (k.group.bands) r.group = in_bands(std::move(r.group), *k.group.bands);
      r.built = builder.build(r.group, &k.built->plan);
    } catch (const NotScheduled& e) {
      BuiltKernel none;
      none.reason = e.reason;
      r.built = std::make_shared<const BuiltKernel>(std::move(none));
    }
    return r;
  };
  std::set<Id> wanted, possible;
  for (Id id : k.group.nodes)
    if (id != k.group.result && c.probed.count(id)) wanted.insert(id);
  if (wanted.empty()) return;
  CompiledGroup all = build(wanted);
  if (!all.built->reason.empty()) {
    for (Id id : wanted) {
      possible.insert(id);
      all = build(possible);
      if (all.built->reason.empty()) continue;
      possible.erase(id);
      c.probed.erase(id);
      c.not_probed[id] = all.built->reason;
    }
    if (possible.empty()) return;
    all = build(possible);
    CHECK(all.built->reason.empty(), "probes that could be stored");
  }
  k = std::move(all);
}

// Lifetimes of values, in groups.
void find_lifetimes(CompiledFunction& c) {
  const Function& f = *c.function;
  const size_t count = c.groups.size();
  c.last_use.clear();
  c.planned.clear();
  std::vector<int> last(f.nodes.size(), -1);
  std::vector<bool> escapes(f.nodes.size(), false);
  for (size_t k = 0; k < count; ++k)
    for (Id id : c.groups[k].group.nodes)
      for (Id in : f.node(id).inputs) {
        last[static_cast<size_t>(in)] = static_cast<int>(k);
        if (c.groups[k].group.kind == Group::Kind::Reference) escapes[static_cast<size_t>(in)] = true;
      }
  for (Id r : f.results) escapes[static_cast<size_t>(r)] = true, last[static_cast<size_t>(r)] = -1;
  c.dead_after.assign(count, {});
  for (size_t i = 0; i < last.size(); ++i)
    if (last[i] >= 0) c.dead_after[static_cast<size_t>(last[i])].push_back(static_cast<Id>(i));
  for (size_t k = count; k-- > 0;) {
    const Group& g = c.groups[k].group;
    if (g.kind != Group::Kind::View) continue;
    const auto view = static_cast<size_t>(g.result), source = static_cast<size_t>(g.source);
    escapes[source] = escapes[source] || escapes[view];
    last[source] = std::max(last[source], last[view]);
  }
  c.chains.clear();
  for (size_t k = 0; k < count; ++k)
    if (const auto& bands = c.groups[k].group.bands) {
      if (c.chains.size() <= bands->chain) c.chains.resize(bands->chain + 1);
      c.chains[bands->chain].push_back(k);
    }
  for (size_t k = 0; k < count; ++k) {
    const Group& g = c.groups[k].group;
    const auto id = static_cast<size_t>(g.result);
    const bool handed_on = g.bands && c.chains[g.bands->chain].back() != k;
    c.last_use.push_back(std::max(last[id], static_cast<int>(k)));
    c.planned.push_back(g.kind == Group::Kind::Kernel && !escapes[id] && !handed_on);
  }
}

}  // namespace

std::shared_ptr<const Executable> assemble(ExecutableParts parts) {
  auto e = std::make_shared<Executable>();
  e->module_ = std::move(parts.module);
  e->functions_ = std::move(parts.functions);
  for (auto& [name, c] : e->functions_) find_lifetimes(c);
  e->code_ = std::move(parts.code);
  e->sizes_ = std::move(parts.sizes);
  e->isa_ = parts.isa;
  e->has_stages_ = parts.has_stages;
  e->before_constants_ = std::move(parts.before_constants);
  e->fault_ = std::move(parts.fault);
  e->debug_ = compile_flags().debug;
  return e;
}

std::shared_ptr<const Executable> compile(std::shared_ptr<const Module> m, const CompileOptions& options) {
  ExecutableParts parts;
  const auto start = std::chrono::steady_clock::now();
  const Flags flags = compile_flags(options.off);
  if (options.sizes && !flags.is_off("specialise")) parts.sizes = *options.sizes;
  m = std::make_shared<const Module>(run_passes(*m, "", flags, parts.sizes));
  parts.module = m;
  parts.isa = options.isa;
  std::set<ScheduleKey> used;
  KernelBuilder builder(options.isa);
  PackedConstants own, &packed = options.packed ? *options.packed : own;
  CodeWriter code;
  std::map<const BuiltKernel*, size_t> numbers;  // in the code memory
  // Adds its code, packs its constants.
  const auto finish = [&](CompiledGroup& k) {
    const auto [number, fresh] = numbers.emplace(k.built.get(), 0);
    if (fresh) number->second = code.add(k.built->scheduled.kernel.name, k.built->bytes);
    k.kernel = number->second;
    for (const Packing& p : k.built->scheduled.packings) {
      Tensor& constant = k.group.arguments[p.buffer].constant;
      constant = packed.get(constant, p);
    }
    align_constants(k.group);
  };
  KernelGroups unfinished;  // for a fault
  for (const auto& [name, function] : m->functions) {
    CompiledFunction c;
    c.function = function.get();
    GroupOptions how;
    how.fuse = options.fuse && !flags.is_off("fuse");
    const Plan plain, *plan = flags.is_off("schedule") ? &plain : nullptr;
    Refused refused;
    if (options.probes)
      if (const auto at = options.probes->apart.find(name); at != options.probes->apart.end())
        how.apart = at->second;
    how.accepts = [&](const Group& g) -> std::string {
      if (flags.is_off("kernels")) return "TAUTO_OFF=kernels";
      const auto at = refused.find(g.nodes);
      return at == refused.end() ? "" : at->second;
    };
    // Every group is taken to have a kernel; those that turn out to have none are taken apart.
    std::vector<Group> groups;
    Kernels built;
    for (bool done = false; !done;) {
      const size_t before = refused.size();
      groups = group_nodes(*m, *function, how);
      if (options.blocked && !flags.is_off("layouts")) {
        c.block = is_avx512(options.isa) ? 16 : 8;
        c.blocked = choose_blocked(*function, groups, c.block);
      }
      BandsOf bands;
      if (!flags.is_off("bands")) bands = choose_bands(options.schedules, groups, c);
      built = build_all(groups, c, std::move(bands), builder, plan, refused);
      done = refused.size() == before;
    }
    if (options.schedules) carry_out(*options.schedules, groups, c, built, builder, used);
    Kernels untouched;  // where a fault is put: the same place with probes and without
    if (options.fault) untouched = built;
    if (options.probes) {
      for (const Group& g : groups)
        for (Id id : g.nodes)
          if (function->node(id).op != &ops::dims && options.probes->contains(name, id)) c.probed.insert(id);
      for (const Group& g : groups)
        if (g.kind == Group::Kind::Kernel) probe_kernel(*m, c, built.at(g.result), builder);
    }
    for (Group& g : groups) {
      CompiledGroup k;
      if (g.kind == Group::Kind::Kernel && g.source >= 0 && !c.blocked.count(g.source)) {
        Group view;  // a copy that brings nothing into another layout
        view.kind = Group::Kind::View;
        view.result = g.result, view.source = g.source, view.nodes = g.nodes;
        g = std::move(view);
      }
      if (g.kind == Group::Kind::Kernel) {
        k = std::move(built.at(g.result));
        if (options.fault)
          unfinished[name].resize(c.groups.size()), unfinished[name].push_back(untouched.at(g.result));
        finish(k);
      } else {
        k.group = std::move(g);
      }
      c.groups.push_back(std::move(k));
    }
    parts.functions[name] = std::move(c);
  }
  if (options.schedules) require_used(*options.schedules, used);
  if (options.fault) {
    for (auto& [name, c] : parts.functions) find_lifetimes(c);
    parts.fault = std::make_shared<const InjectedFault>(
        inject(*options.fault, *m, parts.functions, unfinished, options.isa, finish));
  }
  parts.code = std::move(code).seal();
  std::shared_ptr<const Executable> e = assemble(std::move(parts));
  show_stages(*e, flags);
  if (flags.debug >= 1) {
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    say(cat("tauto: ", summary(*e), ", ", static_cast<int64_t>(time.count()), " ms"));
  }
  return e;
}

}  // namespace tauto
