// Which nodes are meant, and what is told of each.
#include "python/probes.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "compile/stages.h"
#include "graph/graph.h"
#include "python/values.h"

namespace nb = nanobind;

namespace tauto::python {
namespace {

bool has_source(const Module& m, const Function& f, Id id, const std::string& name) {
  for (int source : f.provenance[static_cast<size_t>(id)])
    if (m.sources[static_cast<size_t>(source)] == name) return true;
  return false;
}

void add_node(const Module& m, const std::string& function, int64_t id, NodeSets& to) {
  const auto f = m.functions.find(function);
  if (f == m.functions.end())
    fail("probe: required a function of the compiled graph, got \"", function, "\"");
  const auto count = static_cast<int64_t>(f->second->nodes.size());
  if (id < 0 || id >= count)
    fail("probe: function @", function, ": required a node in 0..", count - 1, ", got ", id);
  to[function].insert(static_cast<Id>(id));
}

NodeSets nodes_of(const Module& m, nb::handle given) {
  NodeSets nodes;
  for (nb::handle one : given) {
    std::string name;
    int64_t id = 0;
    if (nb::try_cast(one, id)) {
      add_node(m, "main", id, nodes);
    } else if (nb::try_cast(one, name)) {
      bool found = false;
      for (const auto& [function, f] : m.functions)
        for (size_t i = 0; i < f->nodes.size(); ++i)
          if (has_source(m, *f, static_cast<Id>(i), name)) {
            nodes[function].insert(static_cast<Id>(i));
            found = true;
          }
      if (!found) fail("probe: required the name of a node of the model, got \"", name, "\"");
    } else if (nb::isinstance<nb::tuple>(one) && nb::len(one) == 2 && nb::try_cast(one[0], name) &&
               nb::try_cast(one[1], id)) {
      add_node(m, name, id, nodes);
    } else {
      throw nb::type_error("probe: required numbers of nodes, (function, number), or names of source nodes");
    }
  }
  return nodes;
}

nb::dict described(const Module& m, const std::string& function, Id id) {
  const Function& f = *m.functions.at(function);
  nb::list sources;
  for (int source : f.provenance[static_cast<size_t>(id)])
    sources.append(m.sources[static_cast<size_t>(source)]);
  nb::dict d;
  d["function"] = function;
  d["node"] = id;
  d["op"] = f.node(id).op->name;
  d["sources"] = sources;
  d["kernel"] = "";
  d["value"] = nb::none();
  d["computed"] = nb::none();
  d["reason"] = "";
  return d;
}

// The names of the kernels that nodes are computed in.
std::map<std::pair<std::string, Id>, std::string> kernels_of(const Executable& e) {
  std::map<std::pair<std::string, Id>, std::string> names;
  for (const auto& [function, c] : e.functions())
    for (const CompiledGroup& g : c.groups)
      for (Id id : g.group.nodes)
        names[{function, id}] = g.group.kind == Group::Kind::Kernel ? name_of(c, g) : "";
  return names;
}

std::string reason_of(const Executable& e, const std::string& function, Id id) {
  const CompiledFunction& c = e.functions().at(function);
  if (const auto at = c.not_probed.find(id); at != c.not_probed.end()) return at->second;
  if (c.probed.count(id)) return "the run did not come to it";
  return "the program does not compute it";
}

}  // namespace

ProbeOptions probes_of(const Module& m, nb::handle nodes, nb::handle apart) {
  ProbeOptions options;
  options.all = nodes.is_none();
  if (!options.all) options.nodes = nodes_of(m, nodes);
  if (!apart.is_none()) options.apart = nodes_of(m, apart);
  return options;
}

nb::tuple probe(const Executable& e, const ProbeOptions& options, const std::vector<Value>& inputs,
                int threads, bool interpret) {
  ProbedRun run;
  {
    const nb::gil_scoped_release release;
    if (interpret) {
      InterpretOptions how;
      how.watch = [&](const Function& f, Id id, const Value& v) {
        const CompiledFunction& c = e.functions().at(f.name);
        if (!v.is_tensor() || (!c.probed.count(id) && !c.not_probed.count(id))) return;
        Value value = v;
        canonicalise(value);
        run.values.push_back({f.name, id, value.tensor, {}});
      };
      run.results = tauto::interpret(e.module(), inputs, how);
    } else {
      ExecuteOptions how;
      how.threads = threads;
      run = run_probed(e, inputs, how);
    }
  }
  const auto kernels = kernels_of(e);
  std::set<std::pair<std::string, Id>> seen;
  nb::list results, values;
  for (Value& v : run.results) results.append(object_of(std::move(v), Rep::Exact));
  const auto add = [&](const std::string& function, Id id) {
    nb::dict d = described(e.module(), function, id);
    if (const auto at = kernels.find({function, id}); at != kernels.end()) d["kernel"] = nb::cast(at->second);
    values.append(d);
    return d;
  };
  for (ProbedValue& v : run.values) {
    seen.emplace(v.function, v.node);
    nb::dict d = add(v.function, v.node);
    if (v.computed.defined()) d["computed"] = object_of(Value(std::move(v.computed)), Rep::Exact);
    d["value"] = object_of(Value(std::move(v.value)), Rep::Exact);
  }
  const auto missing = [&](const std::string& function, Id id) {
    if (seen.count({function, id})) return;
    add(function, id)["reason"] = nb::cast(reason_of(e, function, id));
  };
  if (!interpret) {
    for (const auto& [function, c] : e.functions())
      for (const auto& [id, why] : c.not_probed) missing(function, id);
    for (const auto& [function, ids] : options.nodes)
      for (Id id : ids) missing(function, id);
  }
  return nb::make_tuple(results, values);
}

}  // namespace tauto::python
