// Whose fault a flip is: the difference that each node makes by itself, carried to the decision.
//
// The other system's own error at a node is what it computed there less what the source makes of the same
// inputs. The source is run on the sample once for each node with that error added to its own result, and the
// node is charged with the part of the margin that it so costs. Shares are of all that was lost; a sum of
// parts, not a proof.
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

// Nodes with their shares, the largest first; sets each flip's own. `margin` of a run's outputs: how far the
// sample at this row is on the side of the source's decision.
std::vector<std::pair<std::string, double>> blame_nodes(
    const Module& source, System& other, const Samples& samples, std::vector<Flip>& flips,
    const std::function<double(const std::vector<Value>&, int64_t row, const std::string& decided)>& margin,
    const SameOptions& options);

}  // namespace tauto::equivalence
