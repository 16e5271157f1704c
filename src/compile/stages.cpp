// Kernels stage by stage, as text.
#include "compile/stages.h"

#include <algorithm>

#include "codegen/x64/disassemble.h"

namespace tauto {
namespace {

constexpr Stage kStages[] = {Stage::Loops, Stage::Schedule, Stage::Scheduled, Stage::Vector, Stage::Asm};

std::string schedule_text(const CompiledFunction& f, const CompiledGroup& g) {
  std::string axes;
  for (const loops::Axis& a : g.built->nest.axes)
    axes += cat(axes.empty() ? " " : ", ", a.variable, " < ", a.extent);
  return cat("schedule @", f.function->name, " ", g.group.kernel.name,
             "\n# axes:", axes.empty() ? " none" : axes, "\n", text_of(plan_of(g)));
}

}  // namespace

Plan plan_of(const CompiledGroup& g) {
  Plan p = g.built->plan;
  p.band = g.group.bands ? static_cast<int>(g.group.bands->rows) : 0;
  return p;
}

std::string one_line(const Plan& p) {
  std::string s = text_of(p);
  for (size_t i = 0; i + 1 < s.size(); ++i)
    if (s[i] == '\n') s.replace(i, 1, "; ");
  if (!s.empty()) s.pop_back();
  return s;
}

const char* name_of(Stage s) {
  constexpr const char* kNames[] = {"loops", "schedule", "scheduled", "vector", "asm"};
  return kNames[static_cast<int>(s)];
}

std::string text_of(const CompiledFunction& f, const CompiledGroup& g, Stage s) {
  if (g.group.kind != Group::Kind::Kernel) return "";
  const std::string& first = g.built->scheduled.kernel.name;
  const std::string shared = first == g.group.kernel.name
                                 ? ""
                                 : cat("# ", g.group.kernel.name, " is the same kernel as ", first, "\n");
  switch (s) {
    case Stage::Loops:
      return loops::text_of(g.group.kernel);
    case Stage::Schedule:
      return schedule_text(f, g);
    case Stage::Scheduled:
      return shared + loops::text_of(g.built->scheduled.kernel);
    case Stage::Vector:
      return shared + vec::text_of(g.built->generated.program);
    case Stage::Asm:
      return shared + vec::disassemble(g.built->bytes);
  }
  CHECK(false);
}

std::string name_of(const CompiledFunction& f, const CompiledGroup& g) {
  if (g.group.kind == Group::Kind::Kernel) return g.group.kernel.name;
  return cat(g.group.kind == Group::Kind::View ? "view %" : "reference %", g.group.result, " ",
             f.function->node(g.group.result).op->name);
}

std::string summary(const Executable& e) {
  size_t count[3] = {0, 0, 0};
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups) {
      ++count[static_cast<int>(g.group.kind)];
    }
  std::string sizes;
  for (const auto& [name, size] : e.sizes().values()) sizes += cat(", ", name, " = ", size);
  return cat("compiled for ", isa_name(e.isa()), sizes, ": ", count[static_cast<int>(Group::Kind::Kernel)],
             " kernels, ", count[static_cast<int>(Group::Kind::View)], " views, ",
             count[static_cast<int>(Group::Kind::Reference)], " references");
}

void show_stages(const Executable& e, const Flags& flags) {
  const Dump dump(flags.dump);
  if (!dump.on() && flags.debug < 3) return;
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups) {
      const bool kernel = g.group.kind == Group::Kind::Kernel;
      if (flags.debug >= 3)
        say(cat("tauto: @", name, " ", name_of(f, g), ": ",
                kernel ? cat(one_line(plan_of(g)), "; ", g.built->bytes.size(), " bytes of code")
                       : g.group.reason));
      if (!kernel) continue;
      const std::string stem =
          dump.on() ? dump.next((name == "main" ? "" : name + "_") + g.group.kernel.name) : "";
      for (Stage s : kStages) {
        if (!dump.on() && flags.debug < 5) break;
        const std::string text = text_of(f, g, s);
        if (dump.on()) dump.write(stem + "." + name_of(s), text);
        if (flags.debug >= 5) say(text);
      }
    }
}

}  // namespace tauto
