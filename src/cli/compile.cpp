// tauto compile: what a model becomes, stage by stage.
#include <algorithm>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/sizes.h"
#include "compile/artifact.h"
#include "compile/ledger.h"
#include "compile/loaded_model.h"
#include "compile/stages.h"
#include "graph/text.h"
#include "quantize/load.h"

namespace tauto::cli {
namespace {

std::string head(const Function& f, const CompiledGroup& g) {
  const char* kinds[] = {"kernel", "view", "reference"};
  std::string s = cat("# ", kinds[static_cast<int>(g.group.kind)], " %", g.group.result, ":");
  for (Id id : g.group.nodes) s += cat(" ", f.node(id).op->name);
  if (!g.group.reason.empty()) s += cat("  (", g.group.reason, ")");
  return s + "\n";
}

std::optional<Stage> stage_named(const std::string& name) {
  for (Stage s : {Stage::Loops, Stage::Schedule, Stage::Scheduled, Stage::Vector, Stage::Asm})
    if (name == name_of(s)) return s;
  return std::nullopt;
}

// The kernels that are asked for: all, the one of that name, or those whose name has it as a part.
std::vector<const CompiledGroup*> chosen(const Executable& e, const std::string& name) {
  std::vector<const CompiledGroup*> exact, part;
  std::string known;
  for (const auto& [function, f] : e.functions())
    for (const CompiledGroup& g : f.groups) {
      const bool kernel = g.group.kind == Group::Kind::Kernel;
      if (name.empty() || (kernel && g.group.kernel.name == name)) exact.push_back(&g);
      if (kernel && g.group.kernel.name.find(name) != std::string::npos) part.push_back(&g);
      if (kernel && known.size() < 200) known += cat(known.empty() ? "" : ", ", g.group.kernel.name);
    }
  if (exact.empty() && part.empty() && !name.empty())
    fail("compile: --kernel: required a part of the name of a kernel (", known, "), got \"", name, "\"");
  return exact.empty() ? part : exact;
}

}  // namespace

int compile(const CompileOptions& o) {
  if (o.require.empty() && !o.data.empty()) fail("compile: --data: required --require with it");
  ModelOptions model = model_options(o.model, o.allow, o.precision, o.calibration, "compile");
  if (is_auto(o.precision)) {
    const Interruptible interruptible;
    PlanOptions planning;
    planning.cancelled = &interruptible.cancelled;
    const Searched found = search(LoadedModel::load(o.model), o.precision, o.calibration, o.require, o.data,
                                  planning, "compile");
    put(found.text);
    if (!found.found) return kExitDiffers;
    model.load.precision = found.plan;
    model.precision.clear(), model.calibration.clear();
  } else if (!o.require.empty() && !is_shown(o)) {
    return kExitDiffers;
  }
  const Progress progress("compiling");
  const LoadedModel m = load_model(model, "compile");
  tauto::CompileOptions how;
  Schedules schedules;
  if (!o.schedule.empty()) {
    schedules = parse_schedules(map_file(o.schedule).text());
    how.schedules = &schedules;
  }
  const Env sizes = sizes_of(o.dims, m, "compile");
  how.sizes = &sizes;
  const std::shared_ptr<const Executable> e = tauto::compile(m.module(), how);
  if (!o.out.empty()) {
    write_file(o.out, artifact_of(*e, ArtifactKind::File).parts);
    if (!o.ledger) return 0;
  }
  if (o.ledger) {
    put(text_of(ledger_of(*e)));
    return 0;
  }
  if (o.emit == "graph") {
    put(print(e->module()).text);
    return 0;
  }
  const std::optional<Stage> stage = stage_named(o.emit);
  const std::vector<const CompiledGroup*> groups = chosen(*e, o.kernel);
  std::string text;
  for (const auto& [name, f] : e->functions()) {
    bool first = true;
    for (const CompiledGroup& g : f.groups) {
      if (std::find(groups.begin(), groups.end(), &g) == groups.end()) continue;
      if (first) text += cat("# function @", name, "\n");
      first = false;
      text += head(*f.function, g) + (stage ? text_of(f, g, *stage) : "");
    }
  }
  put(cat(text, "# ", summary(*e), "\n"));
  return 0;
}

}  // namespace tauto::cli
