// Reductions over axes: the order in which terms meet, and the loops that follow it.
//
// The reduced axes are cut into runs of adjacent ones, with further cuts between axes 0|1 and, for rank ≥ 3,
// 1|2 (so that layouts which block or move channels can meet the order). The innermost run goes first. Within
// a run of n terms, i = row-major index:
//
//   s[0..15] = identity
//   for each piece of 256 consecutive terms (the last may be shorter):
//     t[0..15] = identity;   for i in the piece, ascending:  t[i mod 16] = f(t[i mod 16], x[i])
//     s[p] = f(s[p], t[p])   for all p
//   s[p] = f(s[p], s[p + 8]);  then + 4, + 2, + 1
//
// Partial results without a term are left out, which changes no bit: f(s, identity) = s for every s that
// arises. Halves accumulate in f32 over all runs and are rounded once; integers wrap. No axes: x itself.
#pragma once

#include <algorithm>
#include <functional>

#include "loops/reduction_order.h"
#include "ops/compute.h"
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"

namespace tauto {

// A tensor seen as [outer, n, inner] whose middle is reduced.
struct Run {
  int64_t outer = 1, n = 1, inner = 1;
};
// The runs of reduced axes, each from its first to its last axis, in the order in which they are to be done.
std::vector<std::pair<size_t, size_t>> axes_of_runs(size_t rank, std::span<const int64_t> axes);
// The same as extents, each seen after those before it.
std::vector<Run> runs_of(const Shape& shape, std::span<const int64_t> axes);

enum class Identity { Zero, One, Lowest, Highest };

// The identity as an element of type e: for max over floats -inf, over bools false …
template <class C>
C identity_of(Identity which, ElementType e) {
  const bool lowest = which == Identity::Lowest;
  if constexpr (std::is_same_v<C, Term>) {
    if (which == Identity::Zero || which == Identity::One) return term_number(e, which == Identity::One);
    if (e.is_float()) return term_number(e, lowest ? -num::kInf : num::kInf);
    const uint64_t bits = lowest ? static_cast<uint64_t>(e.min_value()) : e.max_value();
    return term_literal(e, e.bits == 64 ? bits : bits & ((uint64_t{1} << e.bits) - 1));
  } else {
    if (which == Identity::Zero) return num::like(C{}, 0);
    if (which == Identity::One) return num::like(C{}, 1);
    if constexpr (std::is_same_v<C, IInterval>) {
      const auto v =
          lowest ? e.min_value() : static_cast<int64_t>(std::min<uint64_t>(e.max_value(), INT64_MAX));
      return {v, v};
    } else if constexpr (std::is_integral_v<C>) {
      if (e.is_bool()) return static_cast<C>(!lowest);
      return lowest ? std::numeric_limits<C>::min() : std::numeric_limits<C>::max();
    } else {
      return num::like(C{}, lowest ? -num::kInf : num::kInf);
    }
  }
}

namespace detail {

// s[p] = f(s[p], s[p + 8]) … over partial results of `lanes` elements each; `count` of them have terms.
template <class C, class F>
void combine_partials(C* s, int64_t count, int64_t lanes, F f) {
  for (int64_t half = kPartialSums / 2; half > 0; half /= 2)
    for (int64_t p = 0; p < half && p + half < count; ++p)
      for (int64_t j = 0; j < lanes; ++j) s[p * lanes + j] = f(s[p * lanes + j], s[(p + half) * lanes + j]);
}

// `rows` rows of `lanes` elements, `step` apart, into the partial results of their index modulo 16.
template <class C, class F>
void reduce_piece(const C* x, int64_t rows, int64_t step, int64_t lanes, C* __restrict t, F f) {
  int64_t i = 0;
  if (step == lanes)  // 16 rows lie together
    for (; i + kPartialSums <= rows; i += kPartialSums, x += kPartialSums * step)
      for (int64_t j = 0; j < kPartialSums * lanes; ++j) t[j] = f(t[j], x[j]);
  for (; i < rows; ++i, x += step) {
    C* to = t + i % kPartialSums * lanes;
    for (int64_t j = 0; j < lanes; ++j) to[j] = f(to[j], x[j]);
  }
}

// A whole piece of a contiguous row; the array stays in registers.
template <class C, class F>
void reduce_full_piece(const C* x, C* s, C identity, F f) {
  C t[kPartialSums];
  for (C& v : t) v = identity;
  for (int64_t i = 0; i < kPieceTerms; i += kPartialSums)
    for (int64_t p = 0; p < kPartialSums; ++p) t[p] = f(t[p], x[i + p]);
  for (int64_t p = 0; p < kPartialSums; ++p) s[p] = f(s[p], t[p]);
}

}  // namespace detail

// out[outer, inner] = the reduction of in[outer, n, inner]. Vectorises over the partial results of a row, or
// over outputs.
template <class C, class F>
void reduce_run(const C* in, const Run& run, C identity, F f, C* out, const EvalContext& context) {
  constexpr int64_t kLanes = 64;
  const int64_t n = run.n, count = std::min(n, kPartialSums);
  const int64_t width = std::min(run.inner, kLanes);
  std::vector<C> s(static_cast<size_t>(kPartialSums * width), identity), t = s;
  int64_t work = 0;
  for (int64_t o = 0; o < run.outer; ++o)
    for (int64_t j = 0; j < run.inner; j += kLanes) {
      const int64_t lanes = std::min(kLanes, run.inner - j);
      const C* x = in + o * n * run.inner + j;
      std::fill_n(s.data(), std::max<int64_t>(count, 1) * lanes, identity);
      for (int64_t i = 0; i < n; i += kPieceTerms) {
        const int64_t rows = std::min(kPieceTerms, n - i);
        if (lanes == 1 && run.inner == 1 && rows == kPieceTerms) {
          detail::reduce_full_piece(x + i, s.data(), identity, f);
          continue;
        }
        const int64_t partials = std::min(rows, kPartialSums) * lanes;
        std::fill_n(t.data(), partials, identity);
        detail::reduce_piece(x + i * run.inner, rows, run.inner, lanes, t.data(), f);
        for (int64_t k = 0; k < partials; ++k)
          s[static_cast<size_t>(k)] = f(s[static_cast<size_t>(k)], t[static_cast<size_t>(k)]);
      }
      detail::combine_partials(s.data(), count, lanes, f);
      std::copy_n(s.data(), lanes, out + o * run.inner + j);
      if ((work += n * lanes) > (1 << 20)) context.poll(), work = 0;
    }
}

// All runs, one after the other. With no run at all the result is the input.
template <class C, class F>
std::vector<C> reduce_runs(const C* in, int64_t count, const std::vector<Run>& runs, C identity, F f,
                           const EvalContext& context) {
  std::vector<C> now;
  if (runs.empty()) now.assign(in, in + count);
  for (size_t k = 0; k < runs.size(); ++k) {
    std::vector<C> next(static_cast<size_t>(runs[k].outer * runs[k].inner), identity);
    reduce_run(k == 0 ? in : now.data(), runs[k], identity, f, next.data(), context);
    now = std::move(next);
  }
  return now;
}

// Attributes axes (ascending, in [0, rank)) and keepdims; the result's dims.
template <uint32_t Set>
Type reduce_type(const TypeContext& c) {
  if (!in_set(c.element(0), Set)) c.refuse(cat("not defined for elements ", c.element(0)));
  const Ints& axes = c.attributes.get<Ints>("axes");
  const Dims& dims = c.dims(0);
  for (size_t i = 0; i < axes.size(); ++i)
    c.require(axes[i] >= (i ? axes[i - 1] + 1 : 0) && axes[i] < c.rank(0),
              cat("axes: required ascending and below ", c.rank(0), ", got ", axes[i]));
  Dims result;
  size_t k = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    const bool reduced = k < axes.size() && axes[k] == static_cast<int64_t>(d);
    k += reduced;
    if (!reduced)
      result.push_back(dims[d]);
    else if (c.attributes.flag("keepdims"))
      result.push_back(1);
  }
  return Type::tensor(c.element(0), std::move(result));
}

// Shape arithmetic has few elements and no rounding: one chain, from the first term.
template <class F>
void reduce_dims(EvalContext& c, const std::vector<Run>& runs, Identity identity, F f) {
  std::vector<Dim> now(c.tensor(0).data<Dim>(), c.tensor(0).data<Dim>() + c.tensor(0).count());
  for (const Run& r : runs) {
    if (r.n == 0 && identity != Identity::Zero && identity != Identity::One) throw Unknown{};
    std::vector<Dim> next;
    for (int64_t o = 0; o < r.outer; ++o)
      for (int64_t j = 0; j < r.inner; ++j) {
        Dim s = identity == Identity::One ? 1 : 0;
        for (int64_t i = 0; i < r.n; ++i) {
          const Dim& x = now[static_cast<size_t>((o * r.n + i) * r.inner + j)];
          s = i == 0 ? x : f(s, x);
        }
        next.push_back(std::move(s));
      }
    now = std::move(next);
  }
  c.out = store_numbers(now, c.type.element, static_shape(c.type), c.rep);
}

// The reference of a reduction by F: `static constexpr Identity kIdentity`, and the map of two numbers.
template <class F>
void reduce_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const std::vector<Run> runs = runs_of(x.shape(), c.attributes.get<Ints>("axes"));
  visit_numbers(x, [&](auto number) {
    using C = decltype(number);
    if constexpr (std::is_same_v<C, Dim>) {
      reduce_dims(c, runs, F::kIdentity, F{});
    } else {
      if constexpr (requires(F f) { f.enclose(c, runs, C{}); })
        if (!runs.empty()) return F{}.enclose(c, runs, C{});
      const C identity = identity_of<C>(F::kIdentity, c.type.element);
      const NumbersOf<C> in(x);
      c.out = store_numbers(reduce_runs(in.data(), x.count(), runs, identity, F{}, c), c.type.element,
                            static_shape(c.type), c.rep);
    }
  });
}

// The lowering of a reduction by f: one Reduce for each run, the innermost first.
loops::Expr lower_reduction(Lowering& l, const Index& index, loops::Function f);

// Pairs of an element of the result and one of the input that it is taken over (ops/error_rule.h).
TapVisitor taps_of_reduction(const ErrorRule& r);
// Roundings that a term of the sum goes through, and terms of one sum.
std::pair<double, double> roundings_of_sum(const ErrorRule& r);

// Sums of intervals in every order of the terms, rounded or not. `sum` adds f64 numbers as the operator does.
using SumOfDoubles = std::function<std::vector<double>(const std::vector<double>&)>;
template <class T>
std::vector<FInterval<T>> enclose_sums(const Tensor& x, double terms, const SumOfDoubles& sum);
extern template std::vector<FInterval<float>> enclose_sums(const Tensor&, double, const SumOfDoubles&);
extern template std::vector<FInterval<double>> enclose_sums(const Tensor&, double, const SumOfDoubles&);

}  // namespace tauto
