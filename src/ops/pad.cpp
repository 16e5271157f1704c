// pad(x, pads, value){mode, axes}: more elements before and after along each axis.
//
// pads = the counts before each axis, then the counts after; a negative count cuts elements off, first of
// all. Modes: "constant" (the scalar `value`), "edge" (the nearest element), "reflect" (mirrored at the
// first and last element, again and again), "wrap" (periodic). The last three need no value, and an element
// to take.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/number.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type pad_type(const TypeContext& c) {
  const std::string& mode = c.attributes.get<std::string>("mode");
  c.require(mode == "constant" || mode == "edge" || mode == "reflect" || mode == "wrap",
            cat("mode: required constant, edge, reflect or wrap, got ", mode));
  c.require(c.count() <= 3, "required at most 3 inputs");
  if (mode == "constant") {
    c.require(c.has(2), "mode constant: required a value");
    c.require_same_element(0, 2);
    if (c.type(2).ranked) c.require_rank(2, 0);
  }
  c.require_rank(1, 1);
  c.require(c.element(1).is_integer(), "pads: required integers");
  Dims dims = c.dims(0);
  const auto n = c.dim(1, 0).as_literal();
  const auto pads = c.value(1);
  if (!n || !pads) {
    for (Dim& d : dims) d = c.fresh();
    return Type::tensor(c.element(0), std::move(dims));
  }
  c.require(*n % 2 == 0, cat("pads: required two for each axis, got ", *n));
  const auto axes = axes_of(c, c.rank(0), *n / 2);
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& d = dims[static_cast<size_t>(axes[i])];
    const Dim &before = (*pads)[i], &after = (*pads)[i + axes.size()];
    const Dim left = d + num::min(before, Dim(0)) + num::min(after, Dim(0));
    if (left.is_literal() && left.literal() < 0)
      c.refuse(cat("axis ", axes[i], ": ", -before - after, " elements cut off from ", d));
    const Dim sum = d + before + after;
    if (mode != "constant" && left == Dim(0) && !(sum == Dim(0)))
      c.refuse(cat("axis ", axes[i], ": mode ", mode, " has no element to take"));
    d = sum;
  }
  return Type::tensor(c.element(0), std::move(dims));
}

// Where output index o of an axis comes from; -1: from the value.
int64_t source_index(char mode, int64_t o, int64_t extent, int64_t before, int64_t after) {
  const int64_t lo = std::max<int64_t>(0, -before), hi = extent - std::max<int64_t>(0, -after);
  const int64_t i = o - before, n = hi - lo;
  if (i >= lo && i < hi) return i;
  switch (mode) {
    case 'c':
      return -1;
    case 'e':
      return i < lo ? lo : hi - 1;
    case 'w':
      return lo + ((i - lo) % n + n) % n;
    default: {
      if (n == 1) return lo;
      const int64_t period = 2 * (n - 1), k = ((i - lo) % period + period) % period;
      return lo + (k < n ? k : period - k);
    }
  }
}

void pad_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const char mode = c.attributes.get<std::string>("mode")[0];
  const auto pads = c.ints(1);
  const auto axes = axes_of(c.attributes, x.rank(), static_cast<int64_t>(pads.size() / 2));
  Tensor out = c.make();
  if (out.count() == 0) {
    c.out = std::move(out);
    return;
  }
  // Per dim the offset of each output index in x, or -1.
  const Shape strides = strides_of(x.shape());
  std::vector<std::vector<int64_t>> from(static_cast<size_t>(x.rank()));
  for (size_t d = 0; d < from.size(); ++d) {
    int64_t before = 0, after = 0;
    for (size_t i = 0; i < axes.size(); ++i)
      if (axes[i] == static_cast<int64_t>(d)) before = pads[i], after = pads[i + axes.size()];
    for (int64_t o = 0; o < out.shape()[d]; ++o) {
      const int64_t i = source_index(mode, o, x.shape()[d], before, after);
      from[d].push_back(i < 0 ? -1 : i * strides[d]);
    }
  }
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    const S fill = mode == 'c' ? c.tensor(2).data<S>()[0] : S{};
    const S* p = x.data<S>();
    S* q = out.data<S>();
    std::vector<size_t> index(from.size(), 0);
    const size_t inner = from.empty() ? 1 : from.back().size();
    for (int64_t done = 0; done < out.count(); done += static_cast<int64_t>(inner)) {
      int64_t offset = 0;
      for (size_t d = 0; d + 1 < from.size() && offset >= 0; ++d)
        offset = from[d][index[d]] < 0 ? -1 : offset + from[d][index[d]];
      for (size_t i = 0; i < inner; ++i) {
        const int64_t last = from.empty() ? 0 : from.back()[i];
        q[done + static_cast<int64_t>(i)] = offset < 0 || last < 0 ? fill : p[offset + last];
      }
      for (size_t d = from.size() - (from.empty() ? 0 : 1); d-- > 0;) {
        if (++index[d] < from[d].size()) break;
        index[d] = 0;
      }
    }
  });
  c.out = std::move(out);
}

// source_index as an expression; for mode constant `inside` gets the conditions for an element of x.
loops::Expr source(Lowering& l, char mode, const loops::Expr& o, const Dim& extent, const Dim& before,
                   const Dim& after, Conditions& inside) {
  if (before == Dim(0) && after == Dim(0)) return o;
  const Dim lo = num::max(Dim(0), -before), hi = extent - num::max(Dim(0), -after), n = hi - lo;
  const loops::Expr i = o - loops::Expr(before);
  const bool below = !at_least(-before, 0), above = !at_least(-after, 0);
  switch (mode) {
    case 'c':
      if (below) inside.require(is_at_most(lo, i));
      if (above) inside.require(loops::less(i, hi));
      return i;
    case 'e': {
      const loops::Expr first = below ? larger(i, lo) : i;
      return above ? smaller(first, hi - 1) : first;
    }
    case 'w':
      return loops::floor_mod(i - loops::Expr(lo), n) + loops::Expr(lo);
    default: {
      if (n == Dim(1)) return lo;
      const Dim period = (n - 1) * 2;
      // As a rule there is one reflection at each end, and nothing to divide.
      if (const Dim reach = num::max(num::max(before, after), n - 1);
          reach == n - 1 || (!(reach - n).is_literal() && l.assume_equal(reach, n - 1))) {
        const loops::Expr k = i - loops::Expr(lo), j = below ? larger(k, loops::Expr(0) - k) : k;
        return (above ? smaller(j, loops::Expr(period) - j) : j) + loops::Expr(lo);
      }
      // A single element has period 0, and 1 does as well.
      const loops::Expr k = loops::floor_mod(i - loops::Expr(lo), num::max(period, Dim(1)));
      return smaller(k, loops::Expr(period) - k) + loops::Expr(lo);
    }
  }
}

loops::Expr pad_lower(Lowering& l, const Index& index) {
  const char mode = l.attributes().get<std::string>("mode")[0];
  const Dims pads = l.require_value(1);
  const auto axes = axes_of(l.attributes(), l.type(0).rank(), static_cast<int64_t>(pads.size() / 2));
  Index from = index;
  Conditions inside;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axes[i]);
    from[a] = source(l, mode, index[a], l.type(0).dims[a], pads[i], pads[i + axes.size()], inside);
  }
  const loops::Expr x = l.at(0, from);
  return inside.any() ? loops::select(inside.all(), x, l.at(2, {})) : x;
}

}  // namespace

constinit const Op pad{
    .name = "pad",
    .arity = kVariadic,
    .min_arity = 2,
    .type = pad_type,
    .eval = pad_eval,
    .lower = pad_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
