// tauto show: a model as the text of its graph, or as the nodes of the ONNX file.
#include "cli/commands.h"
#include "cli/onnx_text.h"
#include "cli/progress.h"
#include "compile/loaded_model.h"
#include "graph/text.h"
#include "onnx/export.h"

namespace tauto::cli {
namespace {

LoadedModel load(const std::string& path) {
  const Progress progress("loading");
  return LoadedModel::load(path);
}

// To a file: the graph exported; to stdout: the nodes as the file has them.
int show_onnx(const ShowOptions& o) {
  if (!o.out.empty()) {
    write_file(o.out, onnx::export_model(*load(o.model).module()));
    return 0;
  }
  Bytes file = map_file(o.model);
  if (LoadedModel::is_text(file)) {
    file = own(onnx::export_model(*load(o.model).module()));
    put(onnx_text(onnx::read_model(std::move(file), o.model)));
  } else {
    put(onnx_text(onnx::load_model(o.model)));
  }
  return 0;
}

int show_graph(const ShowOptions& o) {
  const ModuleText t = print(*load(o.model).module());
  if (o.out.empty()) {
    put(t.text);
    return 0;
  }
  write_file(o.out, t.text);
  if (!t.side.empty()) write_file(o.out + ".side", t.side);
  return 0;
}

}  // namespace

int show(const ShowOptions& o) { return o.as == "onnx" ? show_onnx(o) : show_graph(o); }

}  // namespace tauto::cli
