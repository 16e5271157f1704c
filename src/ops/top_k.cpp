// top_k(x, k){axis, largest} = (values, indices): the k largest (or smallest) elements along an axis, in
// order.
//
// Of equal values the lower index comes first; NaN counts as larger than any number (docs/semantics.md,
// "ties").
#include <algorithm>
#include <numeric>

#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/order.h"

namespace tauto::ops {
namespace {

Type top_k_type(const TypeContext& c) {
  const ElementType e = c.element(0);
  if (!in_set(e, kNumbers)) c.refuse(cat("not defined for elements ", e));
  c.require(c.element(1).is_integer(), "k: required an integer");
  if (!c.type(0).ranked) return Type::tuple({Type::unranked(e), Type::unranked(i64)});
  Dims dims = c.dims(0);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  Dim& d = dims[static_cast<size_t>(axis)];
  const auto value = c.value(1);
  if (value) c.require(value->size() == 1, "k: required one value");
  const Dim k = value ? (*value)[0] : c.fresh();
  const Dim room = d - k;
  if ((room.is_literal() && room.literal() < 0) || (k.is_literal() && k.literal() < 0))
    c.refuse(cat("k: required 0 <= k <= ", d, ", got ", k));
  d = k;
  return Type::tuple({Type::tensor(e, dims), Type::tensor(i64, dims)});
}

struct Line {
  int64_t start, step, n, k;
  int64_t at(int64_t i) const { return start + i * step; }
};

// All lines along the axis; out positions count lines of k elements.
template <class F>
void each_line(const AxisView& v, int64_t k, F f) {
  for (int64_t o = 0; o < v.outer; ++o)
    for (int64_t i = 0; i < v.inner; ++i)
      f(Line{o * v.extent * v.inner + i, v.inner, v.extent, k}, Line{o * k * v.inner + i, v.inner, k, k});
}

// Per output element the index of its source along the axis.
std::vector<int64_t> exact_order(const Tensor& x, const AxisView& v, int64_t k, bool largest) {
  std::vector<int64_t> result(static_cast<size_t>(v.outer * k * v.inner));
  visit_ordered(x, [&](auto n) {
    using C = decltype(n);
    const std::vector<C> values = load_numbers<C>(x);
    std::vector<int64_t> order(static_cast<size_t>(v.extent));
    each_line(v, k, [&](Line in, Line out) {
      std::iota(order.begin(), order.end(), 0);
      const auto before = [&](int64_t a, int64_t b) {
        const C x = values[static_cast<size_t>(in.at(a))], y = values[static_cast<size_t>(in.at(b))];
        if (ordered_less(x, y)) return !largest;
        if (ordered_less(y, x)) return largest;
        return a < b;
      };
      std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
      for (int64_t i = 0; i < k; ++i) result[static_cast<size_t>(out.at(i))] = order[static_cast<size_t>(i)];
    });
  });
  return result;
}

// The i-th of the sorted ends encloses the i-th value of any choice; its index is decided where no other
// interval touches it.
void enclose(EvalContext& c, const AxisView& v, int64_t k, bool largest) {
  const Tensor& x = c.tensor(0);
  const Ends e = ends_of(x);
  Tensor values = c.make(c.type.parts[0]), indices = c.make(c.type.parts[1]);
  const auto n = static_cast<size_t>(v.extent);
  std::vector<double> lo(n), hi(n);
  std::vector<int64_t> order(n);
  each_line(v, k, [&](Line in, Line out) {
    for (size_t i = 0; i < n; ++i) {
      lo[i] = e.lo[static_cast<size_t>(in.at(static_cast<int64_t>(i)))];
      hi[i] = e.hi[static_cast<size_t>(in.at(static_cast<int64_t>(i)))];
    }
    const auto middle = [&](int64_t i) {
      return lo[static_cast<size_t>(i)] / 2 + hi[static_cast<size_t>(i)] / 2;
    };
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return largest ? middle(a) > middle(b) : middle(a) < middle(b);
    });
    std::vector<double> l = lo, h = hi;
    const auto sort = [&](std::vector<double>& s) {
      std::sort(s.begin(), s.end());
      if (largest) std::reverse(s.begin(), s.end());
    };
    sort(l), sort(h);
    for (int64_t i = 0; i < k; ++i) {
      const auto p = static_cast<size_t>(i), q = static_cast<size_t>(out.at(i));
      visit_numbers(values, [&](auto s) {
        using C = decltype(s);
        if constexpr (requires(C z) { z.lo; })
          values.data<C>()[q] = {static_cast<decltype(s.lo)>(l[p]), static_cast<decltype(s.lo)>(h[p])};
      });
      const int64_t self = order[p];
      const auto me = static_cast<size_t>(self);
      bool decided = true;
      for (size_t j = 0; j < n && decided; ++j)
        decided = j == me || hi[j] < lo[me] || lo[j] > hi[me] ||
                  (lo[j] == hi[j] && lo[me] == hi[me] && lo[j] == lo[me]);
      indices.data<IInterval>()[q] = decided ? IInterval{self, self} : IInterval{0, v.extent - 1};
    }
  });
  c.out = Value::tuple({std::move(values), std::move(indices)});
}

void top_k_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const int64_t axis = normal_axis(c.attributes.get<int64_t>("axis"), x.rank()), k = c.scalar_int(1);
  const bool largest = c.attributes.get_or<int64_t>("largest", 1) != 0;
  const AxisView v(x.shape(), axis);
  if (element_count(static_shape(c.type.parts[0])) == 0) {
    c.out = Value::tuple({c.make(c.type.parts[0]), c.make(c.type.parts[1])});
    return;
  }
  if (c.rep == Rep::Interval) return enclose(c, v, k, largest);
  const auto order = exact_order(x, v, k, largest);
  Tensor values = c.make(c.type.parts[0]);
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    each_line(v, k, [&](Line in, Line out) {
      for (int64_t i = 0; i < k; ++i)
        values.data<S>()[out.at(i)] = x.data<S>()[in.at(order[static_cast<size_t>(out.at(i))])];
    });
  });
  Tensor indices = integers(i64, values.shape(), order, c.rep);
  c.out = Value::tuple({std::move(values), std::move(indices)});
}

}  // namespace

constinit const Op top_k{
    .name = "top_k",
    .arity = 2,
    .type = top_k_type,
    .eval = top_k_eval,
};

}  // namespace tauto::ops
