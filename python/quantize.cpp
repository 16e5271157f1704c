// tauto.quantize: plans of number systems, and the models that follow from them.
#include "python/quantize.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "python/interrupts.h"
#include "python/same.h"
#include "quantize/load.h"
#include "quantize/measure.h"
#include "quantize/write_onnx.h"

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
  const auto program = m.program(inputs);
  nb::dict r;
  for (const auto& [name, s] :
       seconds_of_nodes(*program, contractions_of(*source.module()), inputs.values, threads, runs))
    r[name.c_str()] = s;
  return r;
}

}  // namespace

void bind_quantize(nb::module_& m) {
  m.def("make_plan", &plan_text, "path"_a, "to"_a, "data"_a.none(), "keep"_a, "measure"_a, "threads"_a);
  m.def("write_plan", &onnx_bytes, "path"_a, "plan"_a);
  m.def("plan_nodes", &nodes_of, "plan"_a);
  m.def("node_seconds", &seconds, "model"_a, "path"_a, "data"_a, "threads"_a = 1, "runs"_a = 5);
}

}  // namespace tauto::python
