// What is known of a model and its runs, see tables.h.
#include "python/tables.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "compile/profile.h"
#include "graph/text.h"
#include "verify/replay.h"

namespace nb = nanobind;

namespace tauto::python {

nb::list groups_of(const LoadedModel& m, const RunInputs& inputs) {
  nb::list list;
  const std::shared_ptr<const Executable> e = m.executable(inputs);
  for (const auto& [name, f] : e->functions())
    for (const CompiledGroup& g : f.groups) {
      nb::list nodes, sources;
      for (Id id : g.group.nodes) nodes.append(f.function->node(id).op->name);
      for (const std::string& s : g.group.kernel.sources) sources.append(s);
      nb::dict d;
      d["function"] = name;
      d["kind"] = g.group.kind == Group::Kind::Kernel ? "kernel"
                  : g.group.kind == Group::Kind::View ? "view"
                                                      : "reference";
      d["nodes"] = nodes;
      d["sources"] = sources;
      d["reason"] = g.group.reason;
      list.append(d);
    }
  return list;
}

nb::list profile_of(const LoadedModel& m, RunInputs inputs, int threads, int repeat) {
  std::vector<ProfileLine> lines;
  {
    const nb::gil_scoped_release release;
    const std::shared_ptr<const Executable> e = m.executable(inputs);
    ExecutionContext context;
    ExecuteOptions options;
    options.threads = threads;
    e->run(inputs.values, options, context);
    std::vector<Profile> runs(static_cast<size_t>(std::max(repeat, 1)));
    for (Profile& p : runs) {
      options.profile = &p;
      e->run(inputs.values, options, context);
    }
    lines = lines_of(*e, runs);
  }
  nb::list list;
  for (const ProfileLine& l : lines) {
    nb::dict d;
    d["function"] = l.function;
    d["name"] = l.name;
    d["kind"] = l.kind;
    d["nodes"] = nb::cast(l.operators);
    d["sources"] = nb::cast(l.sources);
    d["calls"] = l.calls;
    d["seconds"] = l.seconds;
    d["flops"] = l.work.flops;
    d["bytes"] = l.work.bytes;
    list.append(d);
  }
  return list;
}

nb::list ledger_list(const LoadedModel& m) {
  nb::list list;
  const std::shared_ptr<const Module> module = m.module();
  for (const LedgerEntry& e : module->ledger) {
    nb::dict d;
    d["pass"] = e.pass;
    d["function"] = e.function;
    d["sources"] = nb::cast(e.sources);
    d["before"] = e.before;
    d["after"] = e.after;
    d["contract"] = e.contract.kind == ContractKind::Exact      ? "exact"
                    : e.contract.kind == ContractKind::Rounding ? "rounding"
                                                                : "quantizing";
    d["statement"] = e.contract.statement;
    list.append(d);
  }
  return list;
}

nb::list replays_of(const LoadedModel& m, RunInputs inputs, const std::vector<std::string>& allow,
                    uint64_t seed) {
  std::vector<ReplayedEntry> entries;
  {
    const nb::gil_scoped_release release;
    entries = replay_all(*m.module(inputs), Allowed::of(allow, "replay: allow"), inputs.values, seed);
  }
  nb::list list;
  for (const ReplayedEntry& e : entries) {
    nb::dict d;
    d["entry"] = text_of(e.entry);
    d["pass"] = e.entry.pass;
    d["exact"] = e.entry.contract.kind == ContractKind::Exact;
    d["inputs"] = e.inputs;
    d["why_not"] = e.replay.why_not;
    d["elements"] = e.replay.elements;
    d["differing"] = e.replay.differing;
    d["beyond"] = e.replay.beyond;
    d["unbound"] = e.replay.unbound;
    d["worst"] = e.replay.worst;
    d["reached"] = e.replay.reached;
    d["bound"] = e.replay.bound;
    d["range_bound"] = e.replay.range_bound;
    d["consumed_error"] = e.replay.consumed_error;
    d["produced_error"] = e.replay.produced_error;
    list.append(d);
  }
  return list;
}

}  // namespace tauto::python
