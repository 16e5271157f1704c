// A comparison while it is made: what verify/same.cpp puts together out of samples (compare_samples.cpp), flips
// (judge_flips.cpp) and verdict lines (verdict_lines.cpp).
#pragma once

#include <memory>

#include "verify/outside_system.h"
#include "verify/same.h"
#include "verify/statistics.h"

namespace tauto::equivalence {

class Comparison {
 public:
  Comparison(System& a, System& b, const Samples& s, const SameOptions& o, SameResult& r)
      : a_(a), b_(b), s_(s), o_(o), r_(r) {}

  // In this order.
  void describe();
  void compare_samples();
  void judge_flips();
  void implementation();
  void approximation();
  void what_is_not_covered();

 private:
  // Samples.
  void compare(int64_t first, int64_t count);
  Tensor row(const Value& v, int64_t i) const;
  void decide_sample(int64_t sample, int64_t i, const std::vector<Value>& a, const std::vector<Value>& b,
                     std::vector<Decided>& da, std::vector<Decided>& db);
  int64_t unit() const { return s_.batched() ? std::max<int64_t>(s_.fixed(), 1) : 1; }  // samples of a run
  // Flips.
  void certify_samples();
  void charge();
  // Lines.
  void bitwise(const std::string& leg, const std::string& path, bool outside);
  void numeric(const std::string& leg, const std::string& path);
  void cut_by_operators(System& judged, const Module& graph, const std::vector<Value>& inputs, Line& line);
  void decision(const std::string& leg, const std::string& path);
  std::optional<Verdict::Kind> same_bits() const;
  const Module* program_of(const System& s) const { return &s == &a_ ? source_.get() : program_.get(); }

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

inline constexpr size_t kMostFlips = 200;  // that are kept with their decisions, and looked into

std::string text_of_decision(const std::vector<int64_t>& what);
std::string short_text(double v);  // two digits

// Work that may take so many seconds of the processor.
class Deadline {
 public:
  Deadline(double seconds, const std::function<bool()>* cancelled);
  // Asked by what runs; true when time is up, or the user has had enough.
  const std::function<bool()>* enough() const { return &enough_; }
  bool is_over() const;
  void rethrow() const;  // Cancelled, if it was the user

 private:
  double until_;
  const std::function<bool()>* cancelled_;
  std::function<bool()> enough_;
};

}  // namespace tauto::equivalence
