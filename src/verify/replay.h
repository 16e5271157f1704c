// Replays of entries of the ledger: the sub-graph that a rewrite consumed and the one that it produced, run
// by the interpreter on the same inputs. `exact` has to leave all bits, `rounding` to stay within its bound.
//
// Inputs are those that the sub-graph really got in a run of the model (`capture`), or made to do harm in the
// same shapes (`adversarial`).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compile/allowed.h"
#include "graph/graph.h"

namespace tauto {

struct Replay {
  std::string why_not;    // not run: there are no sub-graphs, or they have no meaning for these inputs
  bool reached = true;    // false: the run did not get there (a branch that it did not take)
  int64_t elements = 0;   // of the results
  int64_t differing = 0;  // whose bits differ
  int64_t beyond = 0;     // that break the contract
  int64_t unbound = 0;    // for which the bound promises nothing (+∞)
  double worst = 0;       // the largest |difference| / bound
  // Of the largest magnitude that f64 gives: by how much each of the two errs (a-posteriori check), the
  // largest bound for these inputs, and for all inputs whose channels reach no further (a-priori, from
  // ranges).
  double consumed_error = 0, produced_error = 0, bound = 0, range_bound = 0;
  bool ran() const { return why_not.empty(); }
};

Replay replay(const LedgerEntry& e, const std::vector<Value>& inputs);

// `v` with every element as large as the largest of its channel (dim 1, where there are more than two): the
// measured range from which a bound follows for all inputs that stay in it.
Value range_of(const Value& v);

// The inputs of an entry's sub-graphs in a run, and the sizes that symbols had in its function.
struct Captured {
  std::vector<Value> inputs;
  Env sizes;
};

// For each entry what it gets in a run of the models that passes found (Module::keeps_replays); nothing where
// the run does not reach it.
std::vector<std::optional<Captured>> capture(std::span<const LedgerEntry> entries,
                                             const std::vector<Value>& model_inputs);

// The entry with sizes in place of symbols.
LedgerEntry for_sizes(const LedgerEntry& e, const Env& sizes);

enum class Adversary : uint8_t {
  Cancelling,  // neighbours of equal size and opposite sign
  Ranging,     // magnitudes from 2^-60 to 2^30, evenly in their exponents
  Tiny,        // denormals, and numbers not far above
  Large,       // near what f32 holds, so that promises may end
};
inline constexpr Adversary kAdversaries[] = {Adversary::Cancelling, Adversary::Ranging, Adversary::Tiny,
                                             Adversary::Large};
const char* name_of(Adversary a);
// A value like `v`, float elements replaced; others stay.
Value adversarial(const Value& v, Adversary a, uint64_t seed);

// All entries of m (an imported graph) under what is allowed, for these inputs of the model: the rewrites
// and, for the sizes of the inputs, the passes of the compilation.
struct ReplayedEntry {
  LedgerEntry entry;
  std::string inputs;  // "captured", or the adversary's name
  Replay replay;
};
std::vector<ReplayedEntry> replay_all(Module m, const Allowed& allowed, const std::vector<Value>& inputs,
                                      uint64_t seed);

}  // namespace tauto
