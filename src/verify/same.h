// Are two systems the same network? One line per level and leg, each with a verdict, and the tables behind
// them.
//
//   source M ──(approximation: what was allowed to change the program)──▶ Q ──(implementation)──▶ machine
//   code
//
// A is the source. The approximation leg compares what A and B mean, the implementation leg the machine code
// of B with the interpreter's bits. An outside implementation has no program of ours to be measured by: its
// one leg is checked node by node against what is legal (verify/source_checks.h), and by its decisions.
#pragma once

#include <functional>

#include "compile/samples.h"
#include "verify/decision.h"
#include "verify/run_checks.h"
#include "verify/source_checks.h"
#include "verify/system.h"
#include "verify/verdict.h"

namespace tauto::equivalence {

struct Budget {
  std::optional<double> flips;  // the rate that is allowed; nothing: no unexcused flip
  double confidence = 0.95;
};
// "flips=0.5% confidence=95%" (or 0.005 and 0.95; also "flips<=0.5% conf>=95%"). Error: --budget: required …, got …
Budget parse_budget(const std::string& text);

struct SameOptions {
  bool bitwise = true, numeric = true, decision = true;  // levels
  std::string level;                 // the only one asked for; "": all that there is to ask
  std::optional<DecisionRule> rule;  // nothing: no decision level
  std::string output;                // that decides; "": the first of floats
  Budget budget;
  bool stop_early = false;  // look while samples come in, in a drawn order; stop when it is clear
  uint64_t seed = 1;
  int64_t batch = 64;         // samples to a run, where the model leaves it open
  int64_t deep = 4;           // samples of the numeric level and the hash matrix
  double proof_seconds = 60;  // a third of it each for values, bounds of outputs, and certificates
  int64_t legal_draws = 16;   // legal executions of the source that are tried for each flip
  OutsideOptions outside;
  std::function<void(const std::string& stage, int64_t done, int64_t total)> progress;
  const std::function<bool()>* cancelled = nullptr;
};

struct Line {
  std::string leg, path, level;    // "implementation", "Q -> binary", "bitwise"
  std::optional<Verdict> verdict;  // nothing: a measurement
  std::string detail;
  std::vector<std::string> more;  // lines below
  bool counts = true;             // is it part of what was asked?
};

struct Flip {
  int64_t sample = 0;
  std::string a, b;   // the decisions
  double margin = 0;  // A's
  bool tied = false, excused = false;
  std::string leg;
  std::vector<std::pair<std::string, double>> nodes;  // shares of the blame
  int64_t label = -1;
};

struct MarginPoint {
  double margin;
  bool flip, excused, certified;
};

struct HashRow {
  std::string isa, how, split;
  int threads = 0;
  std::string sha256;
};

// What an outside implementation answers when it is asked for the values of these nodes only.
struct CutRow {
  std::string op;
  int64_t nodes = 0;
  double changes = 0, off = 0;  // the largest difference from its answer unasked, and from the source's
};

struct OutputDifference {
  std::string name;
  int64_t elements = 0, differ = 0;  // elements of all samples
  double most = 0, mean = 0, scale = 0;
};

// What a search over boxes counted (verify/same_region.h).
struct RegionNumbers {
  std::string goal;  // "epsilon 0.05", "argmin"
  int64_t boxes = 0, leaves = 0, left = 0;
  int deepest = 0;
  double closed = 0, bound = 0, first_bound = 0, seen = 0, cpu_seconds = 0, seconds = 0;
};

struct SameResult {
  std::string a, b, a_is, b_is;
  int semantics = 0;
  std::string decision, ties, budget_text, data, data_sha256, a_sha256, b_sha256, binary_sha256;
  int64_t samples = 0, compared = 0, equal_bits = 0;
  bool batched = false;
  std::vector<Line> lines;
  std::vector<OutputDifference> differences;
  std::vector<SourceCheck> nodes;
  std::vector<ValueCheck> values;  // of our machine code, node by node of its graph
  std::vector<std::string> value_names;
  std::string first_illegal;  // node
  std::string stage;          // of ours, that made it
  std::string cut_effect;     // of asking an outside implementation
  std::vector<CutRow> cuts;   // by operators, where asking changes its answers
  std::vector<Flip> flips;
  int64_t ties_seen = 0, nan_a = 0, nan_b = 0;
  int64_t right_to_wrong = 0, wrong_to_right = 0, labelled = 0, right_a = 0, right_b = 0;
  std::vector<MarginPoint> margins;
  int64_t certified = 0, certifiable = 0;  // samples found certain, of those that were looked at
  std::vector<HashRow> hashes;
  std::vector<std::pair<std::string, std::string>> proofs;  // kernel, verdict and reason
  std::vector<std::pair<std::string, double>> blame;
  std::vector<std::string> ledger;
  std::vector<SourceEdge> graph;  // of the source
  std::vector<std::string> not_covered;
  std::vector<RegionNumbers> regions;
  int64_t witness = -1;  // the sample that refutes; -1: none
  double seconds = 0;

  bool holds() const;  // what was asked for
};

// Error: "same: …" where the two do not fit together, or what is asked does not fit them.
SameResult same(System& a, System& b, const Samples& samples, const SameOptions& options);

// Throws where the interfaces differ.
void require_same_interface(const System& a, const System& b);

std::string text_of(const SameResult& r);       // the verdict lines, as the command prints them
std::string with_commas(int64_t n);             // 12,345
enum class Round : uint8_t { Near, Up, Down };  // Up, Down: of bounds, which have to hold as printed
std::string percent(double rate, Round round = Round::Near);  // 0.36 %

}  // namespace tauto::equivalence
