// reduce_min(x){axes, keepdims} = the minimum over the axes, min(acc, x) in the order of ops/reduction.h.
// Of no terms: +inf, or the greatest number of the type.
#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto::ops {
namespace {

struct Minimum {
  static constexpr Identity kIdentity = Identity::Highest;
  template <class C>
  C operator()(const C& a, const C& b) const {
    return num::min(a, b);
  }
};

}  // namespace

constinit const Op reduce_min{
    .name = "reduce_min",
    .arity = 1,
    .type = reduce_type<kAllTypes>,
    .eval = reduce_eval<Minimum>,
    .lower = [](Lowering& l, const Index& i) { return lower_reduction(l, i, loops::Function::Min); },
    .error = [](ErrorRule& r) { selection_error(r, taps_of_reduction(r), -1); },
};

}  // namespace tauto::ops
