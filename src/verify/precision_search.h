// Which contractions can have fewer bits under a stated equivalence: --precision auto --require "top1
// flips<=1%".
//
// The samples whose decisions are nearest to another one are looked at: what each quantizer adds to their
// margins (verify/quantizer_blame.h: Jacobian row times actual error, all nodes in one backward pass) says, by
// signed sums, how many are expected to flip under any set of quantizers, without running one. So nodes are
// put in an order: next is the one whose return to f32 undoes most expected flips for the time it costs.
// Programs are then validated that keep the first k in f32: k = 0, 1, 2, 4, … until one holds, and between the
// last that did not and the first that did. Fewer bits are not monotonically worse, so nothing is inferred:
// every program that is said to hold was run, and the last is verified on samples that the search never saw.
// If it fails there, the search goes on with more nodes in f32.
#pragma once

#include "compile/samples.h"
#include "passes/precision.h"
#include "verify/same.h"

namespace tauto::equivalence {

struct SearchOptions {
  DecisionRule rule;
  Budget budget;
  std::string output;       // that decides; "": the first of floats
  int64_t looked_at = 128;  // samples whose margins decide the order
  int64_t batch = 64;
  int threads = 1;
  bool timed = true;  // false: every node pays 1, so that the search is the same on every machine
  std::function<void(const std::string& stage, int64_t done, int64_t total)> progress;
  const std::function<bool()>* cancelled = nullptr;
};

// One program that was run on samples.
struct Validation {
  std::vector<std::string> kept;  // nodes in f32 that could have been quantized
  bool fresh = false;             // on the second half of the samples
  int64_t flips = 0, samples = 0;
  double upper = 0;    // of the rate of flips, with the budget's confidence
  double seconds = 0;  // of a run of one unit of samples
  bool holds = false;
};

struct PrecisionSearch {
  PrecisionPlan plan;
  std::vector<Validation> validations;  // in the order in which they were made
  std::vector<std::pair<std::string, double>>
      prices;  // flips undone for a second; in the order of returning to f32
  double f32_seconds = 0;
  bool found = false;  // does the last validation hold, with a node quantized?
};

// `plan`: what all nodes would have. The first half of `data` is searched on, the second verified on. Error:
// the budget needs more samples than the second half has.
PrecisionSearch search_precision(const LoadedModel& source, const PrecisionPlan& plan, const Samples& data,
                                 const SearchOptions& options);

std::string text_of(const PrecisionSearch& s, const Budget& budget);

}  // namespace tauto::equivalence
