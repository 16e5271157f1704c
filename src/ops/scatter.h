// What scatter_elements and scatter_nd share: where updates go, and how they are combined.
#pragma once

#include "ops/movement.h"

namespace tauto {

// Index tuples (the last dim of input `i`) as offsets into x; each addresses a block of so many elements.
struct IndexTuples {
  std::vector<int64_t> offsets;
  int64_t block = 1;
};
IndexTuples index_tuples(const EvalContext& c, const Tensor& x, int i, int64_t batch_dims);

// Attribute `reduction`: none, add, mul, max, min, defined for x's elements.
void require_reduction(const TypeContext& c);

// out = a copy of x; then for each offset, in order, block elements there are combined with the next ones of
// updates: replaced by them, or out = reduction(out, update). f16 and bf16 are widened, combined in f32 and
// rounded once.
Tensor scatter(const EvalContext& c, const Tensor& x, const Tensor& updates,
               const std::vector<int64_t>& offsets, int64_t block);

}  // namespace tauto
