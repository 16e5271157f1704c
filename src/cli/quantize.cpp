// tauto quantize: a plan of number systems for a model, and the quantized model as ONNX.
#include "quantize/load.h"

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/value_files.h"
#include "quantize/measure.h"
#include "quantize/write_onnx.h"
#include "verify/precision_search.h"

namespace tauto::cli {
namespace {

std::string table(const PrecisionPlan& plan) {
  size_t wide = 0, quantized = 0;
  for (const NodePrecision& n : plan.nodes) wide = std::max(wide, n.node.size());
  std::string s;
  for (const NodePrecision& n : plan.nodes) {
    const bool f32 = n.how.system == NumberSystem::F32;
    quantized += !f32;
    s += cat("  ", n.node, std::string(wide - n.node.size() + 2, ' '), text_of(n.how));
    if (f32 && !n.reason.empty()) s += cat("  (", n.reason, ")");
    if (n.how.needs_data() && !f32) s += cat("  x / ", n.scale, " + ", n.zero);
    s += "\n";
  }
  return cat(s, "# ", quantized, " of ", plan.nodes.size(), " contractions\n");
}

}  // namespace

ModelOptions model_options(const std::string& model, const std::string& allow, const std::string& precision,
                           const std::string& calibration, const std::string& command) {
  ModelOptions o;
  o.path = model;
  o.load.allowed = allowed_of(allow, command);
  o.precision = precision;
  o.calibration = calibration;
  return o;
}

bool is_auto(const std::string& precision) { return precision == "auto" || precision.starts_with("auto:"); }

Searched search(const LoadedModel& source, const std::string& precision, const std::string& calibration,
                const std::string& statement, const std::string& data, const PlanOptions& how,
                const std::string& command) {
  const std::string where = command + ": --precision auto";
  equivalence::SearchOptions options;
  std::string decision, budget;
  for (const std::string& word : split_words(statement, command + ": --require"))
    if (word.find('=') != std::string::npos)
      budget += (budget.empty() ? "" : " ") + word;
    else if (word != "decision")
      decision = word;
  if (decision.empty() || budget.empty())
    fail(where,
         ": required --require with a decision and its budget (\"top1 flips=1% confidence=95%\"), got \"",
         statement, "\"");
  if (data.empty()) fail(where, ": required samples to search and to verify on, got none");
  options.rule = equivalence::parse_decision(decision);
  options.budget = equivalence::parse_budget(budget);
  options.threads = how.threads;
  options.cancelled = how.cancelled;
  const PrecisionPlan all =
      plan_of(source, precision == "auto" ? "int8" : precision.substr(5), calibration, how, where);
  const auto samples = equivalence::Samples::of(without_labels(read_values(data, source)), source.inputs(),
                                                source.outputs(), data, command + ": --data");
  equivalence::PrecisionSearch s = equivalence::search_precision(source, all, samples, options);
  return {s.found ? s.plan : PrecisionPlan{}, equivalence::text_of(s, options.budget), s.found};
}

int quantize(const QuantizeOptions& o) {
  const Interruptible interruptible;
  PrecisionPlan plan;
  const LoadedModel source = LoadedModel::load(o.model);
  {
    Progress progress("calibrating");
    PlanOptions how;
    how.keep = o.keep;
    how.threads = o.threads;
    how.cancelled = &interruptible.cancelled;
    int64_t shown = 0;
    how.progress = [&](int64_t done, int64_t total) {
      progress.set_total(total);
      for (; shown < done; ++shown) progress.step();
    };
    if (is_auto(o.to)) {
      const Searched found = search(source, o.to, o.data, o.require, o.validate, how, "quantize");
      put(found.text);
      if (!found.found) return kExitDiffers;
      plan = found.plan;
    } else if (o.to.ends_with(".plan")) {
      plan = plan_of(source, o.to, o.data, how, "quantize: --to");
    } else {
      const Precision to = parse_precision(o.to, "quantize: --to");
      std::optional<equivalence::Samples> data;
      if (!o.data.empty())
        data = equivalence::Samples::of(without_labels(read_values(o.data, source)), source.inputs(),
                                        source.outputs(), o.data, "quantize: --data");
      plan = make_plan(source, to, data ? &*data : nullptr, how, "quantize");
      if (o.measure) {
        const std::vector<Value> inputs =
            data ? data->inputs(0, std::max<int64_t>(data->fixed(), 1)) : std::vector<Value>{};
        if (inputs.empty()) fail("quantize: --measure: required calibration data, got none");
        drop_slower(plan, source, inputs, o.threads, &interruptible.cancelled);
      }
    }
  }
  if (!o.plan.empty()) write_file(o.plan, text_of(plan));
  if (!o.out.empty()) {
    if (LoadedModel::is_text(map_file(o.model)))
      fail("quantize: --out: required an ONNX file, got ", o.model);
    write_file(o.out, write_quantized(onnx::load_model(o.model), *source.module(), plan, "quantize"));
  }
  put(table(plan));
  return 0;
}

}  // namespace tauto::cli
