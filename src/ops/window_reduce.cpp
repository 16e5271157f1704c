// window_reduce(x){access, kind}: the maximum, minimum or sum of each window (ops/window.h), from -inf (the
// least number), +inf (the greatest) or +0. Halves accumulate in f32 and are rounded once; integers wrap.
#include "ops/contraction.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"
#include "ops/reduction.h"
#include "ops/window.h"

namespace tauto {

std::vector<WindowPass> window_passes(const Access& a, const Shape& shape) {
  std::vector<WindowPass> passes;
  Shape left = shape;
  for (size_t axis = a.axes.size(); axis-- > static_cast<size_t>(a.outputs);)
    for (size_t d = 0; d < shape.size(); ++d) {
      const AxisIndex& x = a.operands[0][d];
      WindowPass w;
      bool slides = false;
      for (const AxisTerm& t : x.terms) {
        if (t.axis < a.outputs) w.stride = t.coefficient.literal();
        if (t.axis == static_cast<int>(axis)) slides = true, w.dilation = t.coefficient.literal();
      }
      if (!slides) continue;
      w.extent = left[d];
      w.outputs = a.extents[d].literal();
      w.taps = a.extents[axis].literal();
      w.offset = x.offset.literal();
      w.divisor = x.divisor;
      left[d] = w.outputs;
      for (size_t e = 0; e < shape.size(); ++e)
        if (e != d) (e < d ? w.outer : w.inner) *= left[e];
      passes.push_back(w);
    }
  return passes;
}

Dims window_dims(const TypeContext& c) {
  const Access& a = c.attributes.get<Access>("access");
  c.require(a.operands.size() == 1, "required one index map");
  const auto rank = static_cast<int64_t>(a.operands[0].size());
  c.require(rank == a.outputs, "required an output axis for each dim");
  c.require_rank(0, rank);
  std::vector<int> uses(a.axes.size(), 0);
  for (int64_t d = 0; d < rank; ++d) {
    const AxisIndex& x = a.operands[0][static_cast<size_t>(d)];
    int reduced = 0, outputs = 0;
    for (const AxisTerm& t : x.terms) {
      ++uses[static_cast<size_t>(t.axis)];
      if (t.axis >= a.outputs) ++reduced;
      if (t.axis == d) ++outputs;
    }
    c.require(static_cast<int>(x.terms.size()) == reduced + outputs && reduced <= 1,
              cat("dim ", d, ": required the index of its own output axis and at most one of the window"));
    c.require(x.divisor >= 1, cat("dim ", d, ": required a divisor >= 1"));
    if (reduced) continue;
    c.require(outputs == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1,
              cat("dim ", d, ": required a window or the plain axis"));
    c.require_equal(c.dim(0, d), a.extents[static_cast<size_t>(d)],
                    cat("dim ", d, " and axis ", a.axes[static_cast<size_t>(d)]).c_str());
  }
  for (size_t i = static_cast<size_t>(a.outputs); i < uses.size(); ++i)
    c.require(uses[i] == 1, cat("axis ", a.axes[i], ": required in one dim, is in ", uses[i]));
  for (size_t i = 0; i < a.extents.size(); ++i)
    if (a.extents[i].is_literal())
      c.require(a.extents[i].literal() >= 0,
                cat("axis ", a.axes[i], ": required an extent >= 0, got ", a.extents[i]));
  return Dims(a.extents.begin(), a.extents.begin() + a.outputs);
}

namespace ops {
namespace {

Type window_type(const TypeContext& c) {
  if (!in_set(c.element(0), kNumbers)) c.refuse(cat("not defined for elements ", c.element(0)));
  const std::string& kind = c.attributes.get<std::string>("kind");
  c.require(kind == "max" || kind == "min" || kind == "sum",
            cat("kind: required max, min or sum, got ", kind));
  return Type::tensor(c.element(0), window_dims(c));
}

struct Add {
  template <class C>
  C operator()(const C& a, const C& b) const {
    return static_cast<C>(a + b);
  }
};
struct Max {
  template <class C>
  C operator()(const C& a, const C& b) const {
    return num::max(a, b);
  }
};
struct Min {
  template <class C>
  C operator()(const C& a, const C& b) const {
    return num::min(a, b);
  }
};

void window_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const char kind = c.attributes.get<std::string>("kind")[1];  // mAx, mIn, sUm
  const auto passes = window_passes(c.attributes.get<Access>("access"), x.shape());
  visit_numbers(x, [&](auto number) {
    using C = decltype(number);
    const auto run = [&](const C* in, Identity identity, auto f) {
      return window_passes(in, x.count(), passes, identity_of<C>(identity, x.type()), f, c);
    };
    const auto store = [&](const std::vector<C>& v) {
      c.out = store_numbers(v, x.type(), static_shape(c.type), c.rep);
    };
    if constexpr (std::is_same_v<C, Dim>) {
      throw Unknown{};
    } else {
      if constexpr (requires(C i) { num::is_nan_surely(i); }) {
        if (kind == 'u') {
          double terms = 1;
          for (const WindowPass& w : passes) terms *= static_cast<double>(w.taps);
          using T = std::conditional_t<std::is_same_v<C, FInterval<float>>, float, double>;
          return store(enclose_sums<T>(x, terms, [&](const std::vector<double>& v) {
            return window_passes(v.data(), x.count(), passes, 0.0, Add{}, c);
          }));
        }
      }
      const NumbersOf<C> in(x);
      store(kind == 'u'   ? run(in.data(), Identity::Zero, Add{})
            : kind == 'a' ? run(in.data(), Identity::Lowest, Max{})
                          : run(in.data(), Identity::Highest, Min{}));
    }
  });
}

loops::Expr window_lower(Lowering& l, const Index& index) {
  const Access& access = l.attributes().get<Access>("access");
  const char kind = l.attributes().get<std::string>("kind")[1];
  const auto f = kind == 'u'   ? loops::Function::Add
                 : kind == 'a' ? loops::Function::Max
                               : loops::Function::Min;
  Index point = index, from;
  for (size_t axis = index.size(); axis < access.axes.size(); ++axis)
    point.push_back(loops::variable(l.fresh(access.axes[axis])));
  std::vector<Conditions> inside(point.size());  // per axis of the window
  for (size_t d = 0; d < index.size(); ++d) {
    const AxisIndex& x = access.operands[0][d];
    const auto slides = static_cast<size_t>(x.terms.back().axis);
    from.push_back(slides < index.size()
                       ? index[d]
                       : accessed_index(access, x, point, l.type(0).dims[d], inside[slides]));
  }
  loops::Expr r = widened(l.at(0, from));
  for (size_t axis = point.size(); axis-- > index.size();)
    r = loops::reduce(loops::Order::Chain, f,
                      {{point[axis].as<loops::Variable>()->name, access.extents[axis]}}, {r},
                      inside[axis].all());
  return converted(r, l.type().element);
}

void window_error(ErrorRule& r) {
  const Access& access = r.attributes.get<Access>("access");
  const char kind = r.attributes.get<std::string>("kind")[1];
  const Tensor* const operand[] = {r.in[0].value};
  const BoundAccess bound(access, operand);
  const TapVisitor taps = [&](const std::function<void(int64_t, int64_t)>& f) { for_each_tap(bound, 0, f); };
  if (kind != 'u') return selection_error(r, taps, kind == 'a' ? 1 : -1);
  double terms = 1, ours = 0;
  for (const WindowPass& w : window_passes(access, r.in[0].value->shape())) {
    terms *= static_cast<double>(w.taps);
    ours += static_cast<double>(w.taps);
  }
  sum_error(r, taps, r.order == Order::Ours ? std::min(ours, terms) : terms, terms);
}

}  // namespace

constinit const Op window_reduce{
    .name = "window_reduce",
    .arity = 1,
    .type = window_type,
    .eval = window_eval,
    .lower = window_lower,
    .error = window_error,
};

}  // namespace ops
}  // namespace tauto
