// Which quantizer changed a decision, and by how much.
//
// Let z_i be the result of the i-th quantized contraction (with its bias) and e_i its actual error in a run of
// the quantized program: what it gave minus what the f32 node gives on the very inputs that it had. All other
// nodes are the same in both programs, so the source with e_i added behind every z_i *is* the quantized
// program, and with t e_i, 0 <= t <= 1, a path from the one to the other, along which a margin changes by
//
//   g(1) − g(0) = Σ_i ∫ ∂g/∂z_i(t) · e_i dt
//
// A quantizer's contribution is its Jacobian row times its actual error, averaged over the path (Sundararajan
// et al., Axiomatic attribution for deep networks, arXiv 1703.01365) at the middles of `steps` pieces. What
// the sum leaves of the change is the residual: rows that jump between the steps (relu), operators whose error
// rule has no linear part, rounding. e_i is charged in two parts: the f32 weights times the error of the
// activations, and the rest, which is that of the weights and the bias.
#pragma once

#include "passes/precision.h"
#include "verify/error_propagation.h"

namespace tauto::equivalence {

struct Contribution {
  std::string node;
  double activations = 0, weights = 0;
  double total() const { return activations + weights; }
};

struct QuantizerBlame {
  double source = 0, quantized = 0;         // the functional of both programs
  std::vector<Contribution> contributions;  // the largest magnitude first
  double residual = 0;                      // quantized − source − Σ contributions
};

// `inputs`: of one run. Error where the programs' values cannot be told apart by the nodes' names.
QuantizerBlame blame_quantizers(const Module& source, const PrecisionPlan& plan,
                                const std::vector<Value>& inputs, const Functional& functional, int steps = 8,
                                const std::function<bool()>* cancelled = nullptr);

}  // namespace tauto::equivalence
