// tauto show: a model as the text of its graph, or as the nodes of the ONNX file.
#include "cli/commands.h"
#include "cli/onnx_text.h"
#include "cli/progress.h"
#include "compile/loaded_model.h"
#include "graph/text.h"

namespace tauto::cli {
namespace {

int show_onnx(const ShowOptions& o) {
  if (LoadedModel::is_text(map_file(o.model)))
    fail("show: --as onnx: required an ONNX file, got the text of a graph, ", o.model);
  const std::string text = onnx_text(onnx::load_model(o.model));
  if (o.out.empty())
    put(text);
  else
    write_file(o.out, text);
  return 0;
}

int show_graph(const ShowOptions& o) {
  ModuleText t;
  {
    const Progress progress("loading");
    t = print(*LoadedModel::load(o.model).module());
  }
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
