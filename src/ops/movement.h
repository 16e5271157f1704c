// What operators that move elements share: axes, blocks, clamped slices, integer results in any Rep.
#pragma once

#include <optional>

#include "ops/storage.h"

namespace tauto {

inline int64_t normal_axis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

// The elements before, along and after an axis: a tensor seen as [outer, extent, inner].
struct AxisView {
  int64_t outer = 1, extent = 1, inner = 1;
  AxisView(const Shape& shape, int64_t axis) {
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t a = static_cast<int64_t>(i);
      (a < axis ? outer : a == axis ? extent : inner) *= shape[i];
    }
  }
};

// Attribute `axes` (default: 0 … n-1), each in [0, rank) and no two alike.
std::vector<int64_t> axes_of(const TypeContext& c, int64_t rank, int64_t n);
std::vector<int64_t> axes_of(const Attributes& a, int64_t rank, int64_t n);

// The part of an axis that a slice takes: count indices from `first` on, by the slice's step. Starts and ends
// count from the end when negative and are clamped to the axis. Nothing where signs are not decided.
struct Span {
  Dim first, count;
};
std::optional<Span> slice_span(const Dim& extent, const Dim& start, const Dim& end, int64_t step);

Dim product(std::span<const Dim> dims);

// An integer or bool tensor of these elements in the given Rep.
Tensor integers(ElementType type, Shape shape, std::span<const int64_t> values, Rep rep);

// index, counted from the end when negative; fails naming it when it is outside [-extent, extent).
int64_t wrapped_index(const EvalContext& c, int64_t index, int64_t extent, int64_t position);

}  // namespace tauto
