// Bounds and certificates of a model.
#include "python/bounds.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "ops/ops.h"
#include "python/values.h"
#include "verify/certify.h"
#include "verify/node_check.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tauto::python {
namespace {

RunInputs (*inputs_of_model)(const LoadedModel&, nb::handle) = nullptr;

Order order_named(const std::string& name) {
  if (name == "any") return Order::Any;
  if (name == "ours") return Order::Ours;
  fail("order: required \"any\" or \"ours\", got \"", name, "\"");
}

nb::list node_bounds(const LoadedModel& m, nb::handle inputs, const std::string& order) {
  std::vector<CheckedNode> nodes;
  RunInputs given = inputs_of_model(m, inputs);
  {
    const nb::gil_scoped_release release;
    const std::shared_ptr<const Module> module = m.module(given);
    nodes = check_nodes(*module, std::move(given.values), order_named(order));
  }
  nb::list list;
  for (const CheckedNode& n : nodes) {
    nb::dict d;
    d["node"] = n.id;
    d["op"] = n.op->name;
    d["sources"] = nb::cast(n.sources);
    d["ratio"] = n.check.ratio;
    d["error"] = n.check.error;
    d["bound"] = n.check.bound;
    d["index"] = n.check.index;
    d["reason"] = n.check.reason;
    list.append(d);
  }
  return list;
}

// One propagation for many inputs: constants and index maps are kept.
class Propagation {
 public:
  Propagation(LoadedModel m, const std::string& order) : model_(std::move(m)), order_(order_named(order)) {}

  ErrorPropagation& of(const RunInputs& inputs) {
    std::shared_ptr<const Module> module = model_.module(inputs);
    if (module != module_) {
      propagation_ = std::make_unique<ErrorPropagation>(*module);
      module_ = std::move(module);
    }
    return *propagation_;
  }
  PropagationOptions options() const {
    PropagationOptions o;
    o.order = order_;
    return o;
  }
  const LoadedModel& model() const { return model_; }
  const Module& module() const { return *module_; }
  const ErrorPropagation& propagation() const { return *propagation_; }

 private:
  LoadedModel model_;
  Order order_;
  std::shared_ptr<const Module> module_;
  std::unique_ptr<ErrorPropagation> propagation_;
};

Value doubles(const std::vector<double>& v, Shape shape) {
  Tensor t(f64, std::move(shape));
  CHECK(t.count() == static_cast<int64_t>(v.size()));
  std::copy(v.begin(), v.end(), t.data<double>());
  return t;
}

nb::list output_bounds(const LoadedModel& m, nb::handle inputs, const std::string& order) {
  RunInputs given = inputs_of_model(m, inputs);
  std::vector<std::pair<Value, Value>> results;
  {
    const nb::gil_scoped_release release;
    Propagation all(m, order);
    ErrorPropagation& p = all.of(given);
    p.run(std::move(given.values), all.options());
    p.refine();
    for (size_t i = 0; i < m.outputs().size(); ++i) {
      const Tensor& c = p.centre(i);
      std::vector<double> centre;
      if (c.type().is_float())
        centre.assign(c.data<double>(), c.data<double>() + c.count());
      else if (c.type().is_integer() || c.type().is_bool())
        for (int64_t v : c.as_ints()) centre.push_back(static_cast<double>(v));
      else
        throw Unbounded(cat("output \"", m.outputs()[i].first, "\": elements ", c.type(), " have no bound"));
      results.emplace_back(doubles(centre, c.shape()), doubles(p.output_error(i), c.shape()));
    }
  }
  nb::list list;
  for (auto& [centre, error] : results)
    list.append(
        nb::make_tuple(object_of(std::move(centre), Rep::Exact), object_of(std::move(error), Rep::Exact)));
  return list;
}

nb::dict dict_of(const Separation& s) {
  nb::dict d;
  d["above"] = s.above;
  d["below"] = s.below;
  d["margin"] = s.margin;
  d["error"] = s.error;
  d["by_radius"] = s.by_radius;
  return d;
}

class Certifier : Propagation {
 public:
  Certifier(const LoadedModel& m, const std::string& decision, const std::string& order, size_t refine)
      : Propagation(m, order), decision_(parse_decision(decision)), refine_(refine) {}

  nb::dict certify(nb::handle inputs, bool activations) {
    RunInputs given = inputs_of_model(model(), inputs);
    Certificate c;
    {
      const nb::gil_scoped_release release;
      ErrorPropagation& p = of(given);
      CertifyOptions o;
      o.propagation = options();
      o.refine_limit = refine_;
      c = tauto::certify(p, std::move(given.values), decision_, o);
    }
    nb::dict d;
    d["certified"] = c.certified;
    d["reason"] = c.reason;
    d["decision"] = text_of(decision_);
    d["winners"] = nb::cast(c.winners);
    nb::list separations, refined;
    for (const Separation& s : c.separations) separations.append(dict_of(s));
    for (const Refinement& r : c.refined) {
      nb::dict e;
      e["node"] = r.node;
      e["sources"] = nb::cast(sources(r.node));
      nb::list readers;  // who chooses among its elements
      for (Id id : choosers_of(r.node)) readers.append(nb::cast(sources(id)).attr("__getitem__")(0));
      e["readers"] = readers;
      e["elements"] = nb::cast(r.elements);
      refined.append(e);
    }
    d["separations"] = separations;
    if (!c.separations.empty()) d["closest"] = dict_of(c.closest);
    d["refined"] = refined;
    if (activations) d["activations"] = this->activations();
    return d;
  }

 private:
  // Of each relu in the graph's order: 1 certainly on, 0 certainly off, u neither, by element.
  nb::list activations() const {
    nb::list list;
    const Function& f = module().main();
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      if (f.nodes[i].op != &ops::relu) continue;
      const Id from = f.nodes[i].inputs[0];
      const Tensor& c = propagation().node_centre(from);
      const std::span<const double> radius = propagation().node_radius(from);
      std::string pattern;
      for (int64_t k = 0; k < c.count(); ++k) {
        const double v = c.data<double>()[k], r = radius.empty() ? 0 : radius[static_cast<size_t>(k)];
        pattern += v > r ? '1' : v <= -r ? '0' : 'u';
      }
      nb::dict d;
      d["sources"] = nb::cast(sources(static_cast<Id>(i)));
      d["pattern"] = pattern;
      list.append(d);
    }
    return list;
  }
  std::vector<Id> choosers_of(Id node) const {
    std::vector<Id> all;
    const Function& f = module().main();
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      const Node& n = f.nodes[i];
      if ((n.op == &ops::relu || n.op == &ops::window_reduce) && n.inputs[0] == node &&
          !f.provenance[i].empty())
        all.push_back(static_cast<Id>(i));
    }
    return all;
  }
  std::vector<std::string> sources(Id id) const {
    std::vector<std::string> names;
    for (int s : module().main().provenance[static_cast<size_t>(id)])
      names.push_back(module().sources[static_cast<size_t>(s)]);
    return names;
  }

  Decision decision_;
  size_t refine_;
};

}  // namespace

void bind_bounds(nb::module_& m, RunInputs (*inputs_of)(const LoadedModel&, nb::handle)) {
  inputs_of_model = inputs_of;
  const nb::object model = m.attr("Model");
  const auto method = [&](const char* name, auto f, auto... extra) {
    nb::cpp_function_def(f, nb::scope(model), nb::name(name), nb::is_method(), extra...);
  };
  method("node_bounds", &node_bounds, "inputs"_a, nb::kw_only(), "order"_a = "ours",
         "Every node of a run of the interpreter against its exact value on the inputs that it consumed: its "
         "operator, the source nodes' names, and of the worst element error, bound and their ratio (at most "
         "1 for "
         "a legal execution). Bounds for the order of additions that is ours, or for `any`.");
  method(
      "output_bounds", &output_bounds, "inputs"_a, nb::kw_only(), "order"_a = "any",
      "For each output a pair of float64 arrays: the value without rounding (nearly), and a sound bound on "
      "how "
      "far any legal execution may be from it (and the exact value), by signed propagation (of outputs of "
      "more than 1,024 elements: by intervals from "
      "layer to layer). Error: there is "
      "none, and why.");
  nb::class_<Certifier>(
      m, "Certifier",
      "Decision certificates for a model, on many inputs: `decision` is top1, argmin, topk:K or "
      "threshold:T on the first output, along its last axis. `refine`: how many doubtful "
      "elements of a node get bounds of their own.")
      .def(nb::init<const LoadedModel&, const std::string&, const std::string&, size_t>(), "model"_a,
           "decision"_a = "top1", nb::kw_only(), "order"_a = "any", "refine"_a = 64)
      .def(
          "__call__", &Certifier::certify, "inputs"_a, nb::kw_only(), "activations"_a = false,
          "Whether every legal execution decides alike on these inputs: certified, the reason if not, the "
          "winners, and each pair that was separated with its margin and error bound. `activations` adds the "
          "pattern of each relu.");
}

}  // namespace tauto::python
