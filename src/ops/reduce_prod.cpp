// reduce_prod(x){axes, keepdims} = the product over the axes, from 1, in the order of ops/reduction.h.
#include "ops/ops.h"
#include "ops/reduction.h"

namespace tauto::ops {
namespace {

struct Product {
  static constexpr Identity kIdentity = Identity::One;
  template <class C>
  C operator()(const C& a, const C& b) const {
    return static_cast<C>(a * b);
  }

  // One order in interval arithmetic, widened by the relative error γₙ of another, and by what an underflow
  // somewhere can leave: the smallest number times the factors above 1.
  template <class T>
  void enclose(EvalContext& c, const std::vector<Run>& runs, FInterval<T>) const {
    using I = FInterval<T>;
    const Tensor& x = c.tensor(0);
    std::vector<I> out = reduce_runs(x.data<I>(), x.count(), runs, I{1, 1}, Product{}, c);
    std::vector<double> factors(static_cast<size_t>(x.count()));
    for (size_t i = 0; i < factors.size(); ++i) {
      const I f = num::abs(x.data<I>()[i]);
      factors[i] = std::max(1.0, f.hi);
    }
    const auto above = reduce_runs(factors.data(), x.count(), runs, 1.0, Product{}, c);
    double n = 1;
    for (const Run& r : runs) n *= static_cast<double>(r.n);
    const double u = std::numeric_limits<T>::epsilon(), gamma = n * u / (1 - n * u);
    for (size_t i = 0; i < out.size(); ++i) {
      I& r = out[i];
      if (num::is_nan_surely(r) || num::is_anything(r) || n <= 1) continue;
      const double tiny = n * above[i] * static_cast<double>(std::numeric_limits<T>::denorm_min());
      if (!(above[i] * (1 + gamma) < static_cast<double>(std::numeric_limits<T>::max())))
        r = num::anything<T>();
      else
        r = {num::down(r.lo - gamma * std::fabs(r.lo) - tiny),
             num::up(r.hi + gamma * std::fabs(r.hi) + tiny)};
    }
    c.out = store_numbers(out, c.type.element, static_shape(c.type), c.rep);
  }
};

}  // namespace

constinit const Op reduce_prod{
    .name = "reduce_prod",
    .arity = 1,
    .type = reduce_type<kNumbers>,
    .eval = reduce_eval<Product>,
    .lower = [](Lowering& l, const Index& i) { return lower_reduction(l, i, loops::Function::Mul); },
};

}  // namespace tauto::ops
