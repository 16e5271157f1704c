// tauto show: a model as the text of its graph, or as the nodes of the ONNX file.
#include "cli/commands.h"
#include "cli/onnx_text.h"
#include "cli/progress.h"
#include "compile/loaded_model.h"
#include "compile/pipeline.h"
#include "graph/text.h"
#include "onnx/export.h"
#include "quantize/load.h"

namespace tauto::cli {
namespace {

LoadedModel load(const ShowOptions& o) {
  const Progress progress("loading");
  return load_model(model_options(o.model, o.allow, o.precision, o.calibration, "show"), "show");
}

Module module_of(const ShowOptions& o) {
  const std::shared_ptr<const Module> m = load(o).module();
  return o.after.empty() ? *m : run_passes(*m, o.after, compile_flags());
}

int show_ledger(const ShowOptions& o) {
  const std::string s = text_of(module_of(o).ledger);
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
  if (LoadedModel::is_text(file) || !o.after.empty() || !o.allow.empty() || !o.precision.empty()) {
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
