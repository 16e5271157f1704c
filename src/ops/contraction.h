// The evaluator of contractions: fixed blocks of at most 144 terms, each one chain of fma from +0, block sums
// added from +0 left to right (docs/semantics.md, "Contraction").
#pragma once

#include "loops/reduction_order.h"
#include "ops/number.h"

namespace tauto {

// An Access with all dims literal, bound to operand shapes.
struct BoundAccess {
  struct Index {
    Ints coefficients;  // one per axis
    int64_t offset = 0, divisor = 1;
    int64_t dim = 1;  // extent of the operand here
  };
  Ints extents;
  int outputs = 0;
  std::vector<std::vector<Index>> operands;

  BoundAccess(const Access& a, std::span<const Tensor* const> tensors);
  Shape output_shape() const { return Shape(extents.begin(), extents.begin() + outputs); }
  int64_t reduction_terms() const;
};

// out = Σ a·b over row-major operands in compute form: C = float, double, int32_t, int64_t, IInterval, Term.
template <class C>
void contract(const BoundAccess& access, const C* a, const C* b, C* out, C zero, const EvalContext& context);

extern template void contract(const BoundAccess&, const float*, const float*, float*, float,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const double*, const double*, double*, double,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const int32_t*, const int32_t*, int32_t*, int32_t,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const int64_t*, const int64_t*, int64_t*, int64_t,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const IInterval*, const IInterval*, IInterval*, IInterval,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const Term*, const Term*, Term*, Term, const EvalContext&);

}  // namespace tauto
