// Runs of reduced axes, and enclosures of sums in any order.
#include "ops/reduction.h"

#include "ops/storage.h"

namespace tauto {

std::vector<std::pair<size_t, size_t>> axes_of_runs(size_t rank, std::span<const int64_t> axes) {
  std::vector<std::pair<size_t, size_t>> runs;
  for (size_t k = axes.size(); k > 0;) {
    const auto last = static_cast<size_t>(axes[--k]);
    size_t first = last;
    const auto cut = [&](size_t before) { return before == 1 || (rank >= 3 && before == 2); };
    while (k > 0 && static_cast<size_t>(axes[k - 1]) + 1 == first && !cut(first)) --first, --k;
    runs.emplace_back(first, last);
  }
  return runs;
}

std::vector<Run> runs_of(const Shape& shape, std::span<const int64_t> axes) {
  Shape left = shape;  // extents not reduced yet
  std::vector<Run> runs;
  for (const auto& [first, last] : axes_of_runs(shape.size(), axes)) {
    Run r;
    for (size_t d = 0; d < first; ++d) r.outer *= left[d];
    for (size_t d = first; d <= last; ++d) r.n *= left[d], left[d] = 1;
    for (size_t d = last + 1; d < shape.size(); ++d) r.inner *= left[d];
    runs.push_back(r);
  }
  return runs;
}

loops::Expr lower_reduction(Lowering& l, const Index& index, loops::Function f) {
  const Dims& dims = l.type(0).dims;
  const Ints& reduced = l.attributes().get<Ints>("axes");
  const auto runs = axes_of_runs(dims.size(), reduced);
  const bool keep = l.attributes().flag("keepdims");
  Index from(dims.size());
  size_t i = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    const bool gone = std::find(reduced.begin(), reduced.end(), static_cast<int64_t>(d)) != reduced.end();
    if (!gone)
      from[d] = index[i++];
    else if (keep)
      ++i;
  }
  std::vector<std::vector<loops::Axis>> axes;
  for (const auto& [first, last] : runs) {
    axes.emplace_back();
    for (size_t d = first; d <= last; ++d) {
      // Axes of extent 1 do not move the row-major index; a run of nothing else still adds to the identity.
      if (dims[d] == Dim(1) && (d < last || !axes.back().empty())) {
        from[d] = 0;
        continue;
      }
      axes.back().push_back({l.fresh("r"), dims[d]});
      from[d] = loops::variable(axes.back().back().variable);
    }
  }
  const ElementType e = l.type().element;
  loops::Expr x = widened(l.at(0, from));
  if (runs.empty()) return converted(x, e);
  if (e.is_bool()) x = converted(x, u8);
  for (std::vector<loops::Axis>& a : axes) x = loops::reduce(loops::Order::Partials, f, std::move(a), {x});
  return converted(x, e);
}

TapVisitor taps_of_reduction(const ErrorRule& r) {
  const Shape& shape = r.in[0].value->shape();
  Shape to(shape.size(), 0);
  const Ints& axes = r.attributes.get<Ints>("axes");
  for (size_t d = shape.size(), step = 1; d-- > 0;) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end()) continue;
    to[d] = static_cast<int64_t>(step);
    step *= static_cast<size_t>(shape[d]);
  }
  return [shape, to](const std::function<void(int64_t, int64_t)>& f) {
    for_each_point<1>(shape, {to}, [&](int64_t from, const std::array<int64_t, 1>& at) { f(at[0], from); });
  };
}

std::pair<double, double> roundings_of_sum(const ErrorRule& r) {
  double terms = 1, ours = 0;
  for (const Run& run : runs_of(r.in[0].value->shape(), r.attributes.get<Ints>("axes"))) {
    terms *= static_cast<double>(run.n);
    ours += static_cast<double>(run_roundings(run.n));
  }
  return {r.order == Order::Ours ? ours : terms, terms};
}

// |error| ≤ γₙ Σ|x|, whatever the order (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
// section 4.2). Where a partial sum could overflow nothing is known.
template <class T>
std::vector<FInterval<T>> enclose_sums(const Tensor& x, double terms, const SumOfDoubles& sum) {
  using I = FInterval<T>;
  const auto sum_of = [&](auto f) {
    std::vector<double> v(static_cast<size_t>(x.count()));
    for (size_t i = 0; i < v.size(); ++i) v[i] = f(x.data<I>()[i]);
    return sum(v);
  };
  const auto lo = sum_of([](I i) { return i.lo; }), hi = sum_of([](I i) { return i.hi; });
  const auto is_finite = [](I i) { return std::isfinite(i.lo) && std::isfinite(i.hi); };
  const auto reach =
      sum_of([&](I i) { return is_finite(i) ? std::max(std::fabs(i.lo), std::fabs(i.hi)) : 0; });
  const auto infinite = sum_of([&](I i) { return is_finite(i) ? 0.0 : 1.0; });
  const auto wide = sum_of([](I i) { return i.lo < i.hi ? 1.0 : 0.0; });
  const double u = std::numeric_limits<T>::epsilon() / 2, gamma = terms * u / (1 - terms * u);
  const double own = 2 * terms * std::numeric_limits<double>::epsilon();  // of these f64 sums
  std::vector<I> out(lo.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const double radius = (gamma + own) * reach[i] * 1.0001;
    if (!(reach[i] + radius < static_cast<double>(std::numeric_limits<T>::max())))
      out[i] = num::anything<T>();
    else if (infinite[i] != 0)  // points: an infinity or NaN in every order
      out[i] = wide[i] == 0 ? I{lo[i], lo[i]} : num::anything<T>();
    else if (terms <= 1)
      out[i] = {lo[i], hi[i]};
    else
      out[i] = num::rounded<T>(num::down(lo[i] - radius), num::up(hi[i] + radius));
  }
  return out;
}

template std::vector<FInterval<float>> enclose_sums(const Tensor&, double, const SumOfDoubles&);
template std::vector<FInterval<double>> enclose_sums(const Tensor&, double, const SumOfDoubles&);

}  // namespace tauto
