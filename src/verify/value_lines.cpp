// Values of machine code, and bounds of outputs: see value_lines.h.
#include "verify/value_lines.h"

#include <algorithm>
#include <cmath>

#include "verify/comparison.h"
#include "verify/error_propagation.h"
#include "verify/locate_stage.h"

namespace tauto::equivalence {
namespace {

// "conv1 (contract)", or where there is no name "%12 (contract)", "@body %3 (add)".
std::string name_of(const Module& m, const ValueCheck& c) {
  const Function& f = *m.functions.at(c.function);
  const Sources& sources = f.provenance[static_cast<size_t>(c.node)];
  std::string name = sources.empty() ? cat(c.function == "main" ? "" : cat("@", c.function, " "), "%", c.node)
                                     : m.sources[static_cast<size_t>(*sources.rbegin())];
  return cat(name, " (", f.node(c.node).op->name, ")");
}

int64_t samples_of(const Samples& s, const SameOptions& o, int64_t unit) {
  return std::min(s.count() / unit * unit, std::max<int64_t>(o.deep / unit, 1) * unit);
}

struct OutputBound {
  bool floats = false;
  // Of the worst element; |B - exact| by its bound; the largest value.
  double bound = 0, ratio = 0, scale = 0;
  // Elements of any size would be within it.
  bool says_nothing() const { return floats && !(bound <= scale) && !(bound == 0); }
  void merge(const OutputBound& b) {
    floats |= b.floats;
    bound = std::max(bound, b.bound), ratio = std::max(ratio, b.ratio), scale = std::max(scale, b.scale);
  }
};

std::vector<OutputBound> bounds_of(const ErrorPropagation& p, const NamedTypes& names,
                                   const std::vector<Value>& out) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<OutputBound> all(out.size());
  for (size_t k = 0; k < out.size(); ++k) {
    if (!out[k].is_tensor() || !out[k].tensor.type().is_float()) continue;
    OutputBound& o = all[k];
    o.floats = true;
    const std::vector<double> own = p.output_error(k, 64), v = as_doubles(out[k].tensor);
    const Tensor& centre = p.centre(k);
    if (centre.count() != static_cast<int64_t>(v.size())) fail("outputs of other sizes");
    for (size_t i = 0; i < v.size(); ++i) {
      const double c = centre.data<double>()[i], b = own.empty() ? 0 : own[i];
      if (!std::isfinite(c)) fail("an element of \"", names[k].first, "\" has no finite exact value");
      const double error = std::fabs(v[i] - c);  // of a NaN: compares with nothing
      o.bound = std::isnan(b) ? kInfinity : std::max(o.bound, b);
      o.scale = std::max(o.scale, std::fabs(c));
      o.ratio = std::max(o.ratio, error == 0 || std::isinf(o.bound) ? 0
                                  : !(b > 0) || std::isnan(error)   ? kInfinity
                                                                    : error / b);
    }
  }
  return all;
}

bool equal(const std::vector<Value>& a, const std::vector<Value>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

bool check_values(System& s, const Samples& samples, const SameOptions& o, SameResult& r) {
  const ModelOptions& how = *s.options();
  if (how.interpret) return false;
  Line line{"implementation", "Q -> binary", "numeric", std::nullopt, "", {}, true};
  const int64_t unit = samples.batched() ? std::max<int64_t>(samples.fixed(), 1) : 1;
  const int64_t count = samples_of(samples, o, unit);
  const Deadline deadline(o.proof_seconds / 3, o.cancelled);
  ProbeOptions all;
  all.all = true;
  std::shared_ptr<const Executable> probed;
  std::unique_ptr<RunChecks> checks;
  std::vector<ValueCheck>& values = r.values;
  int64_t runs = 0, changed = 0;
  for (int64_t first = 0; first + unit <= count && !deadline.is_over(); first += unit) {
    if (o.progress) o.progress("values", first, count);
    const RunInputs in = s.model().order(samples.inputs(first, unit));
    if (!probed) {
      probed = compile_for(s.model(), in, how, &all);
      checks = std::make_unique<RunChecks>(probed->module(), Order::Ours);
    }
    ExecuteOptions options;
    options.threads = how.threads;
    const ProbedRun run = run_probed(*probed, in.values, options);
    changed += !equal(run.results, s.run(in.values));
    const std::vector<ValueCheck> found = checks->check(in.values, run.values, false, deadline.enough());
    deadline.rethrow();
    ++runs;
    const auto bad = std::find_if(found.begin(), found.end(),
                                  [](const ValueCheck& c) { return c.trips > 0 && !c.worst.legal(); });
    if (bad != found.end()) {
      // Again up to there, so that what stands in `checks` is what it was.
      checks->check(in.values, run.values, true, nullptr);
      const StageFound stage = locate_stage(*compile_for(s.model(), in, how), *bad, *checks, Order::Ours);
      r.first_illegal = name_of(probed->module(), *bad);
      line.verdict = refuted(cat("node ", r.first_illegal, " is not legal: ", with_commas(bad->worst.outside),
                                 " of ", with_commas(bad->worst.elements), " elements outside, at worst ",
                                 short_text(bad->worst.ratio), " of its bound"));
      line.detail = line.verdict->reason;
      r.stage = stage.stage.empty() ? cat("no stage can be named: ", stage.what)
                                    : cat("stage ", stage.stage, ", kernel ", stage.kernel, ": ", stage.what);
      line.more.push_back(r.stage);
      if (r.witness < 0) r.witness = first;
      values = found;
      break;
    }
    merge(values, found);
  }
  int64_t looked = 0;
  const ValueCheck* worst = nullptr;
  for (const ValueCheck& c : values) {
    if (c.trips == 0 || c.worst.says_nothing()) continue;
    ++looked;
    if (!worst || c.worst.ratio > worst->worst.ratio) worst = &c;
  }
  for (const ValueCheck& c : values) r.value_names.push_back(name_of(probed->module(), c));
  if (!line.verdict) {
    if (changed > 0) {
      line.verdict = refuted(cat("with probes its results are others, on ", changed, " of ", runs, " runs"));
      line.detail = line.verdict->reason;
    } else if (looked == 0) {
      line.verdict = undecided(
          cat("no value was looked at within ", short_text(o.proof_seconds / 3), " s (--proofs SECONDS)"));
      line.detail = line.verdict->reason;
    } else {
      line.verdict.emplace();
      line.verdict->kind = Verdict::Kind::ProvedOnSet;
      line.verdict->n = runs * unit;
      line.detail =
          cat(with_commas(looked), " values inside, on ", runs * unit,
              runs * unit == 1 ? " input" : " inputs", "; worst ", name_of(probed->module(), *worst), ": ",
              short_text(worst->worst.ratio), " of its bound");
    }
  }
  r.lines.push_back(std::move(line));
  return true;
}

void bound_outputs(const Module& source, System& other, const Samples& samples, const SameOptions& o,
                   bool must_hold, Line& line) {
  const int64_t unit = samples.batched() ? std::max<int64_t>(samples.fixed(), 1) : 1;
  const int64_t count = samples_of(samples, o, unit);
  const Deadline deadline(o.proof_seconds / 3, o.cancelled);
  PropagationOptions how;
  how.cancelled = deadline.enough();
  ErrorPropagation propagation(source);
  const size_t outputs = other.outputs().size();
  std::vector<OutputBound> bounds(outputs);
  int64_t done = 0;
  std::string why, lost;
  try {
    for (int64_t first = 0; first + unit <= count; first += unit) {
      if (o.progress) o.progress("bounds", first, count);
      const std::vector<Value> inputs = samples.inputs(first, unit), out = other.run(inputs);
      propagation.run(inputs, how);
      const std::vector<OutputBound> found = bounds_of(propagation, other.outputs(), out);
      for (size_t k = 0; k < outputs; ++k) bounds[k].merge(found[k]);
      if (lost.empty()) lost = propagation.lost();
      done += unit;
    }
  } catch (const Cancelled&) {
    deadline.rethrow();
    why = cat("no bound within ", short_text(o.proof_seconds / 3), " s (--proofs SECONDS)");
  } catch (const Error& e) {
    why = e.what();
    done = 0;
  }
  const auto is_float = [](const OutputBound& b) { return b.floats; };
  if (done == 0 || std::none_of(bounds.begin(), bounds.end(), is_float)) {
    line.verdict = undecided(why.empty() ? "no output is of floats" : why);
    line.detail = cat("no bound: ", line.verdict->reason);
    return;
  }
  double worst = 0;
  std::string nothing;
  for (size_t k = 0; k < outputs; ++k) {
    const OutputBound& b = bounds[k];
    if (!b.floats) continue;
    worst = std::max(worst, b.ratio);
    const std::string name = cat('"', other.outputs()[k].first, '"');
    if (b.says_nothing() && nothing.empty())
      nothing = cat("the bound of ", name, " is beyond its values",
                    lost.empty() ? "" : cat(": radii exceed the values from ", lost, " on"));
    (line.detail.empty() ? line.detail : line.more.emplace_back()) =
        cat(name, ": legal executions of M within ", short_text(b.bound), " of the exact value (largest ",
            short_text(b.scale), "), on ", done, done == 1 ? " input" : " inputs", "; B at most ",
            short_text(b.ratio), " of that");
  }
  if (worst > 1 && must_hold) {
    line.verdict = refuted(cat("an output is ", short_text(worst), " of its bound off"));
    line.counts = true;
  } else if (!nothing.empty()) {
    line.verdict = undecided(nothing);
    line.more.insert(line.more.begin(), line.detail);
    line.detail = nothing;
  } else if (worst <= 1) {
    line.verdict.emplace();
    line.verdict->kind = Verdict::Kind::ProvedOnSet;
    line.verdict->n = done;
  }
}

}  // namespace tauto::equivalence
