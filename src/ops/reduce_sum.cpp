// reduce_sum(x){axes, keepdims} = the sum over the axes, from +0, in the order of ops/reduction.h.
#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto::ops {
namespace {

struct Sum {
  static constexpr Identity kIdentity = Identity::Zero;
  template <class C>
  C operator()(const C& a, const C& b) const {
    return static_cast<C>(a + b);
  }

  template <class T>
  void enclose(EvalContext& c, const std::vector<Run>& runs, FInterval<T>) const {
    double terms = 1;
    for (const Run& r : runs) terms *= static_cast<double>(r.n);
    const int64_t count = c.tensor(0).count();
    const auto sum = [&](const std::vector<double>& v) {
      return reduce_runs(v.data(), count, runs, 0.0, Sum{}, c);
    };
    c.out =
        store_numbers(enclose_sums<T>(c.tensor(0), terms, sum), c.type.element, static_shape(c.type), c.rep);
  }
};

}  // namespace

constinit const Op reduce_sum{
    .name = "reduce_sum",
    .arity = 1,
    .type = reduce_type<kNumbers>,
    .eval = reduce_eval<Sum>,
    .lower = [](Lowering& l, const Index& i) { return lower_reduction(l, i, loops::Function::Add); },
    .error =
        [](ErrorRule& r) {
          const auto [roundings, terms] = roundings_of_sum(r);
          sum_error(r, taps_of_reduction(r), roundings, terms);
        },
};

}  // namespace tauto::ops
