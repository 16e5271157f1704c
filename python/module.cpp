// The module tauto._tauto: Model and its two sources. Every call that computes lets other Python threads run,
// and looks for Ctrl-C a few times a second.
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
#include "compile/profile.h"
#include "graph/text.h"
#include "python/array_view.h"
#include "python/bounds.h"
#include "python/faulty.h"
#include "python/interrupts.h"
#include "python/probes.h"
#include "python/proofs.h"
#include "python/quantize.h"
#include "python/same.h"
#include "python/values.h"
#include "verify/replay.h"

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

constexpr size_t kMostArrays = 16;  // inputs, and results, of the short way
constexpr int64_t kShort =
    1 << 17;  // element operations: too short to let other threads run, or to interrupt

// The value that `given` has for each input of the model, in their order; false if it is not just that.
bool find_inputs(const LoadedModel& m, PyObject* given, PyObject** values) {
  const NamedTypes& inputs = m.inputs();
  if (inputs.size() > kMostArrays) return false;
  const auto count = static_cast<Py_ssize_t>(inputs.size());
  if (PyTuple_Check(given) || PyList_Check(given)) {
    if (PySequence_Size(given) != count) return false;
    for (Py_ssize_t i = 0; i < count; ++i)
      values[i] = PyTuple_Check(given) ? PyTuple_GetItem(given, i) : PyList_GetItem(given, i);
    return true;
  }
  if (!PyDict_CheckExact(given) || PyDict_Size(given) != count) return false;
  std::fill_n(values, inputs.size(), nullptr);
  Py_ssize_t at = 0;
  for (PyObject *key, *value; PyDict_Next(given, &at, &key, &value);) {
    Py_ssize_t size = 0;
    const char* name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &size) : nullptr;
    if (!name) return PyErr_Clear(), false;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].first == std::string_view(name, static_cast<size_t>(size))) values[i] = value;
  }
  return std::find(values, values + inputs.size(), nullptr) == values + inputs.size();
}

// A run of sizes that were run before, on arrays that need no conversion; into `out` if that is a list of
// arrays that can be written as they are and overlap nothing. An invalid object: not such a run.
nb::object evaluate_ready(const LoadedModel& m, nb::handle given, int threads, nb::handle out = nb::none()) {
  PyObject* arrays[kMostArrays];
  if (!find_inputs(m, given.ptr(), arrays)) return {};
  ArrayView open[kMostArrays];
  TensorView views[kMostArrays];
  const void* inputs[kMostArrays];
  const size_t count = m.inputs().size();
  for (size_t i = 0; i < count; ++i) {
    if (!open[i].open(arrays[i])) return {};
    views[i] = open[i].view();
    inputs[i] = views[i].data;
  }
  std::optional<ReadyRun> ready = m.ready({views, count});
  if (!ready || ready->function().results().size() > kMostArrays) return {};
  nb::list list;
  void* results[kMostArrays];
  ArrayView own[kMostArrays];
  if (!out.is_none() && nb::len(out) != ready->function().results().size()) return {};
  for (const TensorType& t : ready->function().results()) {
    const size_t k = list.size();
    nb::object array = out.is_none() ? new_array(t, &results[k]) : nb::object(out[k]);
    if (!array.is_valid()) return {};
    if (!out.is_none()) {
      if (!own[k].open(array.ptr(), true)) return {};
      const TensorView v = own[k].view();
      if (v.type != t.type || !std::equal(v.shape.begin(), v.shape.end(), t.shape.begin(), t.shape.end()))
        return {};
      for (size_t i = 0; i < count; ++i)
        if (own[k].overlaps(open[i])) return {};
      for (size_t i = 0; i < k; ++i)
        if (own[k].overlaps(own[i])) return {};
      results[k] = const_cast<void*>(v.data);
    }
    list.append(std::move(array));
  }
  ExecuteOptions options;
  options.threads = threads;
  const auto run = [&](const std::function<bool()>* cancelled) {
    options.cancelled = cancelled;
    return ready->run(inputs, results, options);
  };
  if (!(ready->function().work() < kShort ? run(nullptr) : interruptible(run))) return {};
  return list;
}

nb::list evaluate(const LoadedModel& model, RunInputs inputs, Rep rep, bool interpret, int threads) {
  // Held until the results are wrapped: an input that is passed through is copied, not shared.
  const std::vector<Value> held = inputs.values;
  std::vector<Value> results = interruptible([&](const std::function<bool()>* cancelled) {
    if (!interpret && rep == Rep::Exact) {
      ExecuteOptions options;
      options.threads = threads;
      options.cancelled = cancelled;
      return model.execute(std::move(inputs), options);
    }
    InterpretOptions options;
    options.rep = rep;
    options.cancelled = cancelled;
    return model.run(std::move(inputs), options);
  });
  nb::list list;
  for (Value& v : results) list.append(object_of(std::move(v), rep));
  return list;
}

RunInputs in_order(const LoadedModel& m, nb::handle arguments) {
  std::vector<Value> values;
  const size_t count = nb::len(arguments);
  for (size_t i = 0; i < count && count == m.inputs().size(); ++i) {
    const auto& [name, type] = m.inputs()[i];
    values.push_back(value_of(arguments[i], type, cat("run: input \"", name, "\"")));
  }
  values.resize(count);
  return m.order(std::move(values));
}

RunInputs inputs_of(const LoadedModel& m, nb::handle given) {
  if (nb::isinstance<nb::list>(given) || nb::isinstance<nb::tuple>(given)) return in_order(m, given);
  if (!nb::hasattr(given, "items"))
    throw nb::type_error("run: required {name: array} or a list of arrays in the order of the inputs");
  NamedValues values;
  const nb::object items = given.attr("items")();
  for (nb::handle item : items) {
    std::string name;
    if (!nb::try_cast(item[0], name)) throw nb::type_error("run: required names of inputs that are str");
    const Type* type = nullptr;
    for (const NamedTypes* list : {&m.inputs(), &m.defaults()})
      for (const auto& [n, t] : *list)
        if (n == name) type = &t;
    // order() below refuses an unknown name.
    values.emplace_back(name, type ? value_of(item[1], *type, cat("run: input \"", name, "\"")) : Value());
  }
  return m.order(std::move(values));
}

// Copies results into the caller's arrays, all of which are looked at before the first is written.
nb::list into(const LoadedModel& m, nb::list results, nb::list out) {
  if (nb::len(out) != nb::len(results))
    fail("run: out: required ", nb::len(results), " arrays, got ", nb::len(out));
  const auto text = [](nb::handle array, const char* member) {
    return nb::cast<std::string>(array.attr(member).attr("__str__")());
  };
  for (size_t i = 0; i < nb::len(out); ++i) {
    const std::string where = cat("run: out \"", m.outputs()[i].first, "\": required ");
    if (!nb::hasattr(results[i], "dtype")) fail(where, "an output that is a tensor");
    if (!nb::hasattr(out[i], "flags") || !nb::hasattr(out[i], "dtype"))
      fail(where, "an array, got ", nb::cast<std::string>(out[i].type().attr("__name__")));
    if (!results[i].attr("dtype").equal(out[i].attr("dtype")) ||
        !results[i].attr("shape").equal(out[i].attr("shape")))
      fail(where, text(results[i], "dtype"), text(results[i], "shape"), ", got ", text(out[i], "dtype"),
           text(out[i], "shape"));
    if (!nb::object(out[i].attr("flags").attr("writeable")).is(nb::handle(Py_True)))
      fail(where, "an array that may be written");
  }
  const nb::object copy = nb::module_::import_("numpy").attr("copyto");
  for (size_t i = 0; i < nb::len(out); ++i) copy(out[i], results[i]);
  return out;
}

nb::object call(const LoadedModel& m, const nb::args& arguments) {
  nb::object ready = evaluate_ready(m, arguments, 1);
  const nb::list results = ready.is_valid() ? nb::list(std::move(ready))
                                            : evaluate(m, in_order(m, arguments), Rep::Exact, false, 1);
  if (results.size() == 1) return results[0];
  return results;
}

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
