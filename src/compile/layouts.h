// Which values lie in channel-blocked memory: [N, C, …] as [N, C / B, …, B], B being the lanes of a vector.
//
// A contraction whose constant operand differs between channels wants its result so: channels side by side in
// lanes, pixels as rows of the tile. So does what reads row-major memory in which the channels are innermost.
// A view that leaves N and C alone shows a blocked value as a blocked one. What is computed from a blocked
// value is blocked too (f32, bytes, bf16, accumulators of i32), as long as only kernels see it; results of the
// model and what references read stay row-major. Blocked, too, are bytes and bf16 whose channels a contraction adds up (schedule/dots.h), and what
// these are moved from or windows of; channels that do not fill whole blocks are one block of them all.
#pragma once

#include <set>

#include "compile/kernels.h"

namespace tauto {

// The results of groups that are to be blocked by `block`, bytes perhaps by all their channels.
std::set<Id> choose_blocked(const Function& f, const std::vector<Group>& groups, int64_t block);

// How many channels lie together in a blocked value of so many.
int64_t block_of(ElementType e, int64_t channels, int64_t block);

// Takes these out of the blocked values, with all that views make of them.
void unblock(std::set<Id>& blocked, const std::set<Id>& values, const std::vector<Group>& groups);

// The group's kernel over the same buffers, those of blocked values laid out so.
Group with_blocked(const Group& g, const std::set<Id>& blocked, int64_t block);

// The elements of a blocked tensor in row-major order, and back.
Tensor unblocked(const Tensor& t, int64_t block);
Tensor blocked(const Tensor& t, int64_t block);

}  // namespace tauto
