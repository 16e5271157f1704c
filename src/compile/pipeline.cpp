// The pipeline over graphs, see pipeline.h.
#include "compile/pipeline.h"

#include <chrono>

#include "graph/text.h"
#include "passes/fold_constants.h"
#include "passes/inline_calls.h"
#include "passes/sink_constants.h"
#include "passes/specialise.h"

namespace tauto {

const std::vector<GraphPass>& graph_passes() {
  static const std::vector<GraphPass> passes = {
      {"fold_constants", [](const Module& m) { return fold_constants(m); }},
      {"inline_calls", [](const Module& m) { return inline_calls(m); }},
      {"sink_constants", [](const Module& m) { return sink_constants(m); }},
  };
  return passes;
}

Flags compile_flags() {
  Flags flags = read_flags();
  std::vector<std::string> names;
  for (const GraphPass& pass : graph_passes()) names.emplace_back(pass.name);
  for (const char* stage : kLaterStages) names.emplace_back(stage);
  for (const std::string& off : flags.off) {
    bool known = false;
    std::string all;
    for (const std::string& name : names) {
      known |= name == off;
      all += (all.empty() ? "" : ", ") + name;
    }
    if (!known) fail("TAUTO_OFF: required a list of ", all, "; got \"", off, "\"");
  }
  return flags;
}

Module run_passes(const Module& m, const std::string& last, const Flags& flags, const Env& sizes) {
  const Dump dump(flags.dump);
  const auto write = [&](const Module& module, const std::string& stage) {
    if (!dump.on() && flags.debug < 5) return;
    const std::string text = print(module).text;
    if (dump.on()) dump.write(dump.next(stage) + ".graph", text);
    if (flags.debug >= 5) say(text);
  };
  write(m, "import");
  Module result = m;
  if (!sizes.values().empty()) {
    result = specialise(m, sizes);
    write(result, "specialise");
  }
  for (const GraphPass& pass : graph_passes()) {
    if (!flags.is_off(pass.name)) {
      const auto start = std::chrono::steady_clock::now();
      Module next = pass.run(result);
      const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
      const bool changed = !(next == result);
      // A graph that was wrong before says so itself, when it is run.
      if (std::string why = changed ? verify(next) : ""; !why.empty() && verify(result).empty())
        throw InternalError(cat(pass.name, ": ", why));
      if (flags.debug >= 2)
        say(cat("tauto: ", pass.name, ": ", changed ? "changed" : "no change", ", ",
                next.ledger.size() - result.ledger.size(), " rewrites, ",
                static_cast<int64_t>(time.count() * 1000), " us"));
      if (changed) {
        result = std::move(next);
        write(result, pass.name);
      }
    }
    if (pass.name == last) return result;
  }
  CHECK(last.empty(), "no pass ", last);
  return result;
}

}  // namespace tauto
