// Programs with a fault (compile/faults.h), each for the sizes that it was made for.
#include "python/faulty.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "compile/faults.h"
#include "python/probes.h"
#include "python/values.h"
#include "verify/locate_stage.h"
#include "verify/prove_fault.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tauto::python {
namespace {

struct Faulty {
  LoadedModel model;
  std::shared_ptr<const Module> module;
  Env sizes;
  Fault fault;
  std::shared_ptr<const Executable> executable, probed = nullptr;  // probed: made when asked for
  ExecutionContext context;

  std::shared_ptr<const Executable> compiled(const ProbeOptions* probes) const {
    CompileOptions options;
    options.sizes = &sizes;
    options.fault = &fault;
    options.probes = probes;
    return compile(module, options);
  }
};

// Holds programs with faults against what is legal, as if they were somebody else's.
class Judge {
  using ValueCheck = equivalence::ValueCheck;
  using RunChecks = equivalence::RunChecks;
  using StageFound = equivalence::StageFound;

 public:
  explicit Judge(const std::string& order) : order_(order == "ours" ? Order::Ours : Order::Any) {
    if (order != "ours" && order != "any")
      fail("judge: required the order \"any\" or \"ours\", got \"", order, "\"");
  }
  // The first illegal value of a run; nothing: none.
  std::optional<ValueCheck> check(Faulty& f, const std::vector<Value>& inputs, int threads) {
    if (!f.probed) {
      ProbeOptions all;
      all.all = true;
      f.probed = f.compiled(&all);
    }
    if (!checks_) {
      first_ = f.probed;
      checks_ = std::make_unique<RunChecks>(first_->module(), order_);
    }
    ExecuteOptions options;
    options.threads = threads;
    const ProbedRun run = run_probed(*f.probed, inputs, options);
    looked_ = 0;
    for (ValueCheck& c : checks_->check(inputs, run.values, true)) {
      looked_ += c.trips > 0;
      if (c.trips > 0 && !c.worst.legal()) return std::move(c);
    }
    return std::nullopt;
  }
  StageFound stage(const Faulty& f, const ValueCheck& bad) const {
    return locate_stage(*f.executable, bad, *checks_, order_);
  }
  const Module& module() const { return first_->module(); }
  // Whose memory it reads: its inputs, and what they are views of.
  std::vector<Id> reads(const ValueCheck& c) const {
    std::vector<Id> all = module().functions.at(c.function)->node(c.node).inputs;
    for (size_t i = 0; i < all.size(); ++i)
      for (const CompiledGroup& g : first_->functions().at(c.function).groups)
        if (g.group.kind == Group::Kind::View && g.group.result == all[i]) all.push_back(g.group.source);
    return all;
  }
  int64_t looked() const { return looked_; }

 private:
  Order order_;
  std::shared_ptr<const Executable> first_;
  std::unique_ptr<RunChecks> checks_;
  int64_t looked_ = 0;
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
            equivalence::FaultProof p;
            {
              const nb::gil_scoped_release release;
              p = equivalence::prove_fault(*f.executable, given.values);
            }
            nb::dict d;
            d["proved"] = p.proved;
            d["reason"] = p.reason;
            d["differs"] = p.differs;
            return d;
          },
          "inputs"_a, "Whether it gives the same bits for all inputs of these sizes (verify/prove_fault.h).")
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
  nb::class_<Judge>(m, "_Judge",
                    "What bounds alone say of faulty programs of one model and sizes; for tests.")
      .def(nb::init<const std::string&>(), "order"_a = "any")
      .def(
          "check",
          [inputs_of](Judge& judge, Faulty& f, nb::handle inputs, int threads, bool stage) -> nb::object {
            const RunInputs given = inputs_of(f.model, inputs);
            std::optional<equivalence::ValueCheck> bad;
            equivalence::StageFound found;
            {
              const nb::gil_scoped_release release;
              bad = judge.check(f, given.values, threads);
              if (bad && stage) found = judge.stage(f, *bad);
            }
            if (!bad) return nb::none();
            const Function& function = *judge.module().functions.at(bad->function);
            nb::dict d;
            d["function"] = bad->function;
            d["node"] = bad->node;
            d["op"] = function.node(bad->node).op->name;
            nb::list reads;
            for (const Id id : judge.reads(*bad)) reads.append(id);
            d["inputs"] = reads;
            d["ratio"] = bad->worst.ratio;
            d["error"] = bad->worst.error;
            d["bound"] = bad->worst.bound;
            d["largest"] = bad->worst.largest;
            d["scale"] = bad->worst.scale;
            d["outside"] = bad->worst.outside;
            d["elements"] = bad->worst.elements;
            if (stage) {
              d["stage"] = found.stage;
              d["kernel"] = found.kernel;
              d["why"] = found.what;
            }
            return d;
          },
          "faulty"_a, "inputs"_a, nb::kw_only(), "threads"_a = 1, "stage"_a = false,
          "The first value of a run that no legal execution of its node gives on what it consumed; None: all "
          "are "
          "legal. `stage`: also the stage that made it (verify/locate_stage.h).")
      .def_prop_ro("looked", &Judge::looked, "Values that the last check looked at.");
  m.def(
      "_faulty",
      [inputs_of](const LoadedModel& model, nb::handle inputs, const std::string& kind, uint64_t seed) {
        const RunInputs given = inputs_of(model, inputs);
        const std::shared_ptr<const Executable> e = model.program(given);
        const Fault fault{fault_named(kind), seed, groups_run(*e, given.values)};
        std::unique_ptr<Faulty> f(
            new Faulty{model, model.module(given), e->sizes(), fault, nullptr, nullptr, {}});
        f->executable = f->compiled(nullptr);
        return f.release();
      },
      "model"_a, "inputs"_a, "kind"_a, "seed"_a, nb::rv_policy::take_ownership,
      "The program that runs these inputs, with a mistake of this kind, at a place chosen by the seed. "
      "Error: "
      "there is no place for it.");
}

}  // namespace tauto::python
