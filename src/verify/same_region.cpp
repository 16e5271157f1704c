// From systems to chains of layers, to a search for each goal, to lines.
#include "verify/same_region.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "graph/text.h"
#include "support/file.h"
#include "support/sha256.h"
#include "verify/region.h"

namespace tauto::equivalence {
namespace {

constexpr size_t kMostShown = 16;  // numbers of a witness in a line

std::string short_text(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", v);
  return text;
}

class RegionComparison {
 public:
  RegionComparison(System& a, System& b, const std::string& box, const RegionOptions& options)
      : a_(a), b_(b), box_(box), o_(options) {}

  RegionResult run() {
    SameResult& r = r_.result;
    r.a = a_.spec(), r.b = b_.spec();
    r.a_is = a_.describe(), r.b_is = b_.describe();
    r.semantics = kSemanticsVersion;
    r.data = box_;
    for (const System* s : {&a_, &b_})
      if (s->is_outside()) fail("same: --epsilon: required models of ours, got ", s->spec());
    if (o_.rule && o_.rule->kind != DecisionRule::Kind::Top1 && o_.rule->kind != DecisionRule::Kind::ArgMin)
      fail("same: --epsilon: required --decision top1 or argmin with it, got ", text_of(*o_.rule));
    const std::vector<region::Box> boxes = region::read_vnnlib(box_);
    const Bytes file = map_file(box_);
    r.data_sha256 = hash(file.text());
    region::PairOfChains pair;
    std::string why;
    try {
      const auto ma = a_.model().module(), mb = b_.model().module();
      r.a_sha256 = hash(print(*ma).text), r.b_sha256 = hash(print(*mb).text);
      pair = region::pair_of(region::chain_of(*ma, "A"), region::chain_of(*mb, "B"));
    } catch (const Error& e) {
      why = e.what();
    }
    search(pair, boxes, {region::Goal::Kind::Epsilon, o_.epsilon}, why);
    if (o_.rule)
      search(
          pair, boxes,
          {o_.rule->kind == DecisionRule::Kind::Top1 ? region::Goal::Kind::Top1 : region::Goal::Kind::ArgMin,
           0},
          why);
    r.not_covered.push_back("networks that are not chains of dense layers, convolutions and relus");
    return std::move(r_);
  }

 private:
  static std::string hash(std::string_view text) {
    Sha256 h;
    h.add(text.data(), text.size());
    return hex(h.digest());
  }

  Tensor input(std::span<const float> x) const {
    const Type& t = a_.inputs()[0].second;
    Shape shape;
    for (const Dim& d : t.dims) shape.push_back(d.is_literal() ? d.literal() : 1);
    return Tensor::of<float>(shape, x);
  }
  region::Outputs evaluate(std::span<const float> x) {
    const auto floats = [&](System& s) {
      const std::vector<Value> out = s.run({Value(input(x))});
      const auto v = out.at(0).tensor.values<float>();
      return std::vector<float>(v.begin(), v.end());
    };
    return {floats(a_), floats(b_)};
  }

  void search(const region::PairOfChains& pair, const std::vector<region::Box>& boxes,
              const region::Goal& goal, const std::string& why) {
    const bool near = goal.kind == region::Goal::Kind::Epsilon;
    Line line{"region",
              cat("A, B in ", boxes.size(), boxes.size() == 1 ? " box" : " boxes"),
              near ? "numeric" : "decision",
              undecided(why),
              why,
              {},
              true};
    if (why.empty()) {
      region::SearchOptions s;
      s.threads = o_.threads;
      s.seconds = o_.seconds;
      s.most_boxes = o_.most_boxes;
      if (!o_.state.empty()) s.state = near ? o_.state : o_.state + ".decision";
      s.identity = cat(r_.result.a_sha256, " ", r_.result.b_sha256, " ", r_.result.data_sha256);
      s.cancelled = o_.cancelled;
      const std::string name = near ? cat("epsilon ", short_text(goal.epsilon)) : text_of(*o_.rule);
      if (o_.progress) {
        o_.progress(name, -1);
        s.progress = [&](double closed) { o_.progress(name, closed); };
      }
      const auto start = std::chrono::steady_clock::now();
      region::Found f;
      try {
        f = region::search(
            pair, boxes, goal, [this](std::span<const float> x) { return evaluate(x); }, s);
      } catch (const Error& e) {
        fail("same: --box: ", e.what());
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      r_.result.regions.push_back({name, f.boxes, f.leaves, f.left, f.deepest, f.closed, f.bound,
                                   f.first_bound, f.seen, f.cpu_seconds, took.count()});
      say(goal, f, line);
    }
    r_.result.lines.push_back(std::move(line));
  }

  void say(const region::Goal& goal, const region::Found& f, Line& line) {
    const bool near = goal.kind == region::Goal::Kind::Epsilon;
    const std::string counted = cat(with_commas(f.boxes), f.boxes == 1 ? " box" : " boxes", " bounded, ",
                                    with_commas(f.leaves), " decided, depth ", f.deepest);
    const std::string what =
        near ? cat("|A - B| <= ", short_text(goal.epsilon))
             : cat("one output is the ", goal.kind == region::Goal::Kind::Top1 ? "greatest" : "least",
                   " of both");
    switch (f.kind) {
      case region::Found::Kind::Proved:
        line.verdict->kind = Verdict::Kind::Proved;
        line.verdict->reason = "rounding of both included";
        line.detail = cat(what, " for every input, rounding of both included",
                          near ? cat(" (bound ", short_text(f.bound), ")") : "");
        break;
      case region::Found::Kind::Refuted: {
        line.detail =
            near ? cat("output ", f.output, ": A ", f.outputs.a[f.output], ", B ", f.outputs.b[f.output])
                 : "another output";
        std::string x;
        for (const float v : f.witness) x += cat(x.empty() ? "" : ", ", v);
        line.verdict = refuted(line.detail);
        if (f.witness.size() <= kMostShown) line.more.push_back(cat("at ", x));
        r_.result.witness = 0;
        r_.witness = input(f.witness);
        break;
      }
      case region::Found::Kind::Open:
        line.verdict = undecided(cat(f.reason, ", ", with_commas(f.left), " boxes are left"));
        line.detail = cat(line.verdict->reason, ", ", percent(f.closed), " of the volume is proved");
        if (near) line.more.push_back(cat("bound without splits ", short_text(f.first_bound)));
        break;
    }
    line.more.push_back(cat(counted, near ? cat("; largest difference met ", short_text(f.seen)) : ""));
  }

  System& a_;
  System& b_;
  const std::string& box_;
  const RegionOptions& o_;
  RegionResult r_;
};

}  // namespace

RegionResult same_in_region(System& a, System& b, const std::string& box, const RegionOptions& options) {
  return RegionComparison(a, b, box, options).run();
}

}  // namespace tauto::equivalence
