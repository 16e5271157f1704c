// The ledger: what rewrites did to a module, each application with its contract (docs/contracts.md).
//
//   fold_constants @main "Cast_3": cast(i8[64]) : f32[64] => constant : f32[64]  exact
//
// A rounding rewrite says how far its results may lie from those of what it replaced by a *program*: the
// graph `bound` has the parameters of the replaced sub-graph and gives, for each of its results, an f64
// tensor of the same shape. So a bound is evaluated on inputs by the interpreter, like anything else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tauto {

struct Module;

// What a rewrite promises (docs/architecture.md, "A rewrite carries a contract").
enum class ContractKind : uint8_t { Exact, Rounding, Quantizing };
struct Contract {
  ContractKind kind = ContractKind::Exact;
  std::string statement;  // the bound of a rounding, the spec of a quantizing rewrite
  // Of a rounding: |produced − consumed| ≤ its results, element by element, for finite inputs; +∞ where
  // nothing is promised.
  std::shared_ptr<const Module> bound;
};

// One application of one rewrite: which source nodes were touched, what stands there now.
struct LedgerEntry {
  std::string pass;
  std::string function;
  Contract contract;
  std::string before, after;  // text of the nodes
  std::vector<std::string> sources;
  // The two sub-graphs as programs with the same parameters and results: kept of every rounding rewrite, and
  // of all where Module::keeps_replays. Null in what was read from a file.
  std::shared_ptr<const Module> consumed, produced;
  // Where Module::keeps_replays: the module that the pass found, and which nodes of `function` there are the
  // parameters of both. A run of it gives values to replay the entry with (verify/replay.h).
  std::shared_ptr<const Module> origin;
  std::vector<int32_t> inputs;
};
using Ledger = std::vector<LedgerEntry>;

std::string text_of(const LedgerEntry& e);  // one line, as above
std::string text_of(const Ledger& ledger);  // a line each
// Reads that back, without the sub-graphs. Throws Error with the line.
Ledger parse_ledger(std::string_view text);

}  // namespace tauto
