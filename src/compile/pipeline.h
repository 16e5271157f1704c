// The stages by name, and the runner of the passes over graphs: each is switched off by TAUTO_OFF, timed, and
// dumped by TAUTO_DUMP if it changed something; what it made is verified.
#pragma once

#include <string>
#include <vector>

#include "compile/allowed.h"
#include "graph/graph.h"
#include "support/flags.h"

namespace tauto {

// In the order in which they run: what `tauto show --after PASS` stops at.
struct GraphPass {
  const char* name;
  Module (*run)(const Module&);
};
const std::vector<GraphPass>& graph_passes();

// Rewrites under a rounding contract (docs/contracts.md), in the order in which they are applied: what
// `--allow` may name.
struct RoundingPass {
  const char* name;
  const char* what;
  Module (*run)(const Module&);
};
std::span<const RoundingPass> rounding_passes();

// What TAUTO_OFF may name besides:
//   fuse       each node in a kernel of its own
//   layouts    every value row-major
//   bands      every kernel for all of its rows at once
//   schedule   loops as they are: no tiles, no lanes, no threads
//   kernels    no machine code: every node by its reference
//   specialise no programs for the sizes of a run: one for all sizes
inline constexpr const char* kLaterStages[] = {"fuse",     "layouts", "bands",
                                               "schedule", "kernels", "specialise"};

// The flags of the environment, these stages left out besides. Error: a name of no stage.
Flags compile_flags(const std::vector<std::string>& off = {});

// m after the passes over graphs and the allowed rewrites: the program whose bits everything below has to
// keep. Without any: m.
Module rewritten(const Module& m, const Allowed& allowed, const Flags& flags);

// m, for these sizes of main's symbols, after all passes up to and with `last`, which is the name of one; "":
// after all.
Module run_passes(const Module& m, const std::string& last, const Flags& flags, const Env& sizes = {});

}  // namespace tauto
