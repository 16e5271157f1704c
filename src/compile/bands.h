// Chains of kernels that run band by band: a band is a block of rows of what they hand on.
//
// The scores of an attention are written by one contraction, walked row by row by reductions, and read by the
// next contraction. Where they do not stay in the second-level cache each of these kernels gets them from
// beyond it. No row needs another one; so all kernels of the chain are run for the rows of one band, then for
// the next, and what they hand on is one band large: memory that stays in the cache.
//
// For this no kernel is of another kind than it was. One that runs band by band is built with shorter loops
// over the same buffers, and called with its buffers further on; that is the same computation because every
// index is affine in these loops, and nothing else asks for them. Which loops run over rows is read off the
// indices: where a kernel reads (or writes) a value that is handed on, its loops are those over whole rows,
// and those inside of one row. A chain begins where a kernel contracts and holds another one that does; it is
// run in bands if its first result is more than twice as large as the second-level cache, and what each band
// reads anew stays in that cache, or is little beside what is handed on.
//
// No bit changes: each element is computed by the same expression. A kernel can also be run band by band
// alone, over whole values (where a value that is handed on is asked for, compile/probes.h); threads share
// the bands of a chain.
#pragma once

#include <functional>

#include "compile/kernels.h"

namespace tauto {

inline constexpr size_t kMostInChain = 8;  // kernels

struct Chain {
  std::vector<size_t> members;  // of the groups, in order
  std::vector<Group> banded;    // as they are run
};

struct BandOptions {
  int64_t cache = 1 << 20;  // bytes of the second level
  std::set<Id> blocked;     // values that are not row-major
  // The rows of a band that a schedule asks for, if there is one for this kernel; 0: no bands begin here.
  std::function<std::optional<int64_t>(const Group&)> asked;
};
// `groups`: with their layouts.
std::vector<Chain> find_chains(const Function& f, const std::vector<const Group*>& groups,
                               const BandOptions& options);

// The group with the loops and strides of one band; `like`: those of this group or of what it was lowered from
// again. NotScheduled: an index does not allow it.
Group in_bands(Group whole, const Bands& like);

// The kernel with loops over all rows.
loops::Kernel whole_kernel(const Group& g);

}  // namespace tauto
