// reduce_max(x){axes, keepdims} = the maximum over the axes, max(acc, x) in the order of ops/reduction.h.
// Of no terms: -inf, or the least number of the type.
#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto::ops {
namespace {

struct Maximum {
  static constexpr Identity kIdentity = Identity::Lowest;
  template <class C>
  C operator()(const C& a, const C& b) const {
    return num::max(a, b);
  }
};

}  // namespace

constinit const Op reduce_max{
    .name = "reduce_max",
    .arity = 1,
    .type = reduce_type<kAllTypes>,
    .eval = reduce_eval<Maximum>,
    .lower = [](Lowering& l, const Index& i) { return lower_reduction(l, i, loops::Function::Max); },
    .error = [](ErrorRule& r) { selection_error(r, taps_of_reduction(r), 1); },
};

}  // namespace tauto::ops
