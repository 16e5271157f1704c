// The pipeline over graphs, see pipeline.h.
#include "compile/pipeline.h"

#include <chrono>

#include "graph/text.h"
#include "passes/bits.h"
#include "passes/copy_results.h"
#include "passes/flush_to_zero.h"
#include "passes/fold_constants.h"
#include "passes/inline_calls.h"
#include "passes/integers.h"
#include "passes/narrow_weights.h"
#include "passes/online_softmax.h"
#include "passes/phases.h"
#include "passes/reassociate.h"
#include "passes/requantize.h"
#include "passes/sink_constants.h"
#include "passes/specialise.h"
#include "passes/tables.h"
#include "passes/thresholds.h"
#include "passes/winograd.h"
#include "passes/zero_points.h"

namespace tauto {

const std::vector<GraphPass>& graph_passes() {
  static const std::vector<GraphPass> passes = {
      {"fold_constants", [](const Module& m) { return fold_constants(m); }},
      {"inline_calls", [](const Module& m) { return inline_calls(m); }},
      {"sink_constants", [](const Module& m) { return sink_constants(m); }},
      {"integers", [](const Module& m) { return integers(m); }},
      {"phases", [](const Module& m) { return phases(m); }},
      {"thresholds", [](const Module& m) { return thresholds(m); }},
      {"bits", [](const Module& m) { return bits(m); }},
      {"zero_points", [](const Module& m) { return zero_points(m); }},
      {"tables", [](const Module& m) { return tables(m); }},
      {"requantize", [](const Module& m) { return requantize(m); }},
      {"narrow_weights", [](const Module& m) { return narrow_weights(m); }},
      {"copy_results", [](const Module& m) { return copy_results(m); }},
  };
  return passes;
}

std::span<const RoundingPass> rounding_passes() {
  static const std::vector<RoundingPass> passes = {
      {"online-softmax", "sums of exponentials under a running maximum",
       [](const Module& m) { return online_softmax(m); }},
      {"reassociate", "long sums with few results, added pairwise",
       [](const Module& m) { return reassociate(m); }},
      {"winograd", "fewer products for 3x3 convolutions of stride 1",
       [](const Module& m) { return winograd(m); }},
      {"flush-to-zero", "no denormal numbers", [](const Module& m) { return flush_to_zero(m); }},
  };
  return passes;
}

Flags compile_flags(const std::vector<std::string>& more) {
  Flags flags = read_flags();
  const size_t from_environment = flags.off.size();
  flags.off.insert(flags.off.end(), more.begin(), more.end());
  std::vector<std::string> names;
  for (const GraphPass& pass : graph_passes()) names.emplace_back(pass.name);
  for (const RoundingPass& pass : rounding_passes()) names.emplace_back(pass.name);
  for (const char* stage : kLaterStages) names.emplace_back(stage);
  for (size_t i = 0; i < flags.off.size(); ++i) {
    const std::string& off = flags.off[i];
    bool known = false;
    std::string all;
    for (const std::string& name : names) {
      known |= name == off;
      all += (all.empty() ? "" : ", ") + name;
    }
    if (!known)
      fail(i < from_environment ? "TAUTO_OFF" : "off", ": required a list of ", all, "; got \"", off, "\"");
  }
  return flags;
}

namespace {

// Runs passes one by one, as the flags have it.
class Runner {
 public:
  Module now;

  Runner(Module m, const Flags& flags) : now(std::move(m)), flags_(flags), dump_(flags.dump) {
    write("import");
  }

  template <class Pass>
  void run(const char* name, const Pass& pass) {
    if (flags_.is_off(name)) return;
    const auto start = std::chrono::steady_clock::now();
    Module next = pass(now);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    const bool changed = !(next == now);
    // A graph that was wrong before says so itself, when it is run.
    if (std::string why = changed ? verify(next) : ""; !why.empty() && verify(now).empty())
      throw InternalError(cat(name, ": ", why));
    if (flags_.debug >= 2)
      say(cat("tauto: ", name, ": ", changed ? "changed" : "no change", ", ",
              next.ledger.size() - now.ledger.size(), " rewrites, ",
              static_cast<int64_t>(time.count() * 1000), " us"));
    if (!changed) return;
    now = std::move(next);
    write(name);
  }

  void write(const std::string& stage) const {
    if (!dump_.on() && flags_.debug < 5) return;
    const std::string text = print(now).text;
    if (dump_.on()) dump_.write(dump_.next(stage) + ".graph", text);
    if (flags_.debug >= 5) say(text);
  }

 private:
  const Flags& flags_;
  const Dump dump_;
};

}  // namespace

Module rewritten(const Module& m, const Allowed& allowed, const Flags& flags) {
  if (allowed.empty()) return m;
  Runner r(m, flags);
  // Structure shows when what is known is folded.
  for (const GraphPass& pass : graph_passes()) r.run(pass.name, pass.run);
  for (const RoundingPass& pass : rounding_passes())
    if (allowed.has(pass.name)) r.run(pass.name, pass.run);
  // What rewrites compute from constants is rounded here, once.
  r.run("fold_constants", [](const Module& m) { return fold_constants(m); });
  return std::move(r.now);
}

Module run_passes(const Module& m, const std::string& last, const Flags& flags, const Env& sizes) {
  Runner r(m, flags);
  if (!sizes.values().empty()) {
    r.now = specialise(m, sizes);
    r.write("specialise");
  }
  for (const GraphPass& pass : graph_passes()) {
    r.run(pass.name, pass.run);
    if (pass.name == last) return std::move(r.now);
  }
  CHECK(last.empty(), "no pass ", last);
  return std::move(r.now);
}

}  // namespace tauto
