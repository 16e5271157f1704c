// The estimate, in multiply-adds of a good kernel. It knows no machine: what a model is rewritten to must not
// depend on where that is done.
//
// The products over the channels run like any contraction. The four transforms are short contractions that
// come from and go to memory: about three times as slow. Weights are read once from beyond the second-level
// cache where they do not stay there, a few multiply-adds for each (130 of them take as long as 40 bytes:
// measured on an EPYC of 2024, and about the same ratio on others); for a direct convolution the reads hide
// behind nine times as many products.
#include "passes/winograd_cost.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace tauto {
namespace {

constexpr double kTransform = 3;
constexpr double kPerWeight = 4 * 130 / 40.0;
constexpr double kCached = 1 << 17;  // elements that stay in a second-level cache, beside others
constexpr double kCalls = 5e5;       // of six kernels instead of one
constexpr double kLeastGain = 1.3;   // results change: not for less
constexpr double kLargerTile = 1.1;  // errors grow with the tile
constexpr int64_t kLanes = 16;       // channels that do not fill vectors are read one by one
constexpr int64_t kSymbol = 256;     // pixels of an image whose size is not known: rather small

// Where height is a symbol, a layer of floor((height + 31) / 32) pixels has 8.
double pixels_of(const Dim& d) {
  std::vector<std::string> symbols;
  symbols_of(d, symbols);
  std::map<std::string, Dim> known;
  for (const std::string& s : symbols) known.emplace(s, kSymbol);
  return static_cast<double>(substitute(d, known).as_literal().value_or(kSymbol));
}

double reads(double weights) { return weights > kCached ? weights * kPerWeight : 0; }

}  // namespace

double winograd_gain(const PlainConvolution& c, int64_t tile) {
  const auto in = static_cast<double>(c.in.literal()), out = static_cast<double>(c.out.literal());
  const auto n = static_cast<double>(c.batch.as_literal().value_or(1));
  const double height = pixels_of(c.height), width = pixels_of(c.width);
  const double m = static_cast<double>(tile), t = m + 2;
  const double rows = std::ceil(height / m), columns = std::ceil(width / m), tiles = n * rows * columns;
  const double direct = 9 * n * height * width * in * out + reads(9 * in * out) / 2;
  const double transforms = in * t * t * (n * height * columns + t * tiles) + out * t * m * tiles * (t + m);
  return direct / (t * t * tiles * in * out + kTransform * transforms + reads(t * t * in * out) + kCalls);
}

int64_t winograd_tile(const PlainConvolution& c) {
  if (c.in.literal() % kLanes != 0 || c.out.literal() % kLanes != 0) return 0;
  const double two = winograd_gain(c, 2), four = winograd_gain(c, 4);
  const int64_t tile = four > kLargerTile * two ? 4 : 2;
  return (tile == 4 ? four : two) >= kLeastGain ? tile : 0;
}

}  // namespace tauto
