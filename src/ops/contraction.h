// The evaluator of contractions: fixed blocks of at most 144 terms, each one chain of fma from +0, block sums
// added from +0 left to right (docs/semantics.md, "Contraction").
#pragma once

#include "loops/arithmetic.h"
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

// All points of an access whose index lies inside operand k: f(output element, operand's element).
template <class F>
void for_each_tap(const BoundAccess& a, size_t k, F f) {
  const auto& indices = a.operands[k];
  Ints at(a.extents.size(), 0);
  int64_t points = 1;
  for (int64_t e : a.extents) points *= e;
  for (int64_t done = 0; done < points; ++done) {
    int64_t from = 0, to = 0;
    bool inside = true;
    for (const BoundAccess::Index& x : indices) {
      int64_t i = x.offset;
      for (size_t d = 0; d < at.size(); ++d) i += x.coefficients[d] * at[d];
      inside = inside && i >= 0 && i % x.divisor == 0 && i / x.divisor < x.dim;
      from = from * x.dim + i / x.divisor;
    }
    for (size_t d = 0; d < static_cast<size_t>(a.outputs); ++d) to = to * a.extents[d] + at[d];
    if (inside) f(to, from);
    for (size_t d = at.size(); d-- > 0;) {
      if (++at[d] < a.extents[d]) break;
      at[d] = 0;
    }
  }
}

// An f32 whose fma is loops::fma_flush: the steps of bf16.dp. Sums of blocks are added as f32.
struct FlushedFloat {
  float v = 0;
  friend FlushedFloat operator+(FlushedFloat a, FlushedFloat b) { return {a.v + b.v}; }
};
namespace num {
inline FlushedFloat fma(FlushedFloat a, FlushedFloat b, FlushedFloat c) {
  return {loops::fma_flush(a.v, b.v, c.v)};
}
}  // namespace num

// out = Σ a·b over row-major operands in compute form: C = float, double, int32_t, int64_t, FlushedFloat,
// IInterval, Term.
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
extern template void contract(const BoundAccess&, const FlushedFloat*, const FlushedFloat*, FlushedFloat*,
                              FlushedFloat, const EvalContext&);
extern template void contract(const BoundAccess&, const IInterval*, const IInterval*, IInterval*, IInterval,
                              const EvalContext&);
extern template void contract(const BoundAccess&, const Term*, const Term*, Term*, Term, const EvalContext&);

}  // namespace tauto
