// The passes over graphs by name, in the order in which they run: what `tauto show --after PASS` stops at.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tauto {

struct GraphPass {
  const char* name;
  Module (*run)(const Module&);
};

const std::vector<GraphPass>& graph_passes();

// m after all passes up to and with `last`, which is the name of one.
Module run_passes(const Module& m, const std::string& last);

}  // namespace tauto
