// The frame of every pass over graphs: functions are rebuilt node by node, callees before callers.
//
// Symbols keep their names. Where the new node says more of a dimension than a symbol did (arg_max of a
// constant decides how long a range is), the symbol is replaced wherever it stands.
//
// A pass gives one function `step(Rewrite&, old id) -> new id`; most nodes are copied. Whatever it replaces
// by something else it records in the ledger with its contract.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "graph/builder.h"

namespace tauto {

class Rewrite {
 public:
  Builder& b;
  const Function& from;

  Rewrite(Builder& b, const Function& from, std::string pass) : b(b), from(from), pass_(std::move(pass)) {}

  const Node& node(Id old) const { return from.node(old); }
  Id moved(Id old) const { return moved_[static_cast<size_t>(old)]; }  // where an earlier node went
  const Node& moved_input(Id old, size_t i) const { return b.node(moved(node(old).inputs[i])); }
  Id copy(Id old);  // the same node over the moved inputs
  Id copy(Id old, std::vector<Id> inputs);
  // Records that `old` became `now` exactly. Of a tuple: its parts.
  void record(Id old, Id now) { record(old, std::vector<Id>{now}); }
  void record(Id old, const std::vector<Id>& now) { record(old, now, {}); }
  // The nodes `inside`, by which `old` was computed, are no longer needed for it.
  void record(Id old, const std::vector<Id>& now, const std::set<Id>& inside);
  // Records that `old`, and the nodes `inside` that it alone was computed by, became `now` up to a rounding.
  // `bound` adds the nodes of Contract::bound to a builder; at(id) is there the value that `old`, a node
  // inside or an input of theirs had in the old function.
  using Values = std::function<Id(Id old)>;
  using BoundProgram = std::function<Id(Builder& b, const Values& at)>;
  // `replaced`: where inputs are that are not where they moved: they have entries of their own.
  void record_rounding(Id old, Id now, const std::set<Id>& inside, std::string statement,
                       const BoundProgram& bound, const std::map<Id, Id>& replaced = {});
  // Records that `old` became `now` in another number system.
  void record_quantizing(Id old, Id now, std::string spec);

 private:
  friend Module rewrite(const Module&, const std::string&, const std::function<Id(Rewrite&, Id)>&,
                        std::map<std::string, Dim>);
  LedgerEntry entry(Id old, Id now) const;
  void keep_origin(LedgerEntry& e, const std::vector<Id>& inputs) const;
  std::string pass_;
  std::vector<Id> moved_;
  std::shared_ptr<const Module> origin_;
  const std::map<std::string, Dim>* known_ = nullptr;  // what a step found symbols to be
};

// Rebuilds all functions of m; the result carries m's ledger with what the pass adds. `known`: what stands in
// place of symbols from the beginning.
Module rewrite(const Module& m, const std::string& pass, const std::function<Id(Rewrite&, Id)>& step,
               std::map<std::string, Dim> known = {});

}  // namespace tauto
