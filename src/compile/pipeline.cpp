// The pipeline over graphs, see pipeline.h.
#include "compile/pipeline.h"

#include "passes/fold_constants.h"

namespace tauto {

const std::vector<GraphPass>& graph_passes() {
  static const std::vector<GraphPass> passes = {
      {"fold_constants", [](const Module& m) { return fold_constants(m); }},
  };
  return passes;
}

Module run_passes(const Module& m, const std::string& last) {
  Module result = m;
  for (const GraphPass& pass : graph_passes()) {
    result = pass.run(result);
    if (std::string why = verify(result); !why.empty()) throw InternalError(cat(pass.name, ": ", why));
    if (pass.name == last) return result;
  }
  CHECK(false, "no pass ", last);
}

}  // namespace tauto
