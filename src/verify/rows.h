// Rows of a batch that do not depend on each other, seen from the graph.
//
// A symbol of the inputs' sizes is a *batch* if row i of every result follows from row i of the inputs that
// have the symbol, by an expression that names neither i nor the number of rows. Then, by the law, row i of a
// run has the bits of a run with row i alone. The analysis reads each node's own tensor expression: an
// element of the result at row b may read rows only at b. What it cannot see it does not claim.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tauto::proof {

// Which axis of a value the rows lie along, each `inner` elements long.
struct RowAxis {
  size_t axis = 0;
  int64_t inner = 1;
  friend bool operator==(const RowAxis&, const RowAxis&) = default;
};

struct Batch {
  std::string symbol;
  std::vector<std::optional<RowAxis>> inputs, outputs;  // of main; an input without rows is the same for all
  std::string why_not;                                  // it is no batch; "": it is
};

// For each symbol that is a size of an input of main.
std::vector<Batch> batches_of(const Module& m);

}  // namespace tauto::proof
