// window_arg_max(x){access} = for each window (ops/window.h) the row-major index, in all of x, of its first
// maximum, i64; of NaNs the first if there is one; -1 for a window without a tap.
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/window.h"

namespace tauto::ops {
namespace {

template <class C>
struct Best {
  C value;
  int64_t index;
};
// The earlier of two candidates stays unless the later one is surely greater.
struct First {
  template <class C>
  Best<C> operator()(const Best<C>& a, const Best<C>& b) const {
    if (b.index < 0) return a;
    if (a.index < 0 || b.value > a.value) return b;
    if constexpr (std::is_floating_point_v<C>)
      if (b.value != b.value && a.value == a.value) return b;
    return a;
  }
};

// Which of several may be the greatest is not decided: the hull of their indices.
template <class I>
struct Candidates {
  I value;
  IInterval index;
};
struct Possible {
  template <class I>
  Candidates<I> operator()(const Candidates<I>& a, const Candidates<I>& b) const {
    if (b.index.lo < 0) return a;
    if (a.index.lo < 0) return b;
    if constexpr (requires { num::is_anything(a.value); }) {
      if (num::is_anything(a.value) || num::is_anything(b.value) || num::is_nan_surely(a.value) ||
          num::is_nan_surely(b.value))
        return {num::max(a.value, b.value), num::hull(a.index, b.index)};
    }
    if (a.value.lo >= b.value.hi) return a;
    if (b.value.lo > a.value.hi) return b;
    return {num::max(a.value, b.value), num::hull(a.index, b.index)};
  }
};

void arg_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto passes = window_passes(c.attributes.get<Access>("access"), x.shape());
  visit_numbers(x, [&](auto number) {
    using C = decltype(number);
    const auto n = static_cast<size_t>(x.count());
    if constexpr (std::is_arithmetic_v<C>) {
      const NumbersOf<C> in(x);
      std::vector<Best<C>> all(n);
      for (size_t i = 0; i < n; ++i) all[i] = {in.data()[i], static_cast<int64_t>(i)};
      const auto best = window_passes(all.data(), x.count(), passes, Best<C>{C{}, -1}, First{}, c);
      std::vector<int64_t> index;
      for (const Best<C>& b : best) index.push_back(b.index);
      c.out = integers(i64, static_shape(c.type), index, c.rep);
    } else if constexpr (requires { number.lo; }) {
      std::vector<Candidates<C>> all(n);
      for (size_t i = 0; i < n; ++i) {
        const auto k = static_cast<int64_t>(i);
        all[i] = {x.data<C>()[i], {k, k}};
      }
      const auto best =
          window_passes(all.data(), x.count(), passes, Candidates<C>{C{}, {-1, -1}}, Possible{}, c);
      Tensor out = c.make();
      for (size_t i = 0; i < best.size(); ++i) out.data<IInterval>()[i] = best[i].index;
      c.out = std::move(out);
    } else {
      throw Unknown{};
    }
  });
}

}  // namespace

constinit const Op window_arg_max{
    .name = "window_arg_max",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          if (!in_set(c.element(0), kNumbers)) c.refuse(cat("not defined for elements ", c.element(0)));
          return Type::tensor(i64, window_dims(c));
        },
    .unranked_type = [](const TypeContext&) { return Type::unranked(i64); },
    .eval = arg_eval,
};

}  // namespace tauto::ops
