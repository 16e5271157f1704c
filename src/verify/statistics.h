// What k flips among n inputs say about the rate of flips, for inputs drawn independently like those to come.
//
// Fixed n: the exact bounds of Clopper and Pearson (Biometrika 26, 1934), which never cover less than they
// say. Looking while the inputs come in and stopping when it is clear: an e-process, the mixture likelihood
// ratio of Robbins (Annals of Mathematical Statistics 41, 1970), whose chance of ever exceeding 1/alpha under
// its hypothesis is at most alpha (Ville), so that no stopping rule spoils it.
#pragma once

#include <cstdint>
#include <optional>

namespace tauto::equivalence {

// One-sided, each with this confidence: the rate is at most, at least. 0 < confidence < 1, 0 <= flips <= n.
double upper_rate(int64_t flips, int64_t n, double confidence);
double lower_rate(int64_t flips, int64_t n, double confidence);

// The least number of inputs among which so many flips support a rate of at most `rate`; nothing if there are
// more than 2^40.
std::optional<int64_t> needed_inputs(int64_t flips, double rate, double confidence);

// Evidence about a rate that may be looked at after every input.
class SequentialTest {
 public:
  // Is the rate at most `rate` (> 0, < 1)? Either answer is wrong with a chance of at most alpha, whenever
  // one looks.
  SequentialTest(double rate, double alpha) : rate_(rate), alpha_(alpha) {}

  void add(bool flip) {
    ++n_;
    flips_ += flip;
  }
  int64_t n() const { return n_; }
  int64_t flips() const { return flips_; }
  double rate() const { return rate_; }

  // Logarithms of the evidence against "the rate is `rate` or more", and against "`rate` or less".
  double log_evidence_below() const;
  double log_evidence_above() const;

  enum class Answer : uint8_t { Open, Below, Above };
  Answer answer() const;
  // The rate is below this, with confidence 1 - alpha at all times at once. 1 if nothing is known.
  double upper_rate() const;
  double lower_rate() const;  // and above this; 0 if nothing is known

 private:
  double rate_, alpha_;
  int64_t n_ = 0, flips_ = 0;
};

}  // namespace tauto::equivalence
