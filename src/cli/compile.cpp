// tauto compile: what a model becomes, stage by stage.
#include "cli/commands.h"
#include "cli/progress.h"
#include "codegen/x64/disassemble.h"
#include "compile/loaded_model.h"

namespace tauto::cli {
namespace {

std::string head(const Executable& e, const Function& f, const CompiledGroup& g) {
  (void)e;
  const char* kinds[] = {"kernel", "view", "reference"};
  std::string s = cat("# ", kinds[static_cast<int>(g.group.kind)], " %", g.group.result, ":");
  for (Id id : g.group.nodes) s += cat(" ", f.node(id).op->name);
  if (!g.group.reason.empty()) s += cat("  (", g.group.reason, ")");
  return s + "\n";
}

std::string stage(const CompiledGroup& g, const std::string& emit) {
  if (g.group.kind != Group::Kind::Kernel) return "";
  if (emit == "loops") return loops::text_of(g.group.kernel);
  if (emit == "schedule") return text_of(g.plan) + loops::text_of(g.scheduled);
  if (emit == "vector") return vec::text_of(g.generated.program);
  if (emit == "asm") return vec::disassemble(g.bytes);
  return "";
}

}  // namespace

int compile(const CompileOptions& o) {
  const Progress progress("compiling");
  const LoadedModel m = LoadedModel::load(o.model);
  const std::shared_ptr<const Executable> e = tauto::compile(m.module(), {});
  size_t kernels = 0, views = 0, references = 0;
  std::string text;
  for (const auto& [name, f] : e->functions()) {
    text += cat("function @", name, "\n");
    for (const CompiledGroup& g : f.groups) {
      text += head(*e, *f.function, g) + stage(g, o.emit);
      ++(g.group.kind == Group::Kind::Kernel ? kernels
         : g.group.kind == Group::Kind::View ? views
                                             : references);
    }
  }
  put(text);
  put(cat("compiled for ", isa_name(e->isa()), ": ", kernels, " kernels, ", views, " views, ", references,
          " references\n"));
  return 0;
}

}  // namespace tauto::cli
