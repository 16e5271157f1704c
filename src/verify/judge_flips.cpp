// Flips: which are excused by legal executions of the source, what is certain, whose fault they are.
#include "verify/blame.h"
#include "verify/certify.h"
#include "verify/comparison.h"
#include "verify/legal_execution.h"

namespace tauto::equivalence {
namespace {

constexpr int64_t kMostCertified = 4096;  // samples whose intervals are computed

}  // namespace

void Comparison::judge_flips() {
  if (!o_.rule) return;
  const bool plain = !custom_ && o_.rule->kind != DecisionRule::Kind::Boxes;
  // A flip is excused by a legal execution of the source that decides otherwise than the source; not by a
  // bound.
  for (size_t k = 0; k < r_.flips.size(); ++k) {
    Flip& f = r_.flips[k];
    if (o_.progress) o_.progress("flips", static_cast<int64_t>(k), static_cast<int64_t>(r_.flips.size()));
    f.leg = b_.is_outside() ? "outside" : implementation_wrong_ ? "implementation" : "approximation";
    const int64_t first = f.sample / unit() * unit();
    const std::vector<Value> inputs = s_.inputs(first, unit());
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
void Comparison::certify_samples() {
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
  const Deadline deadline(o_.proof_seconds / 3, o_.cancelled);
  ErrorPropagation propagation(*source_);
  CertifyOptions how;
  how.propagation.cancelled = deadline.enough();
  for (size_t i = 0; i < margin_samples_.size() && r_.certifiable < kMostCertified; ++i) {
    if (deadline.is_over()) break;
    if (o_.progress) o_.progress("certifying", r_.certifiable, std::min(s_.count(), kMostCertified));
    const int64_t first = margin_samples_[i] / unit() * unit();
    bool sure = false;
    try {
      sure = certify(propagation, s_.inputs(first, unit()), decision, how).certified;
    } catch (const Cancelled&) {  // in the middle of a sample: it was not looked at
      deadline.rethrow();
      break;
    } catch (const Error&) {  // nothing bounds it: not certified
    }
    ++r_.certifiable;
    r_.certified += sure;
    r_.margins[i].certified = sure;
  }
}

void Comparison::charge() {
  if (custom_ || o_.rule->kind == DecisionRule::Kind::Boxes) return;
  const auto margin_of = [&](const std::vector<Value>& out, int64_t at, const std::string& decided) {
    const Decided d = decide(*o_.rule, row(out[decides_], at));
    return text_of_decision(d.what) == decided ? d.margin : -d.margin;
  };
  r_.blame = blame_nodes(*source_, b_, s_, r_.flips, margin_of, o_);
}

}  // namespace tauto::equivalence
