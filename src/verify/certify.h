// Decision certificates: that every legal execution of a graph, on one input, makes the same decision.
//
// A decision is a set of inequalities between elements of an output. Each is a functional whose centre is the
// margin; where the margin exceeds the functional's error bound (verify/error_propagation) no legal execution
// can turn it. Pairs whose radii alone keep them apart need no functional of their own.
#pragma once

#include <string>
#include <vector>

#include "verify/error_propagation.h"

namespace tauto {

struct Decision {
  enum class Kind : uint8_t { Top1, ArgMin, TopK, Threshold } kind = Kind::Top1;
  int64_t k = 1;         // of TopK: which k elements, whatever their order
  double threshold = 0;  // of Threshold: on which side each element is
  size_t output = 0;
};
// "top1", "argmin", "topk:K", "threshold:T". Error otherwise.
Decision parse_decision(const std::string& text);
std::string text_of(const Decision& d);

// One inequality: element `above` is certainly greater than `below` (or than the threshold: −1).
struct Separation {
  int64_t above = 0, below = 0;  // row-major elements of the output; −1: the threshold
  double margin = 0, error = 0;  // of their difference at the centre
  bool by_radius = false;        // error is the sum of two radii
};

struct Certificate {
  bool certified = false;
  std::string reason;  // why not: the pair that is not decided, or what has no bound
  std::vector<int64_t>
      winners;  // by row (all dims but the last): the elements chosen; thresholds: those above
  std::vector<Separation> separations;
  Separation closest;  // the least margin / error
  std::vector<Refinement> refined;
};

struct CertifyOptions {
  PropagationOptions propagation;
  size_t refine_limit = 64;  // doubtful elements of a node that get functionals of their own; 0: none
};

// Error: a decision that does not fit the output.
Certificate certify(ErrorPropagation& p, std::vector<Value> inputs, const Decision& decision,
                    const CertifyOptions& options = {});

}  // namespace tauto
