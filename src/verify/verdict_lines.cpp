// The legs, level by level: each line and its verdict.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <set>

#include "verify/comparison.h"
#include "verify/implementation_leg.h"
#include "verify/value_lines.h"

namespace tauto::equivalence {

void Comparison::implementation() {
  System* ours = !b_.is_outside() ? &b_ : !a_.is_outside() ? &a_ : nullptr;
  if (!ours) return;
  const auto added = [&](const char* level) {
    Line& line = r_.lines.back();
    line.counts = o_.level.empty() || o_.level == level;
    if (ours == &a_) line.path = "M -> binary";
    implementation_wrong_ |= line.verdict->kind == Verdict::Kind::Refuted;
  };
  if (o_.bitwise) {
    implementation_leg(*ours, s_, o_, r_);
    added("bitwise");
  }
  // Beside an outside implementation ours is not what was asked about.
  if (o_.numeric && (o_.level.empty() ? !a_.is_outside() && !b_.is_outside() : ours == &b_))
    if (check_values(*ours, s_, o_, r_)) added("numeric");
}

void Comparison::approximation() {
  const bool outside = a_.is_outside() || b_.is_outside();
  const std::string leg = outside ? "outside" : "approximation";
  const std::string path = outside ? cat("M -> ", (b_.is_outside() ? b_ : a_).describe()) : "M -> Q";
  if (o_.bitwise) bitwise(leg, path, outside);
  if (o_.numeric && (outside || !one_program_)) numeric(leg, path);
  if (o_.numeric && !a_.is_outside()) {
    Line line{leg, path, "outputs", std::nullopt, "", {}, false};
    // A program that was allowed to change may leave the bound of the source's own executions.
    bound_outputs(*source_, b_, s_, o_, outside || one_program_, line);
    r_.lines.push_back(std::move(line));
  }
  if (o_.rule && o_.decision) decision(leg, path);
  if (o_.rule && !r_.flips.empty()) charge();
}

// Are they one program, or at least equal on the samples?
void Comparison::bitwise(const std::string& leg, const std::string& path, bool outside) {
  Line line{leg, path, "bitwise", std::nullopt, "", {}, o_.level == "bitwise"};
  if (one_program_ && !outside) {
    line.verdict.emplace();
    line.verdict->kind = Verdict::Kind::Proved;
    line.detail = "M and Q are one program";
    if (r_.equal_bits < r_.compared) {
      // The machine code of one of them is wrong; the implementation leg looks at one of the two.
      line.verdict = refuted(cat("yet ", with_commas(r_.compared - r_.equal_bits), " of ",
                                 with_commas(r_.compared), " samples have other bits"));
      line.detail += ", " + line.verdict->reason;
      line.counts = true;
      if (r_.witness < 0) r_.witness = first_difference_;
    }
  } else {
    line.detail = cat("equal bits on ", with_commas(r_.equal_bits), " of ", with_commas(r_.compared));
    if (r_.equal_bits == r_.compared) {
      line.verdict.emplace();
      line.verdict->kind = Verdict::Kind::ProvedOnSet;
      line.verdict->n = r_.compared;
    } else if (o_.level == "bitwise") {
      line.verdict = refuted(
          cat("other bits on ", with_commas(r_.compared - r_.equal_bits), " of ", with_commas(r_.compared)));
      if (r_.witness < 0) r_.witness = first_difference_;
    }
    for (const OutputDifference& d : r_.differences)
      if (d.differ > 0)
        line.more.push_back(cat("output \"", d.name, "\": ", with_commas(d.differ), " of ",
                                with_commas(d.elements), " elements differ, at most ", short_text(d.most),
                                " (largest value ", short_text(d.scale), ")"));
  }
  r_.lines.push_back(std::move(line));
}

namespace {

// The largest difference of two runs' outputs.
double distance(const std::vector<Value>& a, const std::vector<Value>& b) {
  double most = 0;
  for (size_t k = 0; k < a.size() && k < b.size(); ++k) {
    if (!a[k].is_tensor() || !b[k].is_tensor() || a[k].tensor.type().is_string()) continue;
    const std::vector<double> x = as_doubles(a[k].tensor), y = as_doubles(b[k].tensor);
    if (x.size() != y.size()) return std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < x.size(); ++i)
      if (x[i] != y[i] && !(std::isnan(x[i]) && std::isnan(y[i]))) {
        const double d = std::fabs(x[i] - y[i]);
        most = std::max(most, std::isnan(d) ? std::numeric_limits<double>::infinity() : d);
      }
  }
  return most;
}

}  // namespace

// Which values one must not ask for, if one wants to see what it computes unasked: those of one sort of
// operators at a time. Where asking brings its answer to the source's, it computes something else in place of
// these operators and those around them.
void Comparison::cut_by_operators(System& judged, const Module& graph, const std::vector<Value>& inputs,
                                  Line& line) {
  constexpr size_t kMostSorts = 40;
  System& source = &judged == &b_ ? a_ : b_;
  const std::vector<Value> plain = judged.run(inputs), wanted = source.run(inputs);
  std::map<std::string, std::vector<std::string>> sorts;
  for (const SourceEdge& n : source_graph(graph)) sorts[n.op].push_back(n.node);
  double asked_off = 0;
  std::string changing;
  for (const auto& [op, nodes] : sorts) {
    if (r_.cuts.size() == kMostSorts) break;
    if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
    if (o_.progress)
      o_.progress("cuts", static_cast<int64_t>(r_.cuts.size()),
                  static_cast<int64_t>(std::min(sorts.size(), kMostSorts)));
    std::vector<Value> asked;
    judged.values(inputs, nodes, &asked);
    r_.cuts.push_back(
        {op, static_cast<int64_t>(nodes.size()), distance(plain, asked), distance(wanted, asked)});
  }
  std::vector<Value> asked;
  judged.values(inputs, source_nodes(graph), &asked);
  asked_off = distance(wanted, asked);
  std::vector<CutRow> by_change = r_.cuts;
  std::stable_sort(by_change.begin(), by_change.end(),
                   [](const CutRow& x, const CutRow& y) { return x.changes > y.changes; });
  for (size_t i = 0; i < by_change.size() && i < 4 && by_change[i].changes > 0; ++i)
    changing += cat(changing.empty() ? "" : ", ", by_change[i].op, " (by ", short_text(by_change[i].changes),
                    ", then off by ", short_text(by_change[i].off), ")");
  line.more.push_back(cat("its answer is off by ", short_text(distance(wanted, plain)), " unasked, by ",
                          short_text(asked_off),
                          " asked for all; asked for one sort of values it changes most by ",
                          changing.empty() ? "none" : changing));
}

// Whose values are held against what is legal, and in whose graph.
void Comparison::numeric(const std::string& leg, const std::string& path) {
  Line line{leg, path, "numeric", std::nullopt, "", {}, o_.level.empty() ? !o_.rule : o_.level == "numeric"};
  System& judged = b_.is_outside() || !a_.is_outside() ? b_ : a_;
  const Module& graph = judged.is_outside() ? *program_of(judged) : *source_;
  const std::vector<std::string> names = source_nodes(graph);
  const int64_t unit = this->unit();
  const int64_t count = std::min(s_.count(), std::max<int64_t>(o_.deep / unit, 1) * unit);
  int64_t asked_differs = 0, runs = 0, first_bad = -1;
  for (int64_t first = 0; first + unit <= count; first += unit) {
    if (o_.progress) o_.progress("nodes", first, count);
    const std::vector<Value> inputs = s_.inputs(first, unit);
    std::vector<Value> asked;
    const NodeValues values = judged.values(inputs, names, &asked);
    if (judged.is_outside()) {
      const std::vector<Value> plain = judged.run(inputs);
      bool equal = true;
      for (size_t k = 0; k < plain.size(); ++k) equal &= plain[k] == asked[k];
      asked_differs += !equal;
    }
    ++runs;
    merge(r_.nodes, check_sources(graph, inputs, values, o_.cancelled));
    const bool bad =
        std::any_of(r_.nodes.begin(), r_.nodes.end(), [](const SourceCheck& c) { return c.outside > 0; });
    if (bad && first_bad < 0) first_bad = first;
  }
  if (judged.is_outside())
    r_.cut_effect = asked_differs == 0
                        ? cat("asking for its values left its own answers as they were, on ", runs, " runs")
                        : cat("asking for its values changed its own answers, on ", asked_differs, " of ",
                              runs, " runs: what is said of its nodes is said of the program it then was");
  // What the ledger says is another number system is no rounding of the source's node, and was never said to be.
  std::set<std::string> quantized;
  if (!judged.is_outside() && &judged == &b_)
    for (const LedgerEntry& e : program_->ledger)
      if (e.contract.kind == ContractKind::Quantizing) quantized.insert(e.sources.begin(), e.sources.end());
  const SourceCheck *worst = nullptr, *first_illegal = nullptr;
  int64_t looked = 0, other = 0;
  for (const SourceCheck& c : r_.nodes) {
    if (!c.skipped.empty()) continue;
    if (quantized.count(c.node)) {
      ++other;
      continue;
    }
    if (c.elements == c.unbounded) continue;
    ++looked;
    if (!worst || c.worst > worst->worst) worst = &c;
    if (c.outside > 0 && !first_illegal) first_illegal = &c;
  }
  const std::string on = cat(with_commas(looked), " of ", with_commas(static_cast<int64_t>(r_.nodes.size())),
                             " nodes on ", count, count == 1 ? " input" : " inputs");
  if (looked == 0) {
    line.verdict = undecided(other > 0 ? "every node that was found is quantized"
                                       : "no node of the one is found in the other");
    line.detail = line.verdict->reason;
  } else if (first_illegal) {
    r_.first_illegal = first_illegal->node;
    line.verdict = refuted(cat("node ", first_illegal->node, " (", first_illegal->op,
                               ") is not legal: ", with_commas(first_illegal->outside), " of ",
                               with_commas(first_illegal->elements), " elements outside, at worst ",
                               short_text(first_illegal->worst), " of its bound"));
    line.detail = line.verdict->reason;
    if (r_.witness < 0) r_.witness = first_bad;
  } else {
    line.verdict.emplace();
    line.verdict->kind = Verdict::Kind::ProvedOnSet;
    line.verdict->n = count;
    char ratio[32];
    std::snprintf(ratio, sizeof ratio, "%.2f", worst->worst);
    line.detail = cat(on, "; worst ", worst->node, ": ", ratio, " of its bound");
  }
  if (first_illegal) {
    line.more.push_back(on);
    // Which rewrite made it so, of those that were allowed.
    for (const LedgerEntry& e : program_->ledger)
      if (!judged.is_outside() &&
          std::find(e.sources.begin(), e.sources.end(), first_illegal->node) != e.sources.end())
        line.more.push_back(cat("rewritten there: ", tauto::text_of(e)));
  }
  if (other > 0)
    line.more.push_back(cat(other, other == 1 ? " node is" : " nodes are",
                            " quantized, as the ledger says: not judged here"));
  if (!r_.cut_effect.empty() && asked_differs > 0) {
    line.more.push_back(r_.cut_effect);
    cut_by_operators(judged, graph, s_.inputs(0, unit), line);
  }
  r_.lines.push_back(std::move(line));
}

// Is every bit of the source's, by proof? Then so is every decision.
std::optional<Verdict::Kind> Comparison::same_bits() const {
  if (!one_program_ || a_.is_outside() || b_.is_outside()) return std::nullopt;
  for (const Line& l : r_.lines)
    if (l.leg == "implementation" && l.verdict &&
        (l.verdict->kind == Verdict::Kind::Proved || l.verdict->kind == Verdict::Kind::ProvedOnShapes))
      return l.verdict->kind;
  return std::nullopt;
}

void Comparison::decision(const std::string& leg, const std::string& path) {
  Line line{leg, path, "decision", std::nullopt, "", {}, o_.level.empty() || o_.level == "decision"};
  const int64_t n = r_.compared - std::min(r_.nan_a, r_.nan_b);
  const double confidence = o_.budget.confidence;
  const int64_t unexcused = flips_ - excused_;
  line.detail = cat("flips ", with_commas(flips_), " / ", with_commas(n));
  const double upper = n == 0                         ? 1
                       : o_.stop_early && sequential_ ? sequential_->upper_rate()
                                                      : equivalence::upper_rate(flips_, n, confidence);
  // Looking while inputs came in spoils the bounds of a fixed n.
  const double lower = n == 0                         ? 0
                       : o_.stop_early && sequential_ ? sequential_->lower_rate()
                                                      : equivalence::lower_rate(flips_, n, confidence);
  const auto too_many = [&] {
    return refuted(cat("flips >= ", percent(lower, Round::Down), " at ", percent(confidence)));
  };
  if (n > 0) line.detail += cat(", <= ", percent(upper, Round::Up), " at ", percent(confidence));
  if (stopped_)
    line.detail += cat(", stopped after ", with_commas(r_.compared), " of ", with_commas(r_.samples));
  if (o_.budget.flips) line.detail += cat("   (budget ", percent(*o_.budget.flips), ")");
  const auto supported = [&] {
    Verdict v;
    v.kind = Verdict::Kind::Supported;
    v.rate = upper;
    v.alpha = 1 - confidence;
    v.n = n;
    return v;
  };
  const std::string what = custom_ || o_.rule->kind == DecisionRule::Kind::Boxes
                               ? "an output"
                               : cat("output \"", a_.outputs()[decides_].first, '"');
  if (r_.nan_a > 0 && r_.nan_a >= r_.nan_b) {
    line.verdict = undecided(cat(what, " of the source is NaN on ", with_commas(r_.nan_a), " of ",
                                 with_commas(r_.compared), " samples"));
    line.more.push_back(line.verdict->reason);
  } else if (r_.nan_b > r_.nan_a) {
    line.verdict = refuted(cat(what, " is NaN on ", with_commas(r_.nan_b), " of ", with_commas(r_.compared),
                               " samples, on ", with_commas(r_.nan_a), " of the source"));
    line.more.push_back(line.verdict->reason);
  } else if (const std::optional<Verdict::Kind> proof = same_bits(); proof && flips_ == 0) {
    line.verdict.emplace();
    line.verdict->kind = *proof;
    line.more.push_back(
        "M and Q are one program, and its machine code is proved: the same decision for all inputs");
  } else if (o_.budget.flips) {
    const std::optional<int64_t> least = needed_inputs(0, *o_.budget.flips, confidence);
    if (upper <= *o_.budget.flips) {
      line.verdict = supported();
    } else if (least && n < *least && !o_.stop_early) {
      line.verdict = undecided(cat("flips <= ", percent(*o_.budget.flips), " at ", percent(confidence),
                                   " needs at least ", with_commas(*least), " inputs without a flip; ",
                                   with_commas(n), n == 1 ? " was given" : " were given"));
      line.more.push_back(line.verdict->reason);
      if (lower > *o_.budget.flips) line.verdict = too_many();
    } else if (lower > *o_.budget.flips ||
               (sequential_ && o_.stop_early && sequential_->answer() == SequentialTest::Answer::Above)) {
      line.verdict = too_many();
      line.more.push_back(line.verdict->reason);
    } else {
      const std::optional<int64_t> more = needed_inputs(flips_, *o_.budget.flips, confidence);
      line.verdict = undecided(more ? cat("with ", flips_, flips_ == 1 ? " flip" : " flips",
                                          " this budget needs at least ", with_commas(*more), " inputs; ",
                                          with_commas(n), " were given")
                                    : "a budget of no flips at all is supported by no number of inputs");
      line.more.push_back(line.verdict->reason);
    }
  } else if (n == 0) {
    line.verdict = undecided("no input has a decision");
    line.more.push_back(line.verdict->reason);
  } else if (unexcused > 0) {
    line.verdict =
        refuted(cat(with_commas(unexcused), unexcused == 1 ? " flip is" : " flips are", " not excused"));
    line.more.push_back(line.verdict->reason);
  } else {
    line.verdict = supported();
  }
  if (flips_ > 0) {
    std::string of = cat("of these ", with_commas(flips_), ": ");
    if (r_.labelled > 0)
      of += cat(with_commas(r_.right_to_wrong), " right->wrong, ", with_commas(r_.wrong_to_right),
                " wrong->right, ");
    int64_t tied = 0;
    for (const Flip& f : r_.flips) tied += f.tied;
    of += cat(with_commas(excused_), " excused (source itself undecided there)");
    if (tied > 0) of += cat(", ", with_commas(tied), " at a tie");
    if (flips_ > static_cast<int64_t>(kMostFlips))
      of += cat("; only the first ", kMostFlips, " were looked into");
    line.more.push_back(std::move(of));
  }
  if (r_.certifiable > 0)
    line.more.push_back(cat("certified ", with_commas(r_.certified), " of ", with_commas(r_.certifiable),
                            " looked at: no legal implementation can decide otherwise"));
  if (r_.ties_seen > 0)
    line.more.push_back(cat(with_commas(r_.ties_seen), " decided by the tie rule: ", r_.ties));
  r_.lines.push_back(std::move(line));
}

void Comparison::what_is_not_covered() {
  auto& list = r_.not_covered;
  if (o_.rule)
    list.push_back("The rate of flips is about inputs drawn like these. Other inputs may flip more often.");
  if (o_.rule && (custom_ || o_.rule->kind == DecisionRule::Kind::Boxes))
    list.push_back("This decision has no margin: nothing is certified, nothing excused, no node is blamed.");
  if (r_.certifiable > 0 && r_.certified < r_.certifiable)
    list.push_back(
        "What is not certified is not known to flip: bounds are not tight, and not all samples were looked "
        "at.");
  if (!one_program_ || b_.is_outside() || a_.is_outside())
    list.push_back(cat("Nodes were looked at on ", std::min(o_.deep, s_.count()),
                       " inputs. A node that is wrong only on others is not seen."));
  for (const Line& l : r_.lines)
    if (l.leg == "implementation" && l.verdict && l.verdict->kind != Verdict::Kind::Proved)
      list.push_back(
          "Kernels without a proof are compared by their bits on the inputs of the hash matrix only.");
  list.push_back(
      "The operators' definitions, their lowering, the encoder and the checkers themselves are trusted: "
      "docs/trust.md.");
  if (b_.is_outside() || a_.is_outside())
    list.push_back(
        "An outside implementation may answer differently on another machine, another number of threads or "
        "the next run.");
}

}  // namespace tauto::equivalence
