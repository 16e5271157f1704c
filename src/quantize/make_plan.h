// From a model, a precision and calibration data to a plan (passes/precision.h).
//
// Ranges of activations are measured on the compiled model, which gets the tensors in question as further
// results; rules of ranges, from lo = min(0, least) to hi = max(0, most):
//
//   minmax         all of it                                              Jacob et al., arXiv 1712.05877
//   percentile:P   the smallest range around 0 that leaves (100 − P) % of the values outside, half of them at
//                  each end (all at the one end, if the other is 0)        Wu et al., arXiv 2004.09602
//   mse            the fraction of the range, of 90, with the least squared error of what is quantized
//                                                                          Choukroun et al., arXiv 1902.06822
// The last two look at histograms of 4096 bins. Affine: s = (hi − lo) / 255, z = rne(−lo / s); symmetric:
// s = max(−lo, hi) / 127, z = 0.
//
// What cannot be quantized stays f32, with the reason in the plan; an Error if nothing can.
#pragma once

#include <functional>

#include "compile/samples.h"
#include "passes/precision.h"

namespace tauto {

struct PlanOptions {
  std::vector<std::string> keep;  // nodes that stay f32
  int64_t batch = 16;             // samples to a run, where the model leaves it open
  int threads = 1;
  std::function<void(int64_t done, int64_t total)> progress;
  const std::function<bool()>* cancelled = nullptr;
};

// `data` may be null if the precision needs none. Error, beginning with `where`.
PrecisionPlan make_plan(const LoadedModel& source, const Precision& how, const equivalence::Samples* data,
                        const PlanOptions& options, const std::string& where);

// What the inputs of contractions were in calibration data.
struct ActivationRange {
  bool reached = false, finite = true;
  double least = 0, most = 0;
  std::vector<double> bins;  // equally wide from least to most; empty unless they are wanted
};
std::vector<ActivationRange> measure_activations(const LoadedModel& source,
                                                 const std::vector<Contraction>& of,
                                                 const equivalence::Samples& data, bool bins,
                                                 const PlanOptions& options);
// Scale and zero point; the reason where there are none.
std::string set_scale(NodePrecision& p, const ActivationRange& r);

}  // namespace tauto
