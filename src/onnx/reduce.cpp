// Reductions. Axes are an attribute in older operator sets, an input in newer ones (ReduceSum from 13, the
// others from 18); no axes mean all of them, unless noop_with_empty_axes says none.
#include <algorithm>

#include "onnx/math.h"

namespace tauto::onnx::convert {
namespace {

struct Reduction : Math {
  Id x;
  Ints axes;
  bool keepdims;

  explicit Reduction(Conversion& c, int64_t axes_are_input_from = 18) : Math{c}, x(c.in(0)) {
    const int64_t rank = c.rank(0);
    Ints given;
    if (c.version < axes_are_input_from)
      given = c.attr_ints("axes");
    else if (c.has(1))
      given = c.required_ints(1);
    for (int64_t a : given) axes.push_back(c.axis(a, rank));
    std::sort(axes.begin(), axes.end());
    if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) c.refuse("axes: required each once");
    if (axes.empty() && !c.attr_int("noop_with_empty_axes", 0)) axes = axes_from(0, rank);
    keepdims = c.attr_int("keepdims", 1) != 0;
  }

  Id sum(Id v) { return Math::sum(v, axes, keepdims); }
  // Formulas on floats: halves as f32, integers as f64, the result in x's type again.
  template <class F>
  void through_floats(F f) {
    const ElementType e = element(x);
    c.out(as(f(e.is_integer() ? as(x, f64) : wide(x)), e));
  }
};

}  // namespace

void ReduceSum(Conversion& c) {
  Reduction r(c, 13);
  c.out(r.sum(r.x));
}
void ReduceProd(Conversion& c) {
  Reduction r(c);
  c.out(r.reduce(ops::reduce_prod, r.x, r.axes, r.keepdims));
}
void ReduceMax(Conversion& c) {
  Reduction r(c);
  c.out(r.reduce(ops::reduce_max, r.x, r.axes, r.keepdims));
}
void ReduceMin(Conversion& c) {
  Reduction r(c);
  c.out(r.reduce(ops::reduce_min, r.x, r.axes, r.keepdims));
}
void ReduceMean(Conversion& c) {
  Reduction r(c);
  c.out(r.as(r.mean(r.wide(r.x), r.axes, r.keepdims), r.element(r.x)));
}
void ReduceL1(Conversion& c) {
  Reduction r(c);
  c.out(r.sum(r.of(ops::abs, r.x)));
}
void ReduceSumSquare(Conversion& c) {
  Reduction r(c);
  c.out(r.as(r.sum(r.square(r.wide(r.x))), r.element(r.x)));
}
void ReduceL2(Conversion& c) {
  Reduction r(c);
  r.through_floats([&](Id x) { return r.of(ops::sqrt, r.sum(r.square(x))); });
}
void ReduceLogSum(Conversion& c) {
  Reduction r(c);
  r.through_floats([&](Id x) { return r.of(ops::log, r.sum(x)); });
}

// m + log Σ e^(x - m), with m the maximum, or 0 where that is infinite.
void ReduceLogSumExp(Conversion& c) {
  Reduction r(c);
  r.through_floats([&](Id x) {
    const auto finite = [&](Id m) { return r.where(r.of(ops::is_inf, m), r.like(0, m), m); };
    const Id kept = finite(r.reduce(ops::reduce_max, x, r.axes, true));
    const Id sum = r.sum(r.of(ops::exp, r.sub(x, kept)));
    const Id m = r.keepdims ? kept : finite(r.reduce(ops::reduce_max, x, r.axes, false));
    return r.add(m, r.of(ops::log, sum));
  });
}

}  // namespace tauto::onnx::convert
