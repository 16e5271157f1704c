// What lowerings share: index expressions, conditions that may fail, halves.
#pragma once

#include "ops/lowering.h"

namespace tauto {

using Index = std::vector<loops::Expr>;

// The type in which elements of type e are computed with: f32 for f16 and bf16, else e. `widened` converts to
// it; `converted` converts to e unless x is of that type.
ElementType arithmetic_type(ElementType e);
loops::Expr widened(loops::Expr x);
loops::Expr converted(loops::Expr x, ElementType e);
bool is_loop_type(ElementType e);  // has loads, stores and arithmetic in loops: no strings, no part of a byte

inline loops::Expr is_at_most(loops::Expr a, loops::Expr b) {
  return loops::apply(loops::Function::LessEqual, {std::move(a), std::move(b)});
}
inline loops::Expr is_equal(loops::Expr a, loops::Expr b) {
  return loops::apply(loops::Function::Equal, {std::move(a), std::move(b)});
}
inline loops::Expr smaller(loops::Expr a, loops::Expr b) {
  return loops::apply(loops::Function::Min, {std::move(a), std::move(b)});
}
inline loops::Expr larger(loops::Expr a, loops::Expr b) {
  return loops::apply(loops::Function::Max, {std::move(a), std::move(b)});
}

// Several conditions at once; undefined when there is none.
class Conditions {
 public:
  void require(loops::Expr c) { all_ = all_.defined() ? loops::both(all_, std::move(c)) : std::move(c); }
  bool any() const { return all_.defined(); }
  const loops::Expr& all() const { return all_; }

 private:
  loops::Expr all_;
};

bool at_least(const Dim& d, int64_t bound);  // for all symbols, surely

// The index along one dim of an operand of an access, at a point of all its axes. Adds to `inside` those of
// its conditions (0 <= index < extent, a multiple of the divisor) which may fail.
loops::Expr accessed_index(const Access& access, const AxisIndex& x, const Index& point, const Dim& extent,
                           Conditions& inside);

// The index into `input` of the result's element at `index`, as numpy broadcasts.
Index broadcast_index(Lowering& l, int input, const Index& index);

// Row-major offset of an index, and back. Extents 1 take no part.
loops::Expr linear_index(const Dims& dims, const Index& index);
Index index_of_linear(const Dims& dims, const loops::Expr& linear);
// The index into a tensor of dims `from` where its elements, in row-major order, are seen as `to`: groups of
// axes with equal products are renamed, split or merged by themselves.
Index reshaped_index(const Dims& from, const Dims& to, const Index& index);

// out[i] = values[i] for few values that may be symbolic.
loops::Expr one_of(const Dims& values, const loops::Expr& i, ElementType type);

// Element `at` of integer input i as an index along an axis: negative ones count from the end, others outside
// are refused before the kernel runs (Lowering::require_range, with its `component`).
loops::Expr loaded_index(Lowering& l, int input, int component, const Index& at, const Dim& extent);

}  // namespace tauto
