// Where each intermediate tensor lies in the arena: a pure function from sizes and lifetimes to offsets.
// Larger buffers are placed first, each into the smallest gap that fits it among those alive at the same
// time. Fast enough (tens of microseconds for a network of hundreds of buffers) to be asked again for each
// new shape.
//
// Steps count the program's kernels in order. A buffer is alive in the steps [first, last], ends included:
// the kernel of step `first` writes it, that of `last` reads it last, so two buffers may share bytes only if
// one's last step comes before the other's first. Two relations allow more:
//   a view      lies inside another buffer, at an offset the caller states (a slice, a part of a
//               concatenation that its producer writes in place); it takes no room, and its parent lives at
//               least as long;
//   in place    the kernel that is one buffer's last reader and the other's writer allows both to begin at
//               the same address (elementwise: element i is read before it is written, and nothing else is).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tauto {

struct BufferNeed {
  int64_t bytes = 0;
  int first = 0, last = 0;  // steps, both included; first <= last
  int view_of = -1;         // the number of another buffer: lies inside it ...
  int64_t view_offset = 0;  // ... this many bytes from its beginning
};

// `later` may begin where `earlier` begins, where earlier.last == later.first. Elsewhere it says nothing.
struct InPlace {
  int earlier = 0, later = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // of each buffer, views included; multiples of the alignment but for views
  int64_t total = 0;             // bytes
};

inline constexpr int64_t kPlanAlignment = 64;

// InternalError: a lifetime that ends before it begins, a view outside its parent or of itself.
MemoryPlan plan_memory(std::span<const BufferNeed> needs, std::span<const InPlace> in_place = {});

// No plan can do with less: the largest sum of (aligned) sizes alive in one step, where a pair in place
// counts as one.
int64_t liveness_bound(std::span<const BufferNeed> needs, std::span<const InPlace> in_place = {});

// What is wrong with a plan, in words; empty if nothing. For tests, and after every planning in debug runs.
std::string plan_problem(std::span<const BufferNeed> needs, std::span<const InPlace> in_place,
                         const MemoryPlan& plan);

}  // namespace tauto
