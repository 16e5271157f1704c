// Error rules: how the errors of a node's inputs, and the roundings of the node itself, reach its result.
//
// At a *centre* c (the inputs' f64 values) the inputs of some execution are c + δ with |δ| ≤ radius. A rule
// bounds, for every such δ and every execution of the given order (f the operator without rounding,
// "computed" what the execution returns):
//
//   |computed(c + δ) − f(c + δ)|  ≤ own       what this node rounds, and the f64 error of the centre
//   |f(c + δ) − f(c) − J δ|       ≤ bend      J: the linear parts, any matrix near the slopes at c
//   |J| radius                    ≤ spread
//   |f(c + δ) − f(c)|             ≤ reach     where empty: spread + bend
//
// The per-node check asks for `own` at points (radius 0); signed propagation (verify/error_propagation) and
// the bounds of rounding rewrites ask for all of it. Bounds are rounded up (`above`); a bound that is
// infinite says that nothing is known.
//
// Rounding of sums: |error| ≤ γ_n Σ|x|, n the number of roundings that a term goes through (Higham, "Accuracy
// and Stability of Numerical Algorithms", 2nd ed., section 4.2 and eq. 3.5).
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "graph/op.h"
#include "ops/interval.h"
#include "ops/math/accuracy.h"

namespace tauto {

// Ours: the order of additions and the functions of docs/semantics.md. Any: every legal execution (same
// page).
enum class Order : uint8_t { Ours, Any };

// A sum of n nonnegative f64 numbers, each of a few roundings, is at most this factor too low for n ≤ 2^26.
inline constexpr double kSlack = 1 + 0x1p-26;
inline double above(double x) { return x * kSlack; }

// γ_n for a format with unit roundoff u.
inline double gamma(double n, double u) { return n * u < 0.5 ? n * u / (1 - n * u) : num::kInf; }

struct Rounding {
  double unit = 0x1p-24;            // roundoff: half the distance from 1 to the next number
  double tiny = 0x1p-149;           // the least denormal
  double largest = 0x1.fffffep127;  // beyond it a result is infinite
};
// Of arithmetic whose results are of this float type: halves are rounded from f32.
Rounding rounding_of(ElementType t);

// Part of J, a list of entries e: result[to[e]] += scale · weight[e] · input[from[e]].
struct LinearPart {
  int operand = 0;
  std::vector<int32_t> from, to;  // empty: e itself
  std::vector<double> weight;     // empty: all 1
  double scale = 1;
  int64_t entries = 0;
};

class ErrorRule {
 public:
  struct Operand {
    const Tensor* value = nullptr;      // Rep::Ideal
    std::span<const double> magnitude;  // |value|, of float types
    std::span<const double> radius;     // empty: exact
    std::span<const double> centre() const { return {value->data<double>(), magnitude.size()}; }
    double radius_at(int64_t i) const { return radius.empty() ? 0 : radius[static_cast<size_t>(i)]; }
  };
  const Op& op;
  const Attributes& attributes;
  std::span<const Operand> in;
  const Type& type;      // of the result, literal
  const Tensor& centre;  // the result's f64 value
  Order order;
  bool linear = false;  // J is wanted

  // What the rule fills in; an empty vector is all 0.
  std::vector<double> own, bend, spread, reach;
  std::vector<LinearPart> parts;
  // A contraction of the operands' centres: J takes each operand that is not exact with the other as weights.
  bool contracts = false;
  // Of a choice (relu, a maximum): elements of operands between which the region does not decide.
  std::vector<std::pair<int, int64_t>> doubtful;
  // Where each element of a movement comes from, over the elements of all float operands one after the other.
  // Kept between runs by the caller, who clears it when shapes or steering inputs may have changed.
  std::shared_ptr<const std::vector<int32_t>> sources;

  ErrorRule(const Op& op, const Attributes& attributes, std::span<const Operand> in, const Type& type,
            const Tensor& centre, Order order)
      : op(op), attributes(attributes), in(in), type(type), centre(centre), order(order) {}

  size_t count() const { return static_cast<size_t>(centre.count()); }
  std::span<const double> result() const { return centre.values<double>(); }
  bool is_exact(size_t k) const { return in[k].radius.empty(); }
  bool all_exact() const;
  // own from the rounding of a correctly rounded operation: of the true value, |result| + reach at most.
  void rounds_once();
  // The same for a function within `ulps` of the true value and `absolute`.
  void rounds_within(double ulps, double absolute);
  // A function of ops/math: its own accuracy, or what is granted to others.
  void rounds_as(const math::Accuracy& ours, bool bounded);
  void add_reach(size_t i, double& magnitude) const;
};

// Elements that only move: reshape, transpose, slice, gather, concat, pad, where …
void movement_error(ErrorRule& r);
// A reduction or window of sums, maxima (sign 1) or minima (sign −1): `taps` calls its argument with every
// pair of an element of the result and an element of operand 0 that takes part in it.
using TapVisitor = std::function<void(const std::function<void(int64_t to, int64_t from)>&)>;
// `terms`: the most that one element adds up; `roundings`: that the value of a term goes through at most.
void sum_error(ErrorRule& r, const TapVisitor& taps, double roundings, double terms);
void selection_error(ErrorRule& r, const TapVisitor& taps, double sign);
// max (sign 1) and min (−1) of two; relu.
void extremum_error(ErrorRule& r, double sign);
void relu_error(ErrorRule& r);

namespace detail {
// Slopes at the centre and over the region, for element i with its operands' elements at[k].
using SlopesAt = void (*)(const double* x, double* slopes);
using SlopesOver = void (*)(const FInterval<double>* x, FInterval<double>* slopes);
void pointwise(ErrorRule& r, SlopesAt at, SlopesOver over);
}  // namespace detail

// Elementwise operators by their partial derivatives, one generic lambda over the number (ops/number.h) that
// returns an array: the mean value theorem bounds the bend by how far slopes over the region differ from
// those at the centre. Fills all but `own`.
template <class S, int N>
void pointwise_error(ErrorRule& r) {
  detail::pointwise(
      r,
      [](const double* x, double* slopes) {
        const auto s = [&]<size_t... K>(std::index_sequence<K...>) { return S{}(x[K]...); }
        (std::make_index_sequence<N>{});
        for (size_t k = 0; k < N; ++k) slopes[k] = s[k];
      },
      [](const FInterval<double>* x, FInterval<double>* slopes) {
        const auto s = [&]<size_t... K>(std::index_sequence<K...>) { return S{}(x[K]...); }
        (std::make_index_sequence<N>{});
        for (size_t k = 0; k < N; ++k) slopes[k] = s[k];
      });
}
// .error = rounded_once<2>([](auto x, auto y) { return std::array{y, x}; })     correctly rounded
template <int N, class S>
constexpr auto rounded_once(S) {
  return +[](ErrorRule& r) {
    pointwise_error<S, N>(r);
    r.rounds_once();
  };
}
// .error = rounded_as<accuracy::tanh>(slopes): a function; bounded: |f| ≤ 1
template <const math::Accuracy& A, bool Bounded = false, int N = 1, class S>
constexpr auto rounded_as(S) {
  return +[](ErrorRule& r) {
    pointwise_error<S, N>(r);
    r.rounds_as(A, Bounded);
  };
}
// Not rounded at all.
template <int N, class S>
constexpr auto unrounded(S) {
  return +[](ErrorRule& r) { pointwise_error<S, N>(r); };
}

}  // namespace tauto
