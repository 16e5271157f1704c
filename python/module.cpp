// The module tauto._tauto: Model and its two sources.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <variant>

#include "compile/loaded_model.h"
#include "compile/memory_use.h"
#include "graph/text.h"
#include "python/bounds.h"
#include "python/faulty.h"
#include "python/interrupts.h"
#include "python/probes.h"
#include "python/proofs.h"
#include "python/quantize.h"
#include "python/run.h"
#include "python/same.h"
#include "python/tables.h"
#include "python/values.h"

namespace nb = nanobind;
using namespace nanobind::literals;  // "name"_a

namespace tauto::python {
namespace {

// An input or output: what `inputs` and `outputs` list.
struct Slot {
  std::string name;
  Type type;

  const Type& innermost() const {
    const Type* t = &type;
    while (!t->is_tensor()) t = &t->parts[0];
    return *t;
  }
  std::optional<std::vector<std::variant<int64_t, std::string>>> shape() const {
    if (!type.is_tensor() || !type.ranked) return std::nullopt;
    std::vector<std::variant<int64_t, std::string>> r;
    for (const Dim& d : type.dims) {
      if (d.is_literal())
        r.emplace_back(d.literal());
      else
        r.emplace_back(text_of(d));
    }
    return r;
  }
};

std::vector<Slot> slots(const NamedTypes& list) {
  std::vector<Slot> r;
  for (const auto& [name, type] : list) r.push_back({name, type});
  return r;
}

std::string repr(const LoadedModel& m) {
  const auto list = [](const NamedTypes& types) {
    std::string s;
    for (const auto& [name, type] : types) s += cat(s.empty() ? "" : ", ", name, ": ", type);
    return s;
  };
  return cat("tauto.Model(", list(m.inputs()), ") -> (", list(m.outputs()), ")");
}

// `plan`: the text of a plan of precisions; "": none.
LoadOptions load_options(const std::function<bool()>* cancelled, bool trust,
                         const std::vector<std::string>& allow, const std::string& plan) {
  return {cancelled, trust, Allowed::of(allow, "load: allow"),
          plan.empty() ? PrecisionPlan() : parse_precision_plan(plan, "load: precision")};
}

LoadedModel from_bytes(const nb::bytes& bytes, const std::string& folder,
                       const std::vector<std::string>& allow, const std::string& plan) {
  const std::span<const uint8_t> span(static_cast<const uint8_t*>(bytes.data()), bytes.size());
  Bytes b{{bytes.inc_ref().ptr(),
           [](PyObject* p) {
             if (!Py_IsInitialized()) return;
             const nb::gil_scoped_acquire gil;
             Py_DECREF(p);
           }},
          span};
  return interruptible([&](const std::function<bool()>* cancelled) {
    return LoadedModel::from_bytes(std::move(b), "model", folder,
                                   load_options(cancelled, false, allow, plan));
  });
}

}  // namespace

NB_MODULE(_tauto, m) {
  nb::exception<Error>(m, "Error", PyExc_ValueError);
  nb::exception<InternalError>(m, "InternalError", PyExc_RuntimeError);
  m.attr("semantics_version") = kSemanticsVersion;
  m.def(
      "isas",
      [] {
        std::vector<std::string> list{isa_name(Isa::Avx2)};
        if (this_cpu().features.avx512) list.emplace_back(isa_name(Isa::Avx512));
        return list;
      },
      "The instruction sets that machine code can be made for here; TAUTO_ISA chooses one.");

  nb::class_<Slot>(m, "Slot", "One input or output of a model.")
      .def_ro("name", &Slot::name)
      .def_prop_ro(
          "dtype", [](const Slot& s) { return dtype_name(s.innermost().element); },
          "The name of the elements' numpy dtype (for bfloat16 and smaller ones: ml_dtypes'); \"str\" for "
          "strings.")
      .def_prop_ro(
          "shape", &Slot::shape,
          "Sizes and names of sizes that a run decides; None for sequences, optionals and tensors of "
          "any rank.")
      .def_prop_ro(
          "type", [](const Slot& s) { return text_of(s.type); }, "The type as graphs' text has it.")
      .def("__repr__", [](const Slot& s) { return cat(s.name, ": ", s.type); });

  nb::class_<LoadedModel>(m, "Model", "A neural network, see `load`. May be used by several threads at once.")
      .def_prop_ro(
          "inputs", [](const LoadedModel& m) { return slots(m.inputs()); }, "What a run must be given.")
      .def_prop_ro(
          "defaults", [](const LoadedModel& m) { return slots(m.defaults()); },
          "Inputs that have a value in the model, which a run may replace.")
      .def_prop_ro(
          "outputs", [](const LoadedModel& m) { return slots(m.outputs()); },
          "What a run returns, in this order.")
      .def("__call__", &call, "inputs"_a,
           "Runs the model on arrays in the order of `inputs`. Returns the one output, or a list.")
      .def(
          "run",
          [](const LoadedModel& m, nb::handle inputs, bool interpret, int threads,
             const nb::object& out) -> nb::object {
            nb::object results;
            if (!interpret && !out.is_none()) {
              results = evaluate_ready(m, inputs, threads, nb::list(out));
              if (results.is_valid()) return results;
            }
            if (!interpret) results = evaluate_ready(m, inputs, threads);
            if (!results.is_valid())
              results = evaluate(m, inputs_of(m, inputs), Rep::Exact, interpret, threads);
            return out.is_none() ? results : into(m, nb::list(std::move(results)), nb::list(out));
          },
          "inputs"_a, nb::kw_only(), "interpret"_a = false, "threads"_a = 1, "out"_a = nb::none(),
          "Runs the model on {name: array}, or a list of arrays in the order of `inputs`. Returns the "
          "outputs in the order of `outputs`. Arrays are not "
          "converted: another dtype or shape than declared is an Error. Machine code and the interpreter "
          "(`interpret=True`) return the same bits, on any number of threads. `out`: a list of arrays, one "
          "per output, that get the results and are returned; of the results' dtypes and shapes, strided as "
          "they like. They may overlap the inputs. What they hold after a run that failed is not defined.")
      .def(
          "groups",
          [](const LoadedModel& m, nb::handle inputs) { return groups_of(m, inputs_of(m, inputs)); },
          "inputs"_a,
          "What the compiled model for these inputs is made of: for each group of nodes its kind (kernel, "
          "view "
          "or reference), its operators, the source nodes' names, and why it is no kernel.")
      .def(
          "program",
          [](const LoadedModel& m, nb::handle inputs) { return program_of(m, inputs_of(m, inputs)); },
          "inputs"_a,
          "What `run` runs for these inputs: whether it was read from the cache, how many kernels it has, "
          "and "
          "the SHA-256 of their machine code.")
      .def("batches", &batches,
           "For each symbol that is a size of an input: whether rows along it do not depend on each other, "
           "as far as "
           "the expressions of the operators tell, else why not; and by input and output that has such rows "
           "(axis, "
           "how many elements long a row is). Row i of a run is then, bit for bit, the run of row i alone.")
      .def(
          "prove",
          [](const LoadedModel& m, nb::handle inputs, std::optional<std::vector<std::string>> keys) {
            return proofs_of(m, inputs_of(m, inputs), keys);
          },
          "inputs"_a, nb::kw_only(), "keys"_a = nb::none(),
          "For each distinct kernel of the compiled model for these inputs: its function, name, key (kernels "
          "of "
          "one key are the same), and whether its vector program was proved to compute its definition for "
          "all "
          "values, at the sizes of these inputs: \"proved\", \"proved on shapes\", \"undecided\" or "
          "\"refuted\", with the reason; and how many elements were compared on numbers, on smaller extents "
          "and at "
          "full size, with the first that differs. Where `keys` are given only those are proved.")
      .def(
          "memory",
          [](const LoadedModel& m, nb::handle inputs) {
            const RunInputs given = inputs_of(m, inputs);
            const MemoryUse use = memory_use(*m.program(given), given.values);
            nb::dict d;
            d["weights"] = use.weights;
            d["constants"] = use.constants;
            d["code"] = use.code;
            d["block"] = use.block;
            d["liveness"] = use.liveness;
            return d;
          },
          "inputs"_a,
          "Bytes that the compiled model holds for runs of these sizes: weights (the graph's constants, each "
          "once), constants (as kernels read them, packed), code, block (for intermediate values and "
          "scratch), "
          "and liveness, the most that is alive at once, below which no block can be.")
      .def(
          "probe",
          [](const LoadedModel& m, nb::handle inputs, nb::handle nodes, nb::handle apart, int threads,
             bool interpret) {
            const RunInputs given = inputs_of(m, inputs);
            const ProbeOptions options = probes_of(m.program(given)->module(), nodes, apart);
            std::shared_ptr<const Executable> e;
            {
              const nb::gil_scoped_release release;
              e = m.probed(given, options);
            }
            return probe(*e, options, given.values, threads, interpret);
          },
          "inputs"_a, "nodes"_a = nb::none(), nb::kw_only(), "apart"_a = nb::none(), "threads"_a = 1,
          "interpret"_a = false,
          "The results of a run and the values inside it: a pair of lists. The program is the one that `run` "
          "runs; its kernels also store what they compute on the way, so the results keep their bits. "
          "`nodes`: numbers of nodes of the compiled graph (`tauto compile --emit=graph`), of main or as "
          "(function, number), or names of the source model's nodes; None for all that the program "
          "computes. For each, in the order in which they were computed (in a loop, once for each trip), a "
          "dict: function, node, op, sources, kernel (its name; \"\" if it is none), value, and computed, a "
          "bool array that is False where no part of the program asks for an element (None: all are "
          "computed). Where there is no value, it is None and reason says why; nodes listed in `apart` are "
          "computed in kernels of their own, which makes another program of the same bits. "
          "`interpret=True`: the definition's values of the same nodes.")
      .def(
          "profile",
          [](const LoadedModel& m, nb::handle inputs, int threads, int repeat) {
            return profile_of(m, inputs_of(m, inputs), threads, repeat);
          },
          "inputs"_a, nb::kw_only(), "threads"_a = 1, "repeat"_a = 1,
          "Where the time of a run goes: for each group of nodes, the slowest first, what `groups` says, its "
          "name, its calls and seconds in one run (the median of `repeat` runs after one that warms up), and "
          "for kernels the operations (a fused multiply-add is two) and bytes that its definition asks for.")
      .def(
          "replay",
          [](const LoadedModel& m, nb::handle inputs, const std::vector<std::string>& allow, uint64_t seed) {
            return replays_of(m, inputs_of(m, inputs), allow, seed);
          },
          "inputs"_a, nb::kw_only(), "allow"_a = std::vector<std::string>(), "seed"_a = 0,
          "Runs every rewrite of a compilation for these inputs again, with the rewrites of `allow`: what "
          "was "
          "replaced and what replaced it, on the values that they get in a run, and what may change results "
          "also on harmful ones. A list of dicts: the entry of the ledger, `elements` compared, how many are "
          "`differing` and `beyond` the contract, the `worst` difference in units of its bound.")
      .def("ledger", &ledger_list,
           "What rewrites did to the model's graph, each application as a dict: the pass, the function, the "
           "source nodes' names, what stood there and what stands there now, its contract (\"exact\", "
           "\"rounding\" or \"quantizing\") and the contract's statement.")
      .def(
          "ideal",
          [](const LoadedModel& m, nb::handle inputs) {
            return evaluate(m, inputs_of(m, inputs), Rep::Ideal, true, 1);
          },
          "inputs"_a, "As `run`, computed in float64 without rounding to the model's types in between.")
      .def(
          "interval",
          [](const LoadedModel& m, nb::handle inputs) {
            return evaluate(m, inputs_of(m, inputs), Rep::Interval, true, 1);
          },
          "inputs"_a,
          "As `run`: for each output a pair (lo, hi) of arrays, float64 or for integers and bools int64, "
          "that "
          "enclose what any legal execution of the model returns.")
      .def(
          "text", [](const LoadedModel& m) { return print(*m.module()).text; },
          "The graph as text; the bytes of big constants are in `side`.")
      .def(
          "side",
          [](const LoadedModel& m) {
            const std::string side = print(*m.module()).side;
            return nb::bytes(side.data(), side.size());
          },
          "The bytes that `parse` needs beside `text`.")
      .def(
          "save",
          [](const LoadedModel& m, const std::string& path) {
            const nb::gil_scoped_release release;
            m.save(path);
          },
          "path"_a,
          "Writes the graph with its machine code for this CPU, signed with this user's key: what `tauto "
          "compile -o` writes.")
      .def("__repr__", &repr);

  bind_bounds(m, &inputs_of);
  define_faults(m, &inputs_of);
  m.def(
      "load_file",
      [](const std::string& path, bool trust, const std::vector<std::string>& allow,
         const std::string& plan) {
        return interruptible([&](const std::function<bool()>* cancelled) {
          return LoadedModel::load(path, load_options(cancelled, trust, allow, plan));
        });
      },
      "path"_a, "trust"_a = false, "allow"_a = std::vector<std::string>(), "plan"_a = "");
  bind_same(m);
  bind_quantize(m);
  m.def("load_bytes", &from_bytes, "data"_a, "folder"_a = "", "allow"_a = std::vector<std::string>(),
        "plan"_a = "");
  m.def(
      "parse",
      [](const std::string& text, const nb::bytes& side, const std::vector<std::string>& allow) {
        return LoadedModel::from_text(text, {side.c_str(), side.size()},
                                      {nullptr, false, Allowed::of(allow, "parse: allow"), {}});
      },
      "text"_a, "side"_a = nb::bytes("", 0), "allow"_a = std::vector<std::string>(),
      "The model of a graph's text and side bytes.");
}

}  // namespace tauto::python
