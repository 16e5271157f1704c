// range(start, limit, delta) = start, start + delta, … before limit; scalars of one type.
//
// Length max(0, ceil((limit - start) / delta)), for floats computed in f64. Element i is fma(i, delta, start)
// for floats (f16, bf16: in f32, rounded once), start + i·delta for integers. delta = 0 is an Error.
#include <cmath>

#include "ops/compute.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type range_type(const TypeContext& c) {
  const ElementType e = c.element(0);
  if (!in_set(e, kNumbers)) c.refuse(cat("not defined for elements ", e));
  for (int i = 0; i < 3; ++i) {
    c.require_same_element(0, i);
    if (c.type(i).ranked) c.require_rank(i, 0);
  }
  if (e.is_float()) return Type::tensor(e, {c.fresh()});
  const auto start = c.value(0), limit = c.value(1), delta = c.value(2);
  const auto step = delta ? (*delta)[0].as_literal() : std::nullopt;
  if (step) c.require(*step != 0, "delta: required not 0");
  if (!start || !limit || !step || *step == INT64_MIN) return Type::tensor(e, {c.fresh()});
  const Dim length = *step > 0 ? (*limit)[0] - (*start)[0] : (*start)[0] - (*limit)[0];
  const Dim stride = *step > 0 ? *step : -*step;
  return Type::tensor(e, {num::max(stride == Dim(1) ? length : ceil_div(length, stride), Dim(0))});
}

template <class C>
int64_t range_length(EvalContext& c, C start, C limit, C delta) {
  if (delta == C(0)) c.refuse("delta: required not 0");
  if constexpr (std::is_floating_point_v<C>) {
    const double n =
        std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
    if (!(n > 0)) {
      if (n != n) c.refuse("required finite bounds");
      return 0;
    }
    if (n > 0x1p62) c.refuse("required finite bounds");
    return static_cast<int64_t>(n);
  } else {
    const auto wide = [](C v) { return static_cast<__int128>(v); };
    const __int128 span = delta > 0 ? wide(limit) - wide(start) : wide(start) - wide(limit);
    const __int128 step = delta > 0 ? wide(delta) : -wide(delta);
    const __int128 n = span <= 0 ? 0 : (span + step - 1) / step;
    if (n > INT64_MAX) c.refuse("more than 2^63 elements");
    return static_cast<int64_t>(n);
  }
}

void range_eval(EvalContext& c) {
  const ElementType e = c.type.element;
  if (c.rep == Rep::Dims) {
    if (!c.type.is_static()) throw Unknown{};
    Tensor out = c.make();
    for (int64_t i = 0; i < out.count(); ++i)
      out.data<Dim>()[i] = c.tensor(0).data<Dim>()[0] + c.tensor(2).data<Dim>()[0] * i;
    c.out = std::move(out);
    return;
  }
  if (e.is_integer()) {
    const int64_t start = c.scalar_int(0), delta = c.scalar_int(2);
    const int64_t length = range_length(c, start, c.scalar_int(1), delta);
    const Tensor room(i64, {length}, c.rep);  // refuses an absurd length before the vector is made
    std::vector<int64_t> v(static_cast<size_t>(length));
    for (size_t i = 0; i < v.size(); ++i) v[i] = start + static_cast<int64_t>(i) * delta;
    c.out = integers(e, {static_cast<int64_t>(v.size())}, v, c.rep);
    return;
  }
  visit_numbers(c.tensor(0), [&](auto n) {
    using C = decltype(n);
    const auto scalar = [&](int i) { return load_numbers<C>(c.tensor(i))[0]; };
    const C start = scalar(0), limit = scalar(1), delta = scalar(2);
    if constexpr (std::is_floating_point_v<C>) {
      const int64_t length = range_length(c, start, limit, delta);
      Tensor room(e, {length}, c.rep);  // refuses an absurd length before the vector is made
      std::vector<C> v(static_cast<size_t>(length));
      for (size_t i = 0; i < v.size(); ++i) v[i] = std::fma(static_cast<C>(i), delta, start);
      c.out = store_numbers(v, e, {length}, c.rep);
    } else if constexpr (requires { start.lo; }) {
      if (start.lo != start.hi || limit.lo != limit.hi || delta.lo != delta.hi) throw Unknown{};
      const int64_t length = range_length(c, static_cast<double>(start.lo), static_cast<double>(limit.lo),
                                          static_cast<double>(delta.lo));
      Tensor room(e, {length}, c.rep);
      std::vector<C> v(static_cast<size_t>(length));
      for (size_t i = 0; i < v.size(); ++i) v[i] = num::like(start, static_cast<double>(i)) * delta + start;
      c.out = store_numbers(v, e, {length}, c.rep);
    } else {
      throw Unknown{};
    }
  });
}

loops::Expr range_lower(Lowering& l, const Index& index) {
  if (!l.type().element.is_integer()) l.refuse("a length that is known only at run time");
  const Dims start = l.require_value(0), delta = l.require_value(2);
  l.require_value(1);
  return converted(index[0] * loops::Expr(delta[0]) + loops::Expr(start[0]), l.type().element);
}

}  // namespace

constinit const Op range{
    .name = "range",
    .arity = 3,
    .type = range_type,
    .unranked_type = [](const TypeContext& c) { return Type::tensor(c.element(0), {c.fresh()}); },
    .eval = range_eval,
    .lower = range_lower,
};

}  // namespace tauto::ops
