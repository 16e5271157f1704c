// The tensor expression of a group of nodes: each node's own, put where its user asks for an element of it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "compile/kernels.h"

namespace tauto {

using Finite = std::map<Id, bool>;  // constants that were looked at: have they no NaN or infinity?

// What is otherwise than in the graph: with_probes and with_node of compile/kernels.h.
struct Changed {
  std::set<Id> probes;
  Id repeated = -1;
  int times = 1;
};

// The kernel that computes `result` from what is not `inlined`, constants apart. Throws NotLowered (ops/lowering.h)
// where there is none.
Group lower_group(const Module& m, const Function& f, const std::vector<bool>& inlined, Finite& finite,
                  Id result, const Changed& changed = {});

}  // namespace tauto
