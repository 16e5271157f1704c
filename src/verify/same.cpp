// Comparing two systems, top to bottom: interfaces, the programs, every sample, the legs, the verdicts.
#include "verify/same.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>

#include "graph/text.h"
#include "support/sha256.h"
#include "verify/blame.h"
#include "verify/certify.h"
#include "verify/implementation_leg.h"
#include "verify/legal_execution.h"
#include "verify/outside_system.h"
#include "verify/statistics.h"

namespace tauto::equivalence {
namespace {

constexpr size_t kMostFlips = 200;        // that are kept with their decisions, and looked into
constexpr int64_t kMostCertified = 4096;  // samples whose intervals are computed
constexpr double kCertifySeconds = 20;

std::string text_of_decision(const std::vector<int64_t>& what) {
  std::string s;
  for (size_t i = 0; i < what.size() && i < 12; ++i) s += cat(i ? " " : "", what[i]);
  return what.size() > 12 ? s + " …" : s;
}

bool equal_bits(const Value& a, const Value& b) { return a == b; }

class Comparison {
 public:
  Comparison(System& a, System& b, const Samples& s, const SameOptions& o, SameResult& r)
      : a_(a), b_(b), s_(s), o_(o), r_(r) {}

  void run() {
    describe();
    compare_samples();
    judge_flips();
    implementation();
    approximation();
    what_is_not_covered();
  }

 private:
  // --- what is compared -----------------------------------------------------------------------------------
  void describe() {
    r_.a = a_.spec();
    r_.b = b_.spec();
    r_.a_is = a_.describe();
    r_.b_is = b_.describe();
    r_.semantics = kSemanticsVersion;
    r_.samples = s_.count();
    r_.batched = s_.batched();
    r_.data = s_.origin();
    r_.data_sha256 = s_.sha256();
    if (o_.rule) {
      r_.decision = tauto::equivalence::text_of(*o_.rule);
      r_.ties = tie_rule(*o_.rule);
      decides_ = require_fit(*o_.rule, a_.outputs(), o_.output);
      if (o_.rule->kind == DecisionRule::Kind::Custom) {
        custom_.emplace(o_.rule->program, o_.outside);
        r_.ties = custom_->ties();
      }
      r_.budget_text =
          o_.budget.flips ? cat("flips <= ", percent(*o_.budget.flips), " at ", percent(o_.budget.confidence))
                          : "no unexcused flip";
    }
    const RunInputs inputs = a_.model().order(s_.inputs(0, std::max<int64_t>(s_.fixed(), 1)));
    source_ = a_.model().module(inputs);
    program_ = b_.model().module(b_.model().order(s_.inputs(0, std::max<int64_t>(s_.fixed(), 1))));
    r_.a_sha256 = hash_of(*source_);
    r_.b_sha256 = hash_of(*program_);
    for (const LedgerEntry& entry : program_->ledger) r_.ledger.push_back(tauto::text_of(entry));
    one_program_ = *source_ == *program_;
    r_.graph = source_graph(*source_);
    for (const auto& [name, type] : a_.outputs()) r_.differences.push_back({name});
  }

  static std::string hash_of(const Module& m) {
    const auto printed = print(m);
    Sha256 hash;
    hash.add(printed.text.data(), printed.text.size());
    return hex(hash.digest());
  }

  // --- every sample ---------------------------------------------------------------------------------------
  void compare_samples() {
    const int64_t unit = s_.batched() ? (s_.fixed() > 0 ? s_.fixed() : o_.batch) : 1;
    std::vector<int64_t> starts;
    for (int64_t i = 0; i < s_.count(); i += unit) starts.push_back(i);
    if (o_.stop_early) {  // in a drawn order, so that the first ones are a sample of all
      uint64_t state = o_.seed;
      for (size_t i = starts.size(); i > 1; --i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(starts[i - 1], starts[(state >> 33) % i]);
      }
    }
    if (o_.rule && o_.budget.flips && *o_.budget.flips > 0 && *o_.budget.flips < 1)
      sequential_.emplace(*o_.budget.flips, 1 - o_.budget.confidence);
    for (const int64_t first : starts) {
      if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
      if (o_.progress) o_.progress("comparing", r_.compared, s_.count());
      compare(first, std::min(unit, s_.count() - first));
      if (o_.stop_early && sequential_ && sequential_->answer() != SequentialTest::Answer::Open) {
        stopped_ = r_.compared < s_.count();
        break;
      }
    }
    for (OutputDifference& d : r_.differences)
      if (d.elements > 0) d.mean /= static_cast<double>(d.elements);
  }

  void compare(int64_t first, int64_t count) {
    const std::vector<Value> inputs = s_.inputs(first, count);
    const std::vector<Value> a = a_.run(inputs), b = b_.run(inputs);
    bool same_shapes = true;
    for (size_t k = 0; k < a.size(); ++k) {
      if (a[k].is_tensor() != b[k].is_tensor() ||
          (a[k].is_tensor() &&
           (a[k].tensor.shape() != b[k].tensor.shape() || a[k].tensor.type() != b[k].tensor.type()))) {
        if (!o_.rule || o_.rule->kind != DecisionRule::Kind::Boxes)
          fail("same: output \"", a_.outputs()[k].first, "\": ", r_.a, " gives ",
               tauto::text_of(type_of(a[k])), ", ", r_.b, " gives ", tauto::text_of(type_of(b[k])));
        same_shapes = false;
      }
    }
    if (same_shapes)
      for (size_t k = 0; k < a.size(); ++k) measure(r_.differences[k], a[k], b[k]);
    const bool rows = s_.batched();
    std::vector<Decided> da, db;
    if (custom_) da = custom_->decide(a_.outputs(), a, count), db = custom_->decide(b_.outputs(), b, count);
    for (int64_t i = 0; i < count; ++i) {
      bool equal = true;
      for (size_t k = 0; k < a.size() && equal; ++k)
        equal = rows && same_shapes ? row_equal(a[k], b[k], i) : equal_bits(a[k], b[k]);
      r_.equal_bits += equal;
      if (!equal && first_difference_ < 0) first_difference_ = first + i;
      ++r_.compared;
      if (o_.rule) decide_sample(first + i, i, a, b, da, db);
    }
  }

  static bool row_equal(const Value& a, const Value& b, int64_t i) {
    if (a.tensor.type().is_string()) return rows_of(a.tensor, i, 1) == rows_of(b.tensor, i, 1);
    const int64_t row = a.tensor.bytes() / std::max<int64_t>(a.tensor.dim(0), 1);
    const char* x = static_cast<const char*>(a.tensor.raw()) + i * row;
    const char* y = static_cast<const char*>(b.tensor.raw()) + i * row;
    // NaNs of any sign and payload are one: only then the slow way.
    return row == 0 || std::memcmp(x, y, static_cast<size_t>(row)) == 0 ||
           canonical_nan(rows_of(a.tensor, i, 1)) == canonical_nan(rows_of(b.tensor, i, 1));
  }

  static void measure(OutputDifference& d, const Value& a, const Value& b) {
    if (!a.is_tensor() || a.tensor.type().is_string() ||
        !(a.tensor.type().is_float() || a.tensor.type().is_integer() || a.tensor.type().is_bool()))
      return;
    const std::vector<double> x = as_doubles(a.tensor), y = as_doubles(b.tensor);
    for (size_t i = 0; i < x.size(); ++i) {
      ++d.elements;
      if (std::isfinite(x[i])) d.scale = std::max(d.scale, std::fabs(x[i]));
      if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
      ++d.differ;
      const double distance = std::fabs(x[i] - y[i]);
      d.most = std::max(d.most, std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance);
      if (std::isfinite(distance)) d.mean += distance;
    }
  }

  Tensor row(const Value& v, int64_t i) const {
    if (!v.is_tensor()) fail("same: --decision: required outputs that are tensors");
    return s_.batched() ? rows_of(v.tensor, i, 1) : v.tensor;
  }

  void decide_sample(int64_t sample, int64_t i, const std::vector<Value>& a, const std::vector<Value>& b,
                     std::vector<Decided>& da, std::vector<Decided>& db) {
    Decided x, y;
    bool flip;
    if (custom_) {
      x = std::move(da[static_cast<size_t>(i)]), y = std::move(db[static_cast<size_t>(i)]);
      flip = !(x == y);
    } else if (o_.rule->kind == DecisionRule::Kind::Boxes) {
      std::vector<Tensor> ra, rb;
      for (const Value& v : a) ra.push_back(row(v, i));
      for (const Value& v : b) rb.push_back(row(v, i));
      flip = !same_boxes(*o_.rule, a_.outputs(), ra, rb);
      x.margin = std::numeric_limits<double>::quiet_NaN();
    } else {
      x = decide(*o_.rule, row(a[decides_], i));
      y = decide(*o_.rule, row(b[decides_], i));
      flip = !(x == y);
    }
    r_.nan_a += x.nan;
    r_.nan_b += y.nan;
    if (x.nan && y.nan) return;  // no decision to flip
    r_.ties_seen += x.tied;
    if (sequential_) sequential_->add(flip);
    int64_t label = -1;
    if (const auto& labels = s_.labels();
        !labels.empty() && x.what.size() == labels.size() / static_cast<size_t>(s_.count())) {
      const size_t n = x.what.size();
      const std::vector<int64_t> right(
          labels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(sample) * n),
          labels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(sample + 1) * n));
      ++r_.labelled;
      const bool a_right = x.what == right, b_right = y.what == right;
      r_.right_a += a_right;
      r_.right_b += b_right;
      r_.right_to_wrong += a_right && !b_right;
      r_.wrong_to_right += !a_right && b_right;
      if (n == 1) label = right[0];
    }
    r_.margins.push_back({x.margin, flip, false, false});
    margin_samples_.push_back(sample);
    if (!flip) return;
    ++flips_;
    if (r_.flips.size() < kMostFlips)
      r_.flips.push_back({sample,
                          y.nan || !x.nan ? text_of_decision(x.what) : "NaN",
                          y.nan ? "NaN" : text_of_decision(y.what),
                          x.margin,
                          x.tied,
                          false,
                          "",
                          {},
                          label});
  }

  // --- certified, excused ---------------------------------------------------------------------------------
  void judge_flips() {
    if (!o_.rule) return;
    const bool plain = !custom_ && o_.rule->kind != DecisionRule::Kind::Boxes;
    // A flip is excused by a legal execution of the source that decides otherwise than the source; not by a
    // bound.
    for (size_t k = 0; k < r_.flips.size(); ++k) {
      Flip& f = r_.flips[k];
      if (o_.progress) o_.progress("flips", static_cast<int64_t>(k), static_cast<int64_t>(r_.flips.size()));
      f.leg = b_.is_outside() ? "outside" : implementation_wrong_ ? "implementation" : "approximation";
      const int64_t unit = s_.batched() ? std::max<int64_t>(s_.fixed(), 1) : 1;
      const int64_t first = f.sample / unit * unit;
      const std::vector<Value> inputs = s_.inputs(first, unit);
      for (int64_t seed = 0; plain && seed <= o_.legal_draws && !f.excused; ++seed) {
        const std::vector<Value> out =
            legal_execution(*source_, inputs, static_cast<uint64_t>(seed), o_.cancelled);
        const Decided d = decide(*o_.rule, row(out[decides_], f.sample - first));
        f.excused = text_of_decision(d.what) != f.a;
      }
      excused_ += f.excused;
      for (size_t i = 0; i < margin_samples_.size(); ++i)
        if (margin_samples_[i] == f.sample) r_.margins[i].excused = f.excused;
      if (!f.excused && r_.witness < 0) r_.witness = f.sample;
    }
    if (plain && !a_.is_outside()) certify_samples();
  }

  // What no legal execution of the source can decide otherwise (verify/certify.h), as far as time allows.
  void certify_samples() {
    tauto::Decision decision;
    using Kind = tauto::Decision::Kind;
    switch (o_.rule->kind) {
      case DecisionRule::Kind::ArgMin:
        decision.kind = Kind::ArgMin;
        break;
      case DecisionRule::Kind::TopK:
        decision.kind = Kind::TopK;
        decision.k = o_.rule->k;
        break;
      case DecisionRule::Kind::Threshold:
        decision.kind = Kind::Threshold;
        decision.threshold = o_.rule->threshold;
        break;
      default:  // a sequence whose steps are all certain is
        decision.kind = Kind::Top1;
    }
    decision.output = decides_;
    const auto start = std::chrono::steady_clock::now();
    ErrorPropagation propagation(*source_);
    CertifyOptions how;
    how.propagation.cancelled = o_.cancelled;
    const int64_t unit = s_.batched() ? std::max<int64_t>(s_.fixed(), 1) : 1;
    for (size_t i = 0; i < margin_samples_.size() && r_.certifiable < kMostCertified; ++i) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      if (took.count() > kCertifySeconds) break;
      if (o_.progress) o_.progress("certifying", r_.certifiable, std::min(s_.count(), kMostCertified));
      const int64_t first = margin_samples_[i] / unit * unit;
      bool sure = false;
      try {
        sure = certify(propagation, s_.inputs(first, unit), decision, how).certified;
      } catch (const Cancelled&) {
        throw;
      } catch (const Error&) {  // nothing bounds it: not certified
      }
      ++r_.certifiable;
      r_.certified += sure;
      r_.margins[i].certified = sure;
    }
  }

  // --- the legs -------------------------------------------------------------------------------------------
  void implementation() {
    if (!o_.bitwise) return;
    System* ours = !b_.is_outside() ? &b_ : !a_.is_outside() ? &a_ : nullptr;
    if (!ours) return;
    implementation_leg(*ours, s_, o_, r_);
    r_.lines.back().counts = o_.level.empty() || o_.level == "bitwise";
    if (ours == &a_) r_.lines.back().path = "M -> binary";
    implementation_wrong_ = r_.lines.back().verdict->kind == Verdict::Kind::Refuted;
  }

  void approximation() {
    const bool outside = a_.is_outside() || b_.is_outside();
    const std::string leg = outside ? "outside" : "approximation";
    const std::string path = outside ? cat("M -> ", (b_.is_outside() ? b_ : a_).describe()) : "M -> Q";
    if (o_.bitwise) {
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
          line.verdict = refuted(cat("other bits on ", with_commas(r_.compared - r_.equal_bits), " of ",
                                     with_commas(r_.compared)));
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
    if (o_.numeric && (outside || !one_program_)) numeric(leg, path);
    if (o_.rule && o_.decision) decision(leg, path);
    if (o_.rule && !r_.flips.empty()) charge();
  }

  static std::string short_text(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2g", v);
    return text;
  }

  // Whose values are held against what is legal, and in whose graph.
  void numeric(const std::string& leg, const std::string& path) {
    Line line{
        leg, path, "numeric", std::nullopt, "", {}, o_.level.empty() ? !o_.rule : o_.level == "numeric"};
    System& judged = b_.is_outside() || !a_.is_outside() ? b_ : a_;
    const Module& graph = judged.is_outside() ? *program_of(judged) : *source_;
    const std::vector<std::string> names = source_nodes(graph);
    const int64_t unit = s_.batched() ? std::max<int64_t>(s_.fixed(), 1) : 1;
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
        for (size_t k = 0; k < plain.size(); ++k) equal &= equal_bits(plain[k], asked[k]);
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
    const SourceCheck *worst = nullptr, *first_illegal = nullptr;
    int64_t looked = 0;
    for (const SourceCheck& c : r_.nodes) {
      if (!c.skipped.empty()) continue;
      ++looked;
      if (!worst || c.worst > worst->worst) worst = &c;
      if (c.outside > 0 && !first_illegal) first_illegal = &c;
    }
    const std::string on =
        cat(with_commas(looked), " of ", with_commas(static_cast<int64_t>(r_.nodes.size())), " nodes on ",
            count, count == 1 ? " input" : " inputs");
    if (looked == 0) {
      line.verdict = undecided("no node of the one is found in the other");
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
    if (first_illegal) line.more.push_back(on);
    if (!r_.cut_effect.empty() && asked_differs > 0) line.more.push_back(r_.cut_effect);
    r_.lines.push_back(std::move(line));
  }

  // Is every bit of the source's, by proof? Then so is every decision.
  std::optional<Verdict::Kind> same_bits() const {
    if (!one_program_ || a_.is_outside() || b_.is_outside()) return std::nullopt;
    for (const Line& l : r_.lines)
      if (l.leg == "implementation" && l.verdict &&
          (l.verdict->kind == Verdict::Kind::Proved || l.verdict->kind == Verdict::Kind::ProvedOnShapes))
        return l.verdict->kind;
    return std::nullopt;
  }

  const Module* program_of(const System& s) const { return &s == &a_ ? source_.get() : program_.get(); }

  void decision(const std::string& leg, const std::string& path) {
    Line line{leg, path, "decision", std::nullopt, "", {}, o_.level.empty() || o_.level == "decision"};
    const int64_t n = r_.compared - std::min(r_.nan_a, r_.nan_b);
    const double confidence = o_.budget.confidence;
    const int64_t unexcused = flips_ - excused_;
    line.detail = cat("flips ", with_commas(flips_), " / ", with_commas(n));
    const double upper = n == 0                         ? 1
                         : o_.stop_early && sequential_ ? sequential_->upper_rate()
                                                        : equivalence::upper_rate(flips_, n, confidence);
    if (n > 0) line.detail += cat(", <= ", percent(upper), " at ", percent(confidence));
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
    if (r_.nan_a > 0 && r_.nan_a >= r_.nan_b) {
      line.verdict = undecided(cat("output \"", a_.outputs()[decides_].first, "\" of the source is NaN on ",
                                   with_commas(r_.nan_a), " of ", with_commas(r_.compared), " samples"));
      line.more.push_back(line.verdict->reason);
    } else if (r_.nan_b > r_.nan_a) {
      line.verdict = refuted(cat("output \"", b_.outputs()[decides_].first, "\" is NaN on ",
                                 with_commas(r_.nan_b), " of ", with_commas(r_.compared), " samples, on ",
                                 with_commas(r_.nan_a), " of the source"));
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
        if (equivalence::lower_rate(flips_, n, confidence) > *o_.budget.flips)
          line.verdict = refuted(cat("flips >= ", percent(equivalence::lower_rate(flips_, n, confidence)),
                                     " at ", percent(confidence)));
      } else if (equivalence::lower_rate(flips_, n, confidence) > *o_.budget.flips ||
                 (sequential_ && o_.stop_early && sequential_->answer() == SequentialTest::Answer::Above)) {
        line.verdict = refuted(cat("flips >= ", percent(equivalence::lower_rate(flips_, n, confidence)),
                                   " at ", percent(confidence)));
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

  // --- whose fault the flips are --------------------------------------------------------------------------
  void charge() {
    if (custom_ || o_.rule->kind == DecisionRule::Kind::Boxes) return;
    const auto margin_of = [&](const std::vector<Value>& out, int64_t at, const std::string& decided) {
      const Decided d = decide(*o_.rule, row(out[decides_], at));
      return text_of_decision(d.what) == decided ? d.margin : -d.margin;
    };
    r_.blame = blame_nodes(*source_, b_, s_, r_.flips, margin_of, o_);
  }

  void what_is_not_covered() {
    auto& list = r_.not_covered;
    if (o_.rule)
      list.push_back("The rate of flips is about inputs drawn like these. Other inputs may flip more often.");
    if (o_.rule && (custom_ || o_.rule->kind == DecisionRule::Kind::Boxes))
      list.push_back(
          "This decision has no margin: nothing is certified, nothing excused, no node is blamed.");
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

  System &a_, &b_;
  const Samples& s_;
  const SameOptions& o_;
  SameResult& r_;
  std::shared_ptr<const Module> source_, program_;
  bool one_program_ = false, stopped_ = false, implementation_wrong_ = false;
  size_t decides_ = 0;
  int64_t flips_ = 0, excused_ = 0, first_difference_ = -1;
  std::vector<int64_t> margin_samples_;
  std::optional<SequentialTest> sequential_;
  std::optional<CustomRule> custom_;
};

}  // namespace

void require_same_interface(const System& a, const System& b) {
  const auto compare = [&](const char* what, const NamedTypes& x, const NamedTypes& y) {
    const auto list = [](const NamedTypes& types) {
      std::string s;
      for (const auto& [name, type] : types) s += cat(s.empty() ? "" : ", ", '"', name, "\": ", type);
      return s.empty() ? std::string("none") : s;
    };
    bool fit = x.size() == y.size();
    for (size_t i = 0; fit && i < x.size(); ++i) {
      const Type &s = x[i].second, &t = y[i].second;
      fit = s.tag == t.tag;
      if (fit && s.is_tensor()) {
        fit = s.element == t.element && (!s.ranked || !t.ranked || s.rank() == t.rank());
        for (size_t d = 0; fit && s.ranked && t.ranked && d < s.dims.size(); ++d)
          fit = !s.dims[d].is_literal() || !t.dims[d].is_literal() || s.dims[d] == t.dims[d];
      }
    }
    if (!fit)
      fail("same: required equal ", what, ", got ", a.spec(), ": ", list(x), "; ", b.spec(), ": ", list(y));
  };
  compare("inputs", a.inputs(), b.inputs());
  compare("outputs", a.outputs(), b.outputs());
}

SameResult same(System& a, System& b, const Samples& samples, const SameOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  require_same_interface(a, b);
  if (options.level == "decision" && !options.rule)
    fail("same: --level decision: required --decision, got none");
  if (options.budget.flips && !options.rule) fail("same: --budget: required --decision with it, got none");
  SameResult r;
  Comparison(a, b, samples, options, r).run();
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return r;
}

bool SameResult::holds() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const Line& l) { return !l.counts || !l.verdict || l.verdict->holds(); });
}

}  // namespace tauto::equivalence
