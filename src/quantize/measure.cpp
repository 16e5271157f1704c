// Timing of nodes, see measure.h.
#include "quantize/measure.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "compile/profile.h"

namespace tauto {
namespace {

constexpr double kSlower = 1.05;
constexpr int kRuns = 7, kRounds = 3;

}  // namespace

std::map<std::string, double> seconds_of_nodes(const Executable& e, const std::vector<Contraction>& of,
                                               const std::vector<Value>& inputs, int threads, int runs) {
  std::set<std::string> names;
  for (const Contraction& c : of) names.insert(c.node);
  std::map<std::string, double> least;
  ExecutionContext context;
  ExecuteOptions options;
  options.threads = threads;
  for (int i = 0; i <= runs; ++i) {  // the first warms up
    Profile p;
    options.profile = &p;
    e.run(inputs, options, context);
    if (i == 0) continue;
    std::map<std::string, double> now;
    for (const ProfileLine& l : lines_of(e, {p})) {
      // A kernel of several contractions' names is charged to the last: the others only write what it reads.
      std::string whose;
      for (const std::string& s : l.sources)
        if (names.count(s)) whose = s;
      const bool contracts =
          std::find(l.operators.begin(), l.operators.end(), "contract") != l.operators.end();
      if (contracts)
        for (const std::string& s : l.sources)
          if (names.count(s)) {
            whose = s;
            break;
          }
      if (!whose.empty()) now[whose] += l.seconds;
    }
    for (const auto& [name, s] : now) {
      const auto at = least.try_emplace(name, s).first;
      at->second = std::min(at->second, s);
    }
  }
  return least;
}

void drop_slower(PrecisionPlan& plan, const LoadedModel& source, const std::vector<Value>& inputs,
                 int threads, const std::function<bool()>* cancelled) {
  const std::shared_ptr<const Module> m = source.module();
  const std::vector<Contraction> all = contractions_of(*m);
  const auto f32_program = source.executable(source.order(inputs));
  for (int round = 0; round < kRounds; ++round) {
    const bool any = std::any_of(plan.nodes.begin(), plan.nodes.end(),
                                 [](const NodePrecision& n) { return n.how.system != NumberSystem::F32; });
    if (!any) return;
    if (cancelled && (*cancelled)()) throw Cancelled();
    const LoadedModel quantized = LoadedModel::of(with_precision(*m, plan));
    const auto program = quantized.executable(quantized.order(inputs));
    std::map<std::string, double> a, b;
    for (int turn = 0; turn < 3; ++turn) {
      for (auto* t : {&a, &b})
        for (const auto& [name, s] :
             seconds_of_nodes(t == &a ? *f32_program : *program, all, inputs, threads, kRuns)) {
          const auto at = t->try_emplace(name, s).first;
          at->second = std::min(at->second, s);
        }
    }
    bool dropped = false;
    for (NodePrecision& n : plan.nodes) {
      if (n.how.system == NumberSystem::F32 || !a.count(n.node) || !b.count(n.node)) continue;
      const double ratio = b[n.node] / a[n.node];
      if (ratio <= kSlower) continue;
      char text[80];
      std::snprintf(text, sizeof text, "%.2f times as slow as f32 in %s", ratio, text_of(n.how).c_str());
      n = {n.node, {}, text, 0, 0};
      n.how.system = NumberSystem::F32;
      dropped = true;
    }
    if (!dropped) return;
  }
}

}  // namespace tauto
