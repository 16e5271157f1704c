// tauto show: a model as the text of its graph, or as the nodes of the ONNX file.
#include "cli/commands.h"
#include "cli/onnx_text.h"
#include "cli/progress.h"
#include "compile/loaded_model.h"
#include "compile/pipeline.h"
#include "graph/scanner.h"
#include "graph/text.h"
#include "onnx/export.h"

namespace tauto::cli {
namespace {

LoadedModel load(const std::string& path) {
  const Progress progress("loading");
  return LoadedModel::load(path);
}

Module module_of(const ShowOptions& o) {
  const std::shared_ptr<const Module> m = load(o.model).module();
  return o.after.empty() ? *m : run_passes(*m, o.after, compile_flags());
}

// One entry: pass, function, names of source nodes, what stood there, what stands there now, the contract.
std::string text_of(const LedgerEntry& e) {
  std::string s = cat(e.pass, " @", e.function);
  for (const std::string& name : e.sources) s += " " + quote(name);
  s += cat(": ", e.before, " => ", e.after);
  switch (e.contract.kind) {
    case ContractKind::Exact:
      return s + "  exact";
    case ContractKind::Rounding:
      return cat(s, "  rounding(", e.contract.statement, ")");
    case ContractKind::Quantizing:
      return cat(s, "  quantizing(", e.contract.statement, ")");
  }
  CHECK(false);
}

int show_ledger(const ShowOptions& o) {
  std::string s;
  for (const LedgerEntry& e : module_of(o).ledger) s += text_of(e) + "\n";
  o.out.empty() ? put(s) : write_file(o.out, s);
  return 0;
}

// To a file: the graph exported; to stdout: the nodes as the file has them.
int show_onnx(const ShowOptions& o) {
  if (!o.out.empty()) {
    write_file(o.out, onnx::export_model(module_of(o)));
    return 0;
  }
  Bytes file = map_file(o.model);
  if (LoadedModel::is_text(file) || !o.after.empty()) {
    file = own(onnx::export_model(module_of(o)));
    put(onnx_text(onnx::read_model(std::move(file), o.model)));
  } else {
    put(onnx_text(onnx::load_model(o.model)));
  }
  return 0;
}

int show_graph(const ShowOptions& o) {
  const ModuleText t = print(module_of(o));
  if (o.out.empty()) {
    put(t.text);
    return 0;
  }
  write_file(o.out, t.text);
  if (!t.side.empty()) write_file(o.out + ".side", t.side);
  return 0;
}

}  // namespace

int show(const ShowOptions& o) {
  if (o.ledger) return show_ledger(o);
  return o.as == "onnx" ? show_onnx(o) : show_graph(o);
}

}  // namespace tauto::cli
