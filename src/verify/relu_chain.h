// Two networks of one shape, layer beside layer: what differential verification works on
// (verify/difference_bounds.h). A layer is y = W x + b, then perhaps relu; what else a graph holds must be
// movement that keeps the order of elements (reshape, flatten) or fold into constants.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tauto::region {

struct Layer {
  size_t in = 0, out = 0;
  std::vector<double> weights;  // out × in, empty: the identity
  std::vector<double> bias;     // out
  bool relu = false;
  // A legal execution is within γ_n (Σ|W||x| + |b|) + underflow of W x + b, n the roundings that one term goes
  // through in any order of additions (docs/certificates.md); 0: nothing is rounded.
  double roundings = 0;
};

struct Chain {
  std::vector<Layer> layers;
  size_t inputs() const { return layers.front().in; }
  size_t outputs() const { return layers.back().out; }
};

// Error, beginning with `name`: a node that is not of this class, and which.
Chain chain_of(const Module& m, const std::string& name);

// Layer k of both, and what turns the first into the second.
struct LayerPair {
  size_t in = 0, out = 0;
  std::vector<double> a, b, difference;  // out × in
  std::vector<double> bias_a, bias_b, bias_difference;
  bool relu = false;
  double roundings_a = 0, roundings_b = 0;
};
struct PairOfChains {
  std::vector<LayerPair> layers;
  size_t inputs() const { return layers.front().in; }
  size_t outputs() const { return layers.back().out; }
};
// Error: they differ in more than numbers; where.
PairOfChains pair_of(const Chain& a, const Chain& b);

}  // namespace tauto::region
