// Comparing two systems, top to bottom: interfaces, the programs, every sample, the legs, the verdicts.
#include "verify/same.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "verify/comparison.h"

namespace tauto::equivalence {

std::string short_text(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", v);
  return text;
}

namespace {

// Seconds of the processor, of all threads of this process: what is looked at within a time does not depend
// on what else the machine does.
double processor_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

Deadline::Deadline(double seconds, const std::function<bool()>* cancelled)
    : until_(processor_time() + seconds), cancelled_(cancelled) {
  enough_ = [this] { return is_over() || (cancelled_ && (*cancelled_)()); };
}
bool Deadline::is_over() const { return processor_time() > until_; }
void Deadline::rethrow() const {
  if (cancelled_ && (*cancelled_)()) throw Cancelled();
}

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

namespace {

// An empty list of verdicts is no "yes". Where nothing else was asked for, a bound of the outputs answers.
void require_an_answer(const SameOptions& o, SameResult& r) {
  const auto answers = [](const Line& l) { return l.counts && l.verdict; };
  if (std::any_of(r.lines.begin(), r.lines.end(), answers)) return;
  for (Line& l : r.lines) l.counts = l.counts || (o.numeric && l.level == "outputs");
  if (std::any_of(r.lines.begin(), r.lines.end(), answers)) return;
  Line line{"", "", o.level, undecided("nothing of what was asked for could be looked at"), "", {}, true};
  line.detail = line.verdict->reason;
  r.lines.push_back(std::move(line));
}

}  // namespace

SameResult same(System& a, System& b, const Samples& samples, const SameOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  require_same_interface(a, b);
  if (options.level == "decision" && !options.rule)
    fail("same: --level decision: required --decision, got none");
  if (options.budget.flips && !options.rule) fail("same: --budget: required --decision with it, got none");
  SameResult r;
  Comparison c(a, b, samples, options, r);
  c.describe();
  c.compare_samples();
  c.judge_flips();
  c.implementation();
  c.approximation();
  require_an_answer(options, r);
  c.what_is_not_covered();
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return r;
}

bool SameResult::holds() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const Line& l) { return !l.counts || !l.verdict || l.verdict->holds(); });
}

}  // namespace tauto::equivalence
