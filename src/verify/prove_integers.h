// Proofs about networks of few bits, for every input: what the passes `integers` and `thresholds` made is compared
// with what it replaced, by the interpreter, over everything that can reach it.
//
//   contraction   Σ |x·w| of each neuron, from its weights: at most 2^24, so the f32 sums of the definition are
//                 exact in any order; inside i32, so the accumulator neither saturates nor wraps. Both sides are then
//                 linear functions of integers, and equal if they agree on 0 and on each unit vector.
//   thresholds    the definition and the comparisons, evaluated on all attainable accumulators of each neuron.
//
// The two programs of each step are those that the ledger keeps; nothing is taken from what the passes computed.
#pragma once

#include <string>
#include <vector>

#include "passes/attainable.h"

namespace tauto {

struct IntegerNode {
  std::string name;  // source nodes
  std::string kind;  // contraction, thresholds
  int64_t neurons = 0, proved = 0;
  int64_t compared = 0;  // results, bit for bit
  IntegerRange accumulators;
  std::string why_not;  // the first neuron's reason
};

struct IntegerProofs {
  std::vector<IntegerNode> nodes;
  int64_t neurons = 0, proved = 0;
};

// An entry of the ledger that keeps its programs (Module::keeps_replays).
IntegerNode prove_step(const LedgerEntry& e);

// m: a model's graph before the passes.
IntegerProofs prove_integers(const Module& m);

std::string text_of(const IntegerProofs& p);  // a line each, and `integers PROVED n of n neurons`

}  // namespace tauto
