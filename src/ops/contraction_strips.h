// Places of outputs in their operands: lists of axes flattened into strips of neighbours.
#pragma once

#include "ops/contraction_phase.h"

namespace tauto {

inline constexpr size_t kMaxChecked = 6;  // indices that may fall outside, per operand

// Positions [first, first + count) of the flattened axes, neighbours along the last axis.
struct Strip {
  int64_t first = 0, count = 1;
  int64_t out = 0;
  std::array<int64_t, 2> at{0, 0};
  std::array<std::array<int64_t, kMaxChecked>, 2> index{};  // checked indices of each operand
};

struct Strips {
  std::vector<Strip> list;
  int64_t out = 0;  // steps along a strip
  std::array<int64_t, 2> at{0, 0};
  std::array<std::array<int64_t, kMaxChecked>, 2> index{};
};

// Positions [first, first + count) of the flattened axes, seen from `first`.
Strips strips_of(const ContractionPhase& phase, const std::vector<ContractionAxis>& axes, int64_t first,
                 int64_t count);
// All of them where a position is Σ coordinate · stride: there may be gaps between strips.
Strips strips_with_gaps(const std::vector<ContractionAxis>& axes, const Ints& strides);

// A batch point.
struct Place {
  int64_t out = 0;
  std::array<int64_t, 2> at{0, 0};
  std::array<Ints, 2> index;  // of each index, without what reduction axes (and divided starts) add

  explicit Place(const ContractionPhase& phase);
  void move(const ContractionAxis& axis, int64_t by);
};

template <class F>
void for_each_batch(const ContractionPhase& phase, F f) {
  Place p(phase);
  Ints at(phase.batch.size(), 0);
  for (;;) {
    f(static_cast<const Place&>(p));
    size_t i = at.size();
    for (; i-- > 0;) {
      const ContractionAxis& x = phase.batch[i];
      if (++at[i] < x.extent) {
        p.move(x, 1);
        break;
      }
      p.move(x, 1 - x.extent);
      at[i] = 0;
    }
    if (i == static_cast<size_t>(-1)) return;
  }
}

}  // namespace tauto
