// Bounds of a rate, see statistics.h.
#include "verify/statistics.h"

#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

#include "support/error.h"

namespace tauto::equivalence {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The mixture is over Beta(1/2, 1): most of its weight on small rates, of which flips are made, and a little
// on all others.
constexpr double kA = 0.5, kB = 1;

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// log of the integral of q^(a-1) (1-q)^(b-1) over (0, x), or over (x, 1).
double log_part(double a, double b, double x, bool low) {
  const double share = low ? boost::math::ibeta(a, b, x) : boost::math::ibetac(a, b, x);
  return share > 0 ? std::log(share) + log_beta(a, b) : -kInfinity;
}

// The likelihood of flips among n, mixed over the rates on one side of `rate`, against that of `rate` itself.
// For any rate on the other side this is a supermartingale: one factor's mean, E[(q/r)^X
// ((1-q)/(1-r))^(1-X)], is linear in the rate of X, 1 at r, and falls with the distance from q.
double log_ratio(int64_t flips, int64_t n, double rate, bool low) {
  const auto k = static_cast<double>(flips), m = static_cast<double>(n - flips);
  return log_part(kA + k, kB + m, rate, low) - log_part(kA, kB, rate, low) - k * std::log(rate) -
         m * std::log1p(-rate);
}

}  // namespace

double upper_rate(int64_t flips, int64_t n, double confidence) {
  CHECK(0 <= flips && flips <= n && confidence > 0 && confidence < 1);
  if (flips == n) return 1;
  return boost::math::ibeta_inv(static_cast<double>(flips) + 1, static_cast<double>(n - flips), confidence);
}

double lower_rate(int64_t flips, int64_t n, double confidence) {
  CHECK(0 <= flips && flips <= n && confidence > 0 && confidence < 1);
  if (flips == 0) return 0;
  return boost::math::ibeta_inv(static_cast<double>(flips), static_cast<double>(n - flips) + 1,
                                1 - confidence);
}

std::optional<int64_t> needed_inputs(int64_t flips, double rate, double confidence) {
  if (rate <= 0) return std::nullopt;
  if (rate >= 1) return flips;
  constexpr int64_t kMost = int64_t{1} << 40;
  int64_t high = std::max<int64_t>(flips, 1);
  while (upper_rate(flips, high, confidence) > rate)
    if ((high *= 2) > kMost) return std::nullopt;
  int64_t low = flips - 1;  // not enough (or not possible)
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (middle >= flips && middle > 0 && upper_rate(flips, middle, confidence) <= rate ? high : low) = middle;
  }
  return high;
}

double SequentialTest::log_evidence_below() const { return log_ratio(flips_, n_, rate_, true); }
double SequentialTest::log_evidence_above() const { return log_ratio(flips_, n_, rate_, false); }

SequentialTest::Answer SequentialTest::answer() const {
  const double enough = -std::log(alpha_);
  if (log_evidence_below() >= enough) return Answer::Below;
  if (log_evidence_above() >= enough) return Answer::Above;
  return Answer::Open;
}

double SequentialTest::upper_rate() const {
  const double enough = -std::log(alpha_);
  double low = n_ > 0 ? static_cast<double>(flips_) / static_cast<double>(n_) : 1, high = 1;
  // The evidence against a rate grows with it, from the observed one on.
  for (int i = 0; i < 60 && low < 1; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (log_ratio(flips_, n_, middle, true) >= enough ? high : low) = middle;
  }
  return high;
}

double SequentialTest::lower_rate() const {
  const double enough = -std::log(alpha_);
  double low = 0, high = n_ > 0 ? static_cast<double>(flips_) / static_cast<double>(n_) : 0;
  for (int i = 0; i < 60 && high > 0; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (log_ratio(flips_, n_, middle, false) >= enough ? low : high) = middle;
  }
  return low;
}

}  // namespace tauto::equivalence
