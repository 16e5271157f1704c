// tauto same: in what sense two systems are the same network. Reads the samples, runs the comparison
// (verify/same.h), prints its lines, writes what replays it.
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/random_inputs.h"
#include "cli/sizes.h"
#include "cli/value_files.h"
#include "graph/npy_tensor.h"
#include "support/npz.h"
#include "verify/outside_system.h"
#include "verify/report.h"
#include "verify/same_json.h"
#include "verify/same_region.h"

#include <charconv>

namespace tauto::cli {
namespace {

namespace eq = equivalence;

template <class T>
bool read_number(const std::string& s, T& v) {
  const auto [end, status] = std::from_chars(s.data(), s.data() + s.size(), v);
  return status == std::errc() && end == s.data() + s.size();
}

eq::Samples random_samples(const eq::System& a, int64_t count, const SameOptions& o) {
  const Env sizes = sizes_of(o.dims, a.model(), "same");
  NamedValues data;
  for (const auto& [name, type] : a.inputs()) {
    if (!type.is_tensor() || !type.ranked)
      fail("same: --sample: required inputs that are tensors, got \"", name, "\": ", type);
    Type stacked = type;
    stacked.dims.insert(stacked.dims.begin(), Dim(count));
    // A batch axis that is open holds the samples itself.
    if (type.rank() > 0 && !type.dims[0].is_literal() && !sizes.lookup(text_of(type.dims[0]))) {
      stacked.dims.erase(stacked.dims.begin());
      stacked.dims[0] = Dim(count);
    }
    data.emplace_back(name, random_value(stacked, sizes, o.seed, name));
  }
  return eq::Samples::of(std::move(data), a.inputs(), a.outputs(), cat("random:", count, ", seed ", o.seed));
}

eq::Samples samples_for(const eq::System& a, const SameOptions& o) {
  if (!o.data.empty()) {
    if (!o.box.empty() || !o.sample.empty()) fail("same: --data: required no --box and no --sample with it");
    if (eq::has_pictures(o.data))
      return eq::Samples::of(eq::read_pictures(o.data, a.inputs(), {}), a.inputs(), a.outputs(), o.data);
    return eq::Samples::of(read_values(o.data, a.model()), a.inputs(), a.outputs(), o.data);
  }
  if (o.box.empty() && o.sample.empty()) return random_samples(a, 8, o);
  int64_t count = 0;
  if (o.sample.starts_with("random:") && o.box.empty() && read_number(o.sample.substr(7), count) && count > 0)
    return random_samples(a, count, o);
  return eq::Samples::drawn(o.sample.empty() ? "uniform:1000" : o.sample, o.box, o.seed, a.inputs(),
                            a.outputs());
}

std::vector<std::pair<std::string, std::string>> options_of(const SameOptions& o) {
  std::vector<std::pair<std::string, std::string>> list;
  const auto add = [&](const char* name, const std::string& value, const std::string& standard = "") {
    if (value != standard) list.emplace_back(name, value);
  };
  add("--data", o.data);
  add("--box", o.box);
  add("--sample", o.sample);
  for (const std::string& d : o.dims) add("--dim", d);
  add("--level", o.level);
  add("--decision", o.decision);
  add("--output", o.output);
  add("--budget", o.budget);
  add("--stop-early", o.stop_early ? "yes" : "");
  add("--deep", cat(o.deep), "4");
  add("--proofs", cat(o.proofs), "60");
  add("--seed", cat(o.seed), "1");
  add("--epsilon", o.epsilon ? cat(*o.epsilon) : "");
  add("--threads", cat(o.threads), "0");
  add("--seconds", cat(o.seconds), cat(0.0));
  add("--boxes", cat(o.boxes), "0");
  return list;
}

SameOptions options_from(const eq::SameRequest& r) {
  SameOptions o;
  o.a = r.a;
  o.b = r.b;
  for (const auto& [name, value] : r.options) {
    if (name == "--data") o.data = value;
    if (name == "--box") o.box = value;
    if (name == "--sample") o.sample = value;
    if (name == "--dim") o.dims.push_back(value);
    if (name == "--level") o.level = value;
    if (name == "--decision") o.decision = value;
    if (name == "--output") o.output = value;
    if (name == "--budget") o.budget = value;
    if (name == "--stop-early") o.stop_early = true;
    bool good = true;
    if (name == "--deep") good = read_number(value, o.deep);
    if (name == "--proofs") good = read_number(value, o.proofs);
    if (name == "--seed") good = read_number(value, o.seed);
    if (name == "--epsilon") good = read_number(value, o.epsilon.emplace());
    if (name == "--threads") good = read_number(value, o.threads);
    if (name == "--seconds") good = read_number(value, o.seconds);
    if (name == "--boxes") good = read_number(value, o.boxes);
    if (!good) fail("same: --replay: ", name, ": required a number, got \"", value, "\"");
  }
  return o;
}

// The input, and what each of the two made of it: A.NAME, B.NAME.
void write_witness(const std::string& path, eq::System& a, eq::System& b, const eq::Samples& s,
                   int64_t sample) {
  const int64_t unit = s.batched() ? std::max<int64_t>(s.fixed(), 1) : 1;
  const std::vector<Value> inputs = s.inputs(sample / unit * unit, unit);
  NamedArrays arrays;
  for (size_t i = 0; i < inputs.size(); ++i)
    arrays.emplace_back(a.inputs()[i].first, array_of(inputs[i].tensor));
  for (const auto& [prefix, system] : {std::pair("A.", &a), std::pair("B.", &b)}) {
    const std::vector<Value> out = system->run(inputs);
    for (size_t k = 0; k < out.size(); ++k)
      if (out[k].is_tensor())
        arrays.emplace_back(prefix + system->outputs()[k].first, array_of(out[k].tensor));
  }
  write_file(path, write_npz(arrays));
}

// Runs the stored input again, and says whether both still answer as they did.
int replay_witness(const eq::Replay& replay) {
  const auto a = eq::open_system(replay.request.a), b = eq::open_system(replay.request.b);
  const NamedArrays stored = read_npz(map_file(replay.request.witness), replay.request.witness);
  const auto find = [&](const std::string& name) -> const NpyArray& {
    for (const auto& [n, array] : stored)
      if (n == name) return array;
    fail("same: --replay: ", replay.request.witness, ": required an array \"", name, "\", got none");
  };
  std::vector<Value> inputs;
  for (const auto& [name, type] : a->inputs()) inputs.emplace_back(tensor_of(find(name), type, name));
  bool again = true, differ = false;
  std::vector<std::vector<Value>> answers;
  for (const auto& [prefix, system] : {std::pair("A.", a.get()), std::pair("B.", b.get())}) {
    answers.push_back(system->run(inputs));
    for (size_t k = 0; k < answers.back().size(); ++k) {
      const auto& [name, type] = system->outputs()[k];
      const Value& v = answers.back()[k];
      if (v.is_tensor()) again &= v.tensor == tensor_of(find(prefix + name), type, name);
      put(cat(prefix, name, ": ", text_of(type_of(v)), "\n"));
    }
  }
  for (size_t k = 0; k < answers[0].size(); ++k) differ |= !(answers[0][k] == answers[1][k]);
  put(cat("sample ", replay.sample, ": ", again ? "the same answers as before" : "other answers than before",
          ", ", differ ? "which differ" : "which are equal", "\n"));
  return again && differ ? 0 : kExitDiffers;
}

std::string stem_of(const std::string& path, const std::string& end) {
  return path.ends_with(end) ? path.substr(0, path.size() - end.size()) : path;
}

}  // namespace

namespace {

struct Compared {
  std::unique_ptr<eq::System> a, b;
  eq::Samples samples;
  eq::SameResult result;
};

Compared compare(const SameOptions& o, const std::string& where) {
  const Interruptible interruptible;
  eq::SameOptions options;
  if (!o.decision.empty()) options.rule = eq::parse_decision(o.decision);
  if (!o.budget.empty()) options.budget = eq::parse_budget(o.budget);
  if (o.stop_early && !options.budget.flips)
    fail(where, ": --stop-early: required --budget \"flips=…\" with it");
  options.output = o.output;
  options.level = o.level;
  options.stop_early = o.stop_early;
  options.seed = o.seed;
  options.deep = o.deep;
  options.proof_seconds = o.proofs;
  options.cancelled = &interruptible.cancelled;
  if (!o.level.empty()) {
    options.bitwise = o.level == "bitwise";
    options.numeric = o.level == "numeric";
    options.decision = o.level == "decision";
  }
  Compared c;
  {
    const Progress progress("loading");
    c.a = eq::open_system(o.a);
    c.b = eq::open_system(o.b);
  }
  eq::require_same_interface(*c.a, *c.b);
  c.samples = samples_for(*c.a, o);
  std::string stage;
  std::unique_ptr<Progress> progress;
  int64_t shown = 0;
  options.progress = [&](const std::string& now, int64_t done, int64_t total) {
    if (now != stage) {
      stage = now;
      progress.reset();
      progress = std::make_unique<Progress>(now);
      shown = 0;
    }
    progress->set_total(total);
    for (; shown < done; ++shown) progress->step();
  };
  c.result = eq::same(*c.a, *c.b, c.samples, options);
  return c;
}

// For every input of the box, instead of samples.
Compared compare_region(const SameOptions& o) {
  if (o.box.empty()) fail("same: --epsilon: required --box with it");
  for (const auto& [name, given] :
       {std::pair("--data", &o.data), std::pair("--sample", &o.sample), std::pair("--budget", &o.budget),
        std::pair("--level", &o.level), std::pair("--report", &o.report), std::pair("--output", &o.output)})
    if (!given->empty()) fail("same: --epsilon: required no ", name, " with it");
  const Interruptible interruptible;
  eq::RegionOptions options;
  options.epsilon = *o.epsilon;
  if (!o.decision.empty()) options.rule = eq::parse_decision(o.decision);
  options.threads = o.threads;
  options.seconds = o.seconds;
  options.most_boxes = o.boxes;
  options.state = o.state;
  options.cancelled = &interruptible.cancelled;
  Compared c;
  {
    const Progress progress("loading");
    c.a = eq::open_system(o.a);
    c.b = eq::open_system(o.b);
  }
  eq::require_same_interface(*c.a, *c.b);
  constexpr int64_t kSteps = 1000;
  std::unique_ptr<Progress> progress;
  int64_t shown = 0;
  options.progress = [&](const std::string& goal, double closed) {
    if (closed < 0) {
      progress = std::make_unique<Progress>(goal, "of the volume proved");
      progress->set_total(kSteps);
      shown = 0;
      return;
    }
    for (; shown < static_cast<int64_t>(closed * kSteps); ++shown) progress->step();
  };
  eq::RegionResult r = eq::same_in_region(*c.a, *c.b, o.box, options);
  progress.reset();
  c.result = std::move(r.result);
  if (c.result.witness >= 0)
    c.samples = eq::Samples::of({{c.a->inputs()[0].first, std::move(r.witness)}}, c.a->inputs(),
                                c.a->outputs(), o.box);
  return c;
}

}  // namespace

bool is_shown(const CompileOptions& options) {
  SameOptions o;
  o.a = cat('"', options.model, '"');
  o.b = o.a;
  if (!options.allow.empty()) o.b += cat(" --allow ", options.allow);
  if (!options.precision.empty()) o.b += cat(" --precision ", options.precision);
  if (!options.calibration.empty()) o.b += cat(" --calibrate \"", options.calibration, '"');
  o.data = options.data;
  o.dims = options.dims;
  for (const std::string& word : split_words(options.require, "compile: --require")) {
    if (word.find('=') != std::string::npos)
      o.budget += cat(o.budget.empty() ? "" : " ", word);
    else if (word == "bitwise" || word == "numeric")
      o.level = word;
    else if (word != "decision")
      o.decision = word;
  }
  if (o.level.empty() == o.decision.empty())
    fail("compile: --require: required bitwise, numeric, or a decision with its budget, got \"",
         options.require, "\"");
  const Compared c = compare(o, "compile");
  put("\n" + text_of(c.result) + "\n");
  std::string why;
  for (const eq::Line& l : c.result.lines)
    if (l.counts && l.verdict && !l.verdict->holds()) why += cat(why.empty() ? "" : "; ", l.verdict->reason);
  if (!why.empty()) std::fputs(cat("tauto: compile: --require: ", why, "\n").c_str(), stderr);
  return why.empty();
}

int same(const SameOptions& given) {
  SameOptions o = given;
  std::optional<eq::Replay> replay;
  if (!o.replay.empty()) {
    if (!o.a.empty()) fail("same: --replay: required no models with it, got \"", o.a, "\"");
    replay = eq::read_replay(map_file(o.replay).text(), o.replay);
    if (!replay->request.witness.empty()) return replay_witness(*replay);
    o = options_from(replay->request);
    o.report = given.report;
    o.json = given.json;
  } else if (o.a.empty() || o.b.empty()) {
    fail("same: required two models, A and B, or --replay FILE, got ", o.a.empty() ? "none" : "one");
  }
  if (!o.report.empty() && !o.report.ends_with(".html"))
    fail("same: --report: required a name that ends in .html, got \"", o.report, "\"");
  if (!o.epsilon)
    for (const auto& [name, given] :
         {std::pair("--threads", o.threads != 0), std::pair("--seconds", o.seconds != 0),
          std::pair("--boxes", o.boxes != 0), std::pair("--state", !o.state.empty())})
      if (given) fail("same: ", name, ": required --epsilon with it");
  Compared c = o.epsilon ? compare_region(o) : compare(o, "same");
  eq::SameResult& result = c.result;
  put("\n" + text_of(result));

  const std::string json = !o.report.empty() ? stem_of(o.report, ".html") + ".json" : o.json;
  eq::SameRequest request{o.a, o.b, options_of(o), ""};
  if (!json.empty()) {
    if (result.witness >= 0) {
      request.witness = stem_of(json, ".json") + ".witness.npz";
      write_witness(request.witness, *c.a, *c.b, c.samples, result.witness);
      for (eq::Line& l : result.lines)
        if (l.verdict && l.verdict->kind == eq::Verdict::Kind::Refuted) l.verdict->witness = request.witness;
    }
    const std::string text = eq::json_of(result, request);
    write_file(json, text);
    if (!o.report.empty()) write_file(o.report, eq::report_page(text, c.samples, c.a->inputs(), result));
    put(cat("\n  ", o.report.empty() ? "" : cat("report: ", o.report, "      "),
            "replay: tauto same --replay ", json, "\n"));
  }
  if (replay) {
    bool alike = replay->verdicts.size() == result.lines.size();
    for (size_t i = 0; alike && i < result.lines.size(); ++i)
      alike =
          replay->verdicts[i] == (result.lines[i].verdict ? eq::text_of(result.lines[i].verdict->kind) : "");
    put(alike ? "\n  the same verdicts as before\n" : "\n  other verdicts than before\n");
    if (!alike) return kExitDiffers;
  }
  return result.holds() ? 0 : kExitDiffers;
}

}  // namespace tauto::cli
