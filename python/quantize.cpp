// tauto.quantize: plans of number systems, and the models that follow from them.
#include "python/quantize.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "python/interrupts.h"
#include "python/same.h"
#include "quantize/load.h"
#include "quantize/measure.h"
#include "quantize/write_onnx.h"
#include "verify/precision_search.h"
#include "verify/quantizer_blame.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tauto::python {
namespace {

// The text of the plan.
std::string plan_text(const std::string& path, const std::string& to, const nb::object& data,
                      const std::vector<std::string>& keep, bool measure, int threads) {
  const LoadedModel source = LoadedModel::load(path);
  std::optional<equivalence::Samples> samples;
  if (!data.is_none()) {
    if (!nb::isinstance<nb::dict>(data))
      throw nb::type_error("quantize: data: required {name: array}, samples along the first axis");
    samples = equivalence::Samples::of(
        without_labels(arrays_of(nb::cast<nb::dict>(data), source.inputs(), "quantize")), source.inputs(),
        source.outputs(), "arrays", "quantize: data");
  }
  if (measure && !samples) fail("quantize: measure: required data, got none");
  return interruptible([&](const std::function<bool()>* cancelled) {
    PlanOptions how;
    how.keep = keep;
    how.threads = threads;
    how.cancelled = cancelled;
    PrecisionPlan plan =
        make_plan(source, parse_precision(to, "quantize"), samples ? &*samples : nullptr, how, "quantize");
    if (measure)
      drop_slower(plan, source, samples->inputs(0, std::max<int64_t>(samples->fixed(), 1)), threads,
                  cancelled);
    return text_of(plan);
  });
}

nb::bytes onnx_bytes(const std::string& path, const std::string& plan) {
  const std::string bytes = write_quantized(onnx::load_model(path), *LoadedModel::load(path).module(),
                                            parse_precision_plan(plan, "quantize: plan"), "quantize");
  return nb::bytes(bytes.data(), bytes.size());
}

// (node, precision, reason) of each node of a plan.
nb::list nodes_of(const std::string& plan) {
  nb::list all;
  for (const NodePrecision& n : parse_precision_plan(plan, "plan").nodes)
    all.append(nb::make_tuple(n.node, text_of(n.how), n.reason));
  return all;
}

nb::dict seconds(const LoadedModel& m, const std::string& path, const nb::object& data, int threads,
                 int runs) {
  const LoadedModel source = LoadedModel::load(path);
  const RunInputs inputs = m.order(arrays_of(nb::cast<nb::dict>(data), m.inputs(), "node_seconds"));
  const auto program = m.executable(inputs);
  nb::dict r;
  for (const auto& [name, s] :
       seconds_of_nodes(*program, contractions_of(*source.module()), inputs.values, threads, runs))
    r[name.c_str()] = s;
  return r;
}

// The functional Σ w y[i] of an output, as {(i, w)}; (source, quantized, residual, [(node, activations,
// weights)]).
nb::tuple blame(const std::string& path, const std::string& plan, const nb::object& data, size_t output,
                const std::vector<std::pair<int64_t, double>>& terms, int steps) {
  const LoadedModel source = LoadedModel::load(path);
  if (output >= source.outputs().size())
    fail("blame: output: required less than ", source.outputs().size(), ", got ", output);
  const PrecisionPlan parsed = parse_precision_plan(plan, "blame: plan");
  const RunInputs in = source.order(arrays_of(nb::cast<nb::dict>(data), source.inputs(), "blame"));
  const auto r = interruptible([&](const std::function<bool()>* cancelled) {
    const std::shared_ptr<const Module> m = source.module(in);
    int64_t count = 0;
    const std::vector<Value> results = interpret(*m, in.values);
    if (results[output].is_tensor()) count = results[output].tensor.count();
    for (const auto& [i, w] : terms)
      if (i < 0 || i >= count) fail("blame: terms: required elements from 0 to ", count - 1, ", got ", i);
    return equivalence::blame_quantizers(*m, parsed, in.values, {output, terms}, steps, cancelled);
  });
  nb::list nodes;
  for (const auto& c : r.contributions) nodes.append(nb::make_tuple(c.node, c.activations, c.weights));
  return nb::make_tuple(r.source, r.quantized, r.residual, nodes);
}

// (plan or "", the report, validations as (kept, fresh, flips, samples, upper, seconds, holds), seconds in
// f32).
nb::tuple search(const std::string& path, const std::string& plan, const nb::object& data,
                 const std::string& decision, const std::string& budget, bool timed, int threads) {
  const LoadedModel source = LoadedModel::load(path);
  const PrecisionPlan parsed = parse_precision_plan(plan, "search: plan");
  const auto samples =
      equivalence::Samples::of(without_labels(arrays_of(nb::cast<nb::dict>(data), source.inputs(), "search")),
                               source.inputs(), source.outputs(), "arrays", "search: data");
  equivalence::SearchOptions o;
  o.rule = equivalence::parse_decision(decision);
  o.budget = equivalence::parse_budget(budget);
  o.timed = timed;
  o.threads = threads;
  const auto r = interruptible([&](const std::function<bool()>* cancelled) {
    o.cancelled = cancelled;
    return equivalence::search_precision(source, parsed, samples, o);
  });
  nb::list list;
  for (const auto& v : r.validations)
    list.append(nb::make_tuple(v.kept, v.fresh, v.flips, v.samples, v.upper, v.seconds, v.holds));
  return nb::make_tuple(r.found ? text_of(r.plan) : std::string(), equivalence::text_of(r, o.budget), list,
                        r.f32_seconds);
}

}  // namespace

void bind_quantize(nb::module_& m) {
  m.def("make_plan", &plan_text, "path"_a, "to"_a, "data"_a.none(), "keep"_a, "measure"_a, "threads"_a);
  m.def("write_plan", &onnx_bytes, "path"_a, "plan"_a);
  m.def("blame", &blame, "path"_a, "plan"_a, "data"_a, "output"_a, "terms"_a, "steps"_a);
  m.def("search_precision", &search, "path"_a, "plan"_a, "data"_a, "decision"_a, "budget"_a, "timed"_a,
        "threads"_a);
  m.def("plan_nodes", &nodes_of, "plan"_a);
  m.def("node_seconds", &seconds, "model"_a, "path"_a, "data"_a, "threads"_a = 1, "runs"_a = 5);
}

}  // namespace tauto::python
