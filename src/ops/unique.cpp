// unique(x){axis, sorted} = (values, first, inverse, counts): the distinct elements of x, or, with an axis,
// the distinct slices along it.
//
// sorted (default): in increasing order (ops/order.h; slices by their first difference, strings by bytes),
// else by first appearance. `first` is where each stands first, `inverse` which of them each element is,
// `counts` how often each occurs. i64.
#include <algorithm>
#include <numeric>

#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/order.h"

namespace tauto::ops {
namespace {

Type unique_type(const TypeContext& c) {
  const ElementType e = c.element(0);
  if (!in_set(e, kAllTypes) && !e.is_string()) c.refuse(cat("not defined for elements ", e));
  const Dim n = c.fresh();
  const Type ints = Type::tensor(i64, {n});
  const bool by_axis = c.attributes.find("axis") != nullptr;
  if (!c.type(0).ranked) {
    const Type values = by_axis ? Type::unranked(e) : Type::tensor(e, {n});
    return Type::tuple({values, ints, Type::tensor(i64, {c.fresh()}), ints});
  }
  if (!by_axis)
    return Type::tuple({Type::tensor(e, {n}), ints, Type::tensor(i64, {product(c.dims(0))}), ints});
  Dims dims = c.dims(0);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  const Dim extent = dims[static_cast<size_t>(axis)];
  dims[static_cast<size_t>(axis)] = n;
  return Type::tuple({Type::tensor(e, std::move(dims)), ints, Type::tensor(i64, {extent}), ints});
}

struct Classes {
  std::vector<int64_t> first, inverse, counts;
};

// Slices of x seen as [outer, extent, inner], compared element by element.
template <class K>
Classes classify(const std::vector<K>& x, const AxisView& v, bool sorted) {
  const auto compare = [&](int64_t a, int64_t b) {
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t i = 0; i < v.inner; ++i) {
        const K& p = x[static_cast<size_t>((o * v.extent + a) * v.inner + i)];
        const K& q = x[static_cast<size_t>((o * v.extent + b) * v.inner + i)];
        if (ordered_less(p, q)) return -1;
        if (ordered_less(q, p)) return 1;
      }
    return 0;
  };
  std::vector<int64_t> order(static_cast<size_t>(v.extent));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
  // Runs of equal slices; each run lists its slices in their order, so its head is the first appearance.
  std::vector<std::pair<int64_t, int64_t>> runs;  // head, position in `order`
  for (size_t i = 0; i < order.size(); ++i)
    if (i == 0 || compare(order[i - 1], order[i]) != 0) runs.emplace_back(order[i], static_cast<int64_t>(i));
  std::vector<int64_t> ends;
  for (size_t r = 0; r < runs.size(); ++r)
    ends.push_back(r + 1 < runs.size() ? runs[r + 1].second : v.extent);
  std::vector<size_t> rank(runs.size());
  std::iota(rank.begin(), rank.end(), size_t{0});
  if (!sorted)
    std::sort(rank.begin(), rank.end(), [&](size_t a, size_t b) { return runs[a].first < runs[b].first; });
  Classes r;
  r.inverse.resize(order.size());
  for (size_t k = 0; k < rank.size(); ++k) {
    const auto [head, begin] = runs[rank[k]];
    r.first.push_back(head);
    r.counts.push_back(ends[rank[k]] - begin);
    for (int64_t i = begin; i < ends[rank[k]]; ++i)
      r.inverse[static_cast<size_t>(order[static_cast<size_t>(i)])] = static_cast<int64_t>(k);
  }
  return r;
}

void unique_eval(EvalContext& c) {
  const bool by_axis = c.attributes.find("axis") != nullptr,
             sorted = c.attributes.get_or<int64_t>("sorted", 1) != 0;
  const Tensor x = by_axis ? c.tensor(0) : c.tensor(0).reshaped({c.tensor(0).count()});
  const int64_t axis = by_axis ? normal_axis(c.attributes.get<int64_t>("axis"), x.rank()) : 0;
  const AxisView v(x.shape(), axis);
  if (v.extent > (int64_t{1} << 40)) c.refuse("more than 2^40 slices");
  Classes classes;
  if (x.type().is_string()) {
    const auto s = x.values<std::string>();
    classes = classify(std::vector<std::string>(s.begin(), s.end()), v, sorted);
  } else {
    visit_ordered(x, [&](auto n) { classes = classify(load_numbers<decltype(n)>(x), v, sorted); });
  }
  const auto n = static_cast<int64_t>(classes.first.size());
  Shape shape = x.shape();
  shape[static_cast<size_t>(axis)] = n;
  Tensor values(x.type(), shape, c.rep);
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    S* q = values.data<S>();
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t k : classes.first) q = std::copy_n(x.data<S>() + (o * v.extent + k) * v.inner, v.inner, q);
  });
  c.out = Value::tuple({std::move(values), integers(i64, {n}, classes.first, c.rep),
                        integers(i64, {v.extent}, classes.inverse, c.rep),
                        integers(i64, {n}, classes.counts, c.rep)});
}

}  // namespace

constinit const Op unique{
    .name = "unique",
    .arity = 1,
    .type = unique_type,
    .eval = unique_eval,
};

}  // namespace tauto::ops
