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

namespace tauto {
namespace {

constexpr double kTransform = 3;
constexpr double kPerWeight = 4 * 130 / 40.0;
constexpr double kCached = 1 << 18;  // elements that stay in a second-level cache
constexpr double kLeastGain = 1.3;   // results change: not for less
constexpr double kLargerTile = 1.1;  // errors grow with the tile
constexpr int64_t kLanes = 16;       // channels that do not fill vectors are read one by one
constexpr int64_t kUnknown = 28;     // pixels along an axis of a size that is not known

double size_of(const Dim& d, int64_t unknown) {
  return static_cast<double>(d.as_literal().value_or(unknown));
}

double reads(double weights) { return weights > kCached ? weights * kPerWeight : 0; }

}  // namespace

double winograd_gain(const PlainConvolution& c, int64_t tile) {
  const double in = size_of(c.in, 1), out = size_of(c.out, 1), n = size_of(c.batch, 1);
  const double height = size_of(c.height, kUnknown), width = size_of(c.width, kUnknown);
  const double m = static_cast<double>(tile), t = m + 2;
  const double rows = std::ceil(height / m), columns = std::ceil(width / m), tiles = n * rows * columns;
  const double direct = 9 * n * height * width * in * out + reads(9 * in * out) / 2;
  const double transforms = in * t * t * (n * height * columns + t * tiles) + out * t * m * tiles * (t + m);
  return direct / (t * t * tiles * in * out + kTransform * transforms + reads(t * t * in * out));
}

int64_t winograd_tile(const PlainConvolution& c) {
  if (c.in.literal() % kLanes != 0 || c.out.literal() % kLanes != 0) return 0;
  const double two = winograd_gain(c, 2), four = winograd_gain(c, 4);
  const int64_t tile = four > kLargerTile * two ? 4 : 2;
  return (tile == 4 ? four : two) >= kLeastGain ? tile : 0;
}

}  // namespace tauto
