// The index of the greatest or least element along an axis.
#include "ops/extremum.h"

#include "ops/movement.h"

namespace tauto {

Type arg_extremum_type(const TypeContext& c) {
  if (!in_set(c.element(0), kNumbers)) c.refuse(cat("not defined for elements ", c.element(0)));
  if (!c.type(0).ranked) return Type::unranked(i64);
  Dims dims = c.dims(0);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  c.require(!(dims[static_cast<size_t>(axis)] == Dim(0)), cat("axis ", axis, " has no elements"));
  if (c.attributes.flag("keep_dims"))
    dims[static_cast<size_t>(axis)] = 1;
  else
    dims.erase(dims.begin() + axis);
  return Type::tensor(i64, std::move(dims));
}

void arg_extremum_eval(EvalContext& c, bool greatest) {
  const Tensor& x = c.tensor(0);
  const bool last = c.attributes.flag("select_last");
  const AxisView v(x.shape(), normal_axis(c.attributes.get<int64_t>("axis"), x.rank()));
  Tensor out = c.make();
  if (out.count() == 0) {
    c.out = std::move(out);
    return;
  }
  if (c.rep == Rep::Interval) {
    // Every index whose value may be the extremum; ties of points are decided.
    Ends e = ends_of(x);
    if (!greatest) {
      std::swap(e.lo, e.hi);
      for (size_t i = 0; i < e.lo.size(); ++i) e.lo[i] = -e.lo[i], e.hi[i] = -e.hi[i];
    }
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t i = 0; i < v.inner; ++i) {
        const auto at = [&](int64_t k) { return static_cast<size_t>((o * v.extent + k) * v.inner + i); };
        double bar = -num::kInf;
        bool points = true;
        for (int64_t k = 0; k < v.extent; ++k) bar = std::max(bar, e.lo[at(k)]);
        int64_t first = -1, final = -1;
        for (int64_t k = 0; k < v.extent; ++k)
          if (e.hi[at(k)] >= bar) {
            if (first < 0) first = k;
            final = k;
            points &= e.lo[at(k)] == e.hi[at(k)];
          }
        if (points) first = final = last ? final : first;
        out.data<IInterval>()[o * v.inner + i] = {first, final};
      }
    c.out = std::move(out);
    return;
  }
  visit_ordered(x, [&](auto n) {
    using C = decltype(n);
    const std::vector<C> values = load_numbers<C>(x);
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t i = 0; i < v.inner; ++i) {
        const C* p = values.data() + o * v.extent * v.inner + i;
        const auto beyond = [&](C a, C b) {
          if constexpr (std::is_floating_point_v<C>)
            return a != a ? b == b : greatest ? a > b : a < b;
          else
            return greatest ? a > b : a < b;
        };
        int64_t best = 0;
        for (int64_t k = 1; k < v.extent; ++k)
          if (last ? !beyond(p[best * v.inner], p[k * v.inner]) : beyond(p[k * v.inner], p[best * v.inner]))
            best = k;
        out.data<int64_t>()[o * v.inner + i] = best;
      }
  });
  c.out = std::move(out);
}

}  // namespace tauto
