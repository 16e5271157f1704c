// Which integers a node can hold, decided before run time: by the types, and by the weights of a contraction.
//
// Of a contraction with a constant each *neuron* (an index of the weights' own output axes: a column of a matmul,
// a channel of a convolution) has a range of its own:  Σ min(w·least x, w·most x) … Σ max(w·least x, w·most x).
// It says whether the accumulator can leave its type (saturate or wrap), and over what a statement about every
// input has to be checked.
#pragma once

#include "passes/known_constant.h"

namespace tauto {

struct IntegerRange {
  int64_t low = 0, high = 0;
  friend bool operator==(const IntegerRange&, const IntegerRange&) = default;
};

// Of a node of integers or bools: a hull of all its elements.
IntegerRange range_of(const NodeOf& node, Id id);

// A contraction Σ x·w whose w is known.
struct Accumulators {
  Shape shape;                      // one dim for each of the result: 1 along axes that w has not
  std::vector<IntegerRange> range;  // one per neuron, row-major
  std::vector<int64_t> most;        // Σ |x·w| at most: no partial sum in any order is larger

  int64_t count() const { return static_cast<int64_t>(range.size()); }
  IntegerRange hull() const;
  int64_t largest() const;  // of `most`
};

// The contraction's terms for x in a range, and for the weights as integers; nothing where an index of w is no
// plain axis, a size is not known, or a bound leaves 62 bits. data: which operand x is.
std::optional<Accumulators> accumulators_of(const Access& access, size_t data, const IntegerRange& x,
                                            const Tensor& weights);

// Of a node that is a contraction of integers with a constant, where every sum fits its type.
std::optional<Accumulators> accumulators_of(const NodeOf& node, Id id);

}  // namespace tauto
