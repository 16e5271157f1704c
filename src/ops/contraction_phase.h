// Contractions as batched matrix products: the axes of one phase, its operands and its terms.
//
// An output axis that steps a divided index by less than the divisor meets inserted zeros: it is split into
// phases, so that within one phase a term is inside or omitted for all outputs alike (a transposed
// convolution of stride 2 has 2 x 2 phases). In a phase every index is (start + Σ step·axis) + what the
// reduction axes add, so memory is read at `place of the output` + `tap of the term`.
#pragma once

#include <algorithm>
#include <array>

#include "ops/contraction.h"

namespace tauto {

struct ContractionAxis {
  int64_t extent = 1;
  int64_t out = 0;                  // step in the output
  std::array<int64_t, 2> at{0, 0};  // step in each operand's memory
  std::array<Ints, 2> index;        // step of each index of each operand
};

struct ContractionOperand {
  struct Index {
    int64_t extent, stride;  // of the operand's memory along this dim
    int64_t start, divisor;  // start: the numerator at the first output, without the reduction axes
    int64_t lo, hi;          // the values it takes in this phase
    bool inside() const { return lo >= 0 && hi < extent; }
  };
  std::vector<Index> indices;
  int64_t at = 0;            // memory offset at the first output
  std::vector<int> checked;  // indices that may fall outside
};

// The ordered terms, in blocks. Either one table for all blocks, shifted by `shift` per step of the outermost
// axis, or (`shift` empty) one table of all terms.
struct ContractionTerms {
  int64_t steps = 1, outer = 1;  // of the outermost axis: per block, in all
  int64_t per_step = 1;          // terms in one step, if shifted
  std::array<Ints, 2> taps;
  std::array<std::vector<Ints>, 2> indices;  // per checked index
  std::array<int64_t, 2> shift{0, 0};
  std::array<Ints, 2> index_shift;
  std::array<bool, 2> consecutive{false, false};  // taps step by one
  Ints begins;                                    // of each block and the end, if not shifted

  int64_t blocks() const { return (outer + steps - 1) / steps; }
  int64_t first(int64_t block) const { return block * steps; }  // step
  int64_t begin(int64_t block) const { return begins.empty() ? 0 : begins[static_cast<size_t>(block)]; }
  int64_t count(int64_t block) const {
    return begins.empty() ? std::min(steps, outer - block * steps) * per_step
                          : begins[static_cast<size_t>(block) + 1] - begin(block);
  }
  int64_t total() const { return begins.empty() ? outer * per_step : begins.back(); }
};

// A dense copy of the part of an operand that one batch point reads, zeros where it is outside, dims with a
// lane axis last and cut into `step` planes so that all lanes are neighbours: lane = Σ coordinate · stride.
struct ContractionPlane {
  struct Dim {
    int64_t lo = 0, count = 1;  // index values lo … lo + count - 1
    int64_t step = 1;           // of the lane axis
    int64_t stride = 0, plane_stride = 0;
    int64_t place(int64_t j) const { return j / step * stride + j % step * plane_stride; }
  };
  std::vector<Dim> dims;
  int64_t size = 0, lanes = 0;  // lanes with the gaps between rows
};

struct ContractionPhase {
  std::vector<ContractionAxis> batch, free[2];  // axes of both operands; of one (or none: in free[0])
  ContractionOperand operand[2];
  int64_t out = 0;
  int outputs = 0;
  Ints reduction;                                    // extents
  std::array<std::vector<Ints>, 2> reduction_steps;  // of each index, per reduction axis

  // Terms for reading the operands where they lie, or operand `planar` in a plane.
  ContractionTerms terms(const ContractionPlane* plane = nullptr, int planar = -1) const;
  // The plane for lanes along the free axes of operand i; false if there is none.
  bool plane(int i, ContractionPlane& p) const;
  int64_t points(const std::vector<ContractionAxis>& axes) const;
  // Joins neighbours that are one axis in memory.
  void merge(std::vector<ContractionAxis>& axes) const;
};

int64_t phase_count(const BoundAccess& access);
ContractionPhase phase_of(const BoundAccess& access, int64_t phase);

}  // namespace tauto
