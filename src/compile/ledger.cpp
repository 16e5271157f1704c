// What became of groups, as entries of the ledger.
#include "compile/ledger.h"

#include <algorithm>
#include <iterator>

#include "compile/layouts.h"
#include "compile/pipeline.h"
#include "compile/stages.h"

namespace tauto {
namespace {

bool is_later_stage(const LedgerEntry& e) {
  return std::find(std::begin(kLaterStages), std::end(kLaterStages), e.pass) != std::end(kLaterStages);
}

LedgerEntry entry(const char* pass, const CompiledFunction& f, const CompiledGroup* g, std::string before,
                  std::string after) {
  LedgerEntry e;
  e.pass = pass;
  e.function = f.function->name;
  if (g) e.sources = g->group.kernel.sources;
  std::sort(e.sources.begin(), e.sources.end());
  e.sources.erase(std::unique(e.sources.begin(), e.sources.end()), e.sources.end());
  e.before = std::move(before);
  e.after = std::move(after);
  return e;
}

std::string blocked_shape(const Type& t, int64_t lanes) {
  const int64_t block = block_of(t.element, t.dims[1].literal(), lanes);
  std::string s = "[";
  for (size_t d = 0; d < t.dims.size(); ++d)
    s += cat(d ? ", " : "", d == 1 ? exact_div(t.dims[d], Dim(block)) : t.dims[d]);
  return cat(s, ", ", block, "]");
}

void add_entries(const CompiledFunction& f, Ledger& ledger) {
  for (const CompiledGroup& g : f.groups) {
    if (g.group.kind != Group::Kind::Kernel) continue;
    const std::string kernel = "kernel " + name_of(f, g);
    if (g.group.nodes.size() > 1) {
      std::string nodes;
      for (Id id : g.group.nodes) nodes += cat(nodes.empty() ? "" : ", ", f.function->node(id).op->name);
      ledger.push_back(entry("fuse", f, &g, nodes, kernel));
    }
    if (f.blocked.count(g.group.result)) {
      const Type& t = f.function->node(g.group.result).type;
      ledger.push_back(
          entry("layouts", f, nullptr, cat("%", g.group.result, " : ", t), blocked_shape(t, f.block)));
    }
    const std::string plan = one_line(plan_of(g));
    if (!plan.empty()) ledger.push_back(entry("schedule", f, &g, kernel, plan));
  }
}

}  // namespace

Ledger ledger_of(const Executable& e) {
  Ledger ledger = e.module().ledger;
  if (!e.has_stages()) return ledger;
  std::erase_if(ledger, is_later_stage);  // of the artifact that was compiled again here
  for (const auto& [name, f] : e.functions()) add_entries(f, ledger);
  return ledger;
}

}  // namespace tauto
