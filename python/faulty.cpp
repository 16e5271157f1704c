// Programs with a fault (compile/faults.h), each for the sizes that it was made for.
#include "python/faulty.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "compile/faults.h"
#include "python/probes.h"
#include "python/values.h"
#include "verify/prove_executable.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tauto::python {
namespace {

struct Faulty {
  LoadedModel model;
  std::shared_ptr<const Module> module;
  Env sizes;
  Fault fault;
  std::shared_ptr<const Executable> executable;
  ExecutionContext context;

  std::shared_ptr<const Executable> compiled(const ProbeOptions* probes) const {
    CompileOptions options;
    options.sizes = &sizes;
    options.fault = &fault;
    options.probes = probes;
    return compile(module, options);
  }
};

}  // namespace

void define_faults(nb::module_& m, RunInputs (*inputs_of)(const LoadedModel&, nb::handle)) {
  m.def(
      "_fault_kinds",
      [] {
        nb::list list;
        for (const FaultKind k : all_faults()) list.append(nb::make_tuple(text_of(k), stage_of(k)));
        return list;
      },
      "The kinds of faults, each with the stage that makes the mistake.");
  nb::class_<Faulty>(m, "_Faulty", "A program with one mistake, for inputs of given sizes; for tests.")
      .def_prop_ro("site",
                   [](const Faulty& f) {
                     const InjectedFault& at = *f.executable->fault();
                     nb::list nodes, sources;
                     for (Id id : at.nodes) nodes.append(id);
                     for (const std::string& s : at.sources) sources.append(s);
                     nb::dict d;
                     d["kind"] = text_of(at.fault.kind);
                     d["stage"] = stage_of(at.fault.kind);
                     d["seed"] = at.fault.seed;
                     d["function"] = at.function;
                     d["kernel"] = at.kernel;
                     d["nodes"] = nodes;
                     d["sources"] = sources;
                     d["what"] = at.what;
                     return d;
                   })
      .def(
          "run",
          [inputs_of](Faulty& f, nb::handle inputs, int threads) {
            RunInputs given = inputs_of(f.model, inputs);
            const std::vector<Value> held = given.values;
            ExecuteOptions options;
            options.threads = threads;
            std::vector<Value> results;
            {
              const nb::gil_scoped_release release;
              results = f.executable->run(std::move(given.values), options, f.context);
            }
            nb::list list;
            for (Value& v : results) list.append(object_of(std::move(v), Rep::Exact));
            return list;
          },
          "inputs"_a, nb::kw_only(), "threads"_a = 1)
      .def(
          "prove",
          [inputs_of](const Faulty& f, nb::handle inputs) {
            const RunInputs given = inputs_of(f.model, inputs);
            const InjectedFault& at = *f.executable->fault();
            const nb::gil_scoped_release release;
            Profile run;
            ExecuteOptions options;
            options.profile = &run;
            f.executable->run(given.values, options);
            std::string key;
            for (const proof::KernelProof& p :
                 proof::prove_kernels(*f.executable, run, [](const auto&) { return false; }))
              if (p.function == at.function && p.name == at.kernel) key = p.key;
            for (const proof::KernelProof& p :
                 proof::prove_kernels(*f.executable, run, [&](const std::string& k) { return k == key; }))
              if (p.asked) return std::string(proof::text_of(p.proof.verdict));
            return std::string();
          },
          "inputs"_a,
          "Whether its code still computes what the kernel with the fault should, for all values, as "
          "Model.prove "
          "says; \"\" where that is not asked.")
      .def(
          "probe",
          [inputs_of](const Faulty& f, nb::handle inputs, nb::handle nodes, int threads, bool interpret) {
            const RunInputs given = inputs_of(f.model, inputs);
            const ProbeOptions options = probes_of(f.executable->module(), nodes, nb::none());
            const std::shared_ptr<const Executable> e = f.compiled(&options);
            return probe(*e, options, given.values, threads, interpret);
          },
          "inputs"_a, "nodes"_a = nb::none(), nb::kw_only(), "threads"_a = 1, "interpret"_a = false,
          "As Model.probe, of the program with the fault. What the kernel with the fault computes on the way "
          "is "
          "not stored: it stays as it is.");
  m.def(
      "_faulty",
      [inputs_of](const LoadedModel& model, nb::handle inputs, const std::string& kind, uint64_t seed) {
        const RunInputs given = inputs_of(model, inputs);
        const std::shared_ptr<const Executable> e = model.program(given);
        const Fault fault{fault_named(kind), seed, groups_run(*e, given.values)};
        std::unique_ptr<Faulty> f(new Faulty{model, model.module(given), e->sizes(), fault, nullptr, {}});
        f->executable = f->compiled(nullptr);
        return f.release();
      },
      "model"_a, "inputs"_a, "kind"_a, "seed"_a, nb::rv_policy::take_ownership,
      "The program that runs these inputs, with a mistake of this kind, at a place chosen by the seed. "
      "Error: "
      "there is no place for it.");
}

}  // namespace tauto::python
