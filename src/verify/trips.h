// Loops of a vector program whose trips are alike, so that few of them stand for all.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "codegen/vector.h"

namespace tauto::proof {

// The structure of a program, by the numbers of its instructions.
struct LoopsOf {
  std::vector<size_t> end, other;  // of a loop or if: its end; of an if: its else, or 0
  // Of a loop: the registers whose value a trip takes from the trip before.
  std::map<size_t, std::vector<vec::Reg>> carried;
};
LoopsOf loops_of(const vec::Program& p);

// Of each scalar: from which memory it is an address, argument k or scratch (-1). Arguments below `buffers`
// and the last one of `arguments` are addresses. Sums of several have several.
std::vector<std::set<int64_t>> origins(const vec::Program& p, size_t buffers, size_t arguments);

// By instruction: a loop that hands on nothing but scalars to which every trip adds the same number, nor
// anything in memory: what a trip reads of what the loop writes lies elsewhere in every trip, or the trip has
// written it before. Where that is not enough (other loops read what was left out) a proof fails, and is
// tried again with `careful`: no loop then whose stores anybody reads.
std::vector<bool> alike_loops(const vec::Program& p, const LoopsOf& loops, bool careful, size_t buffers,
                              size_t arguments);

}  // namespace tauto::proof
