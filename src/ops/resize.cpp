// resize(x, size [, scale [, roi]]){axis, mode, coordinates, …}: one axis of x interpolated at other places.
//
// size: i64[1], the new extent m; n is the old one. scale: f64[1], given where it is not m / n; roi: f64[2],
// start and end of the part that `coordinates` = "tf_crop_and_resize" looks at.
//
//   p(o), the place of output o, in f64, with L = scale·n, or m without a scale:
//     half_pixel            (o + ½)·n/m - ½              with a scale (o + ½)/scale - ½
//     half_pixel_symmetric  the same, shifted by n/2·(1 - m/L) towards the centre
//     pytorch_half_pixel    the same, but 0 where L ≤ 1
//     asymmetric            o·n/m                        with a scale o/scale
//     align_corners         o·(n - 1)/(L - 1), 0 where L = 1
//     tf_crop_and_resize    start·(n - 1) + o·(end - start)·(n - 1)/(L - 1), for L = 1 the middle
//
//   mode nearest: out[o] = x[p rounded by `nearest`: floor, ceil, round_prefer_floor, round_prefer_ceil]
//   mode linear:  weights 1 - |j - p| for |j - p| < 1;   mode cubic: Keys' kernel with parameter `cubic_a`
//                 for |j - p| < 2 (R. Keys, "Cubic convolution interpolation …", 1981)
//   antialias:    where scale < 1 the kernel is that much wider; weights are divided by their sum
//
// Places outside x count as its nearest element; with exclude_outside they are left out, and the weights
// divided by their sum. Weights are f64; those of one element are added up, zeros are left out, the others
// rounded once. out[o] = x[j₀]·w₀, then fma(x[j], w_j, ·) for ascending j. tf_crop_and_resize gives
// `extrapolation` where p is outside [0, n - 1].
#include <cmath>

#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/resampling.h"

namespace tauto::ops {
namespace {

bool one_of(const std::string& s, std::initializer_list<const char*> names) {
  for (const char* n : names)
    if (s == n) return true;
  return false;
}

Type resize_type(const TypeContext& c) {
  const Attributes& a = c.attributes;
  const std::string &mode = a.get<std::string>("mode"), &how = a.get<std::string>("coordinates");
  c.require(c.count() <= 4, "required at most 4 inputs");
  c.require(one_of(mode, {"nearest", "linear", "cubic"}), cat("mode: got \"", mode, "\""));
  c.require(one_of(how, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric",
                         "align_corners", "tf_crop_and_resize"}),
            cat("coordinates: got \"", how, "\""));
  const std::string nearest = a.get_or<std::string>("nearest", "floor");
  c.require(one_of(nearest, {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}),
            cat("nearest: got \"", nearest, "\""));
  c.require(how != "tf_crop_and_resize" || c.has(3), "tf_crop_and_resize: required a roi");
  if (mode != "nearest" || how == "tf_crop_and_resize")
    c.require(c.element(0).is_float(), cat("mode ", mode, ": not defined for elements ", c.element(0)));
  c.require_element(1, i64);
  for (int i = 1; i < c.count(); ++i) {
    if (i > 1) c.require_element(i, f64);
    if (c.type(i).ranked) c.require_rank(i, 1), c.require_equal(c.dim(i, 0), i == 3 ? 2 : 1, "extent");
  }
  Dims dims = c.dims(0);
  Dim& d = dims[static_cast<size_t>(c.axis(a.get<int64_t>("axis"), c.rank(0)))];
  const auto size = c.value(1);
  const Dim m = size ? (*size)[0] : c.fresh();
  if (m.is_literal() && m.literal() < 0) c.refuse(cat("size: required >= 0, got ", m));
  if (d == Dim(0) && m.is_literal() && m.literal() > 0) c.refuse("an empty axis cannot be enlarged");
  d = m;
  return Type::tensor(c.element(0), std::move(dims));
}

double f64_at(const Tensor& t, int64_t i) {
  if (t.rep() == Rep::Term || t.rep() == Rep::Dims) throw Unknown{};
  if (t.rep() != Rep::Interval) return t.data<double>()[i];
  const auto x = t.data<FInterval<double>>()[i];
  if (x.lo != x.hi) throw Unknown{};
  return x.lo;
}

Resampling resampling_of(const Attributes& a) {
  Resampling r;
  r.mode = a.get<std::string>("mode")[0];
  r.coordinates = a.get<std::string>("coordinates");
  r.nearest = a.get_or<std::string>("nearest", "floor");
  r.cubic_a = a.get_or<double>("cubic_a", -0.75);
  r.exclude_outside = a.flag("exclude_outside");
  r.antialias = a.flag("antialias");
  return r;
}

Resampling resampling_of(EvalContext& c, int64_t n, int64_t m) {
  Resampling r = resampling_of(c.attributes);
  r.from = n, r.to = m;
  if (c.count() > 2) r.scale = f64_at(c.tensor(2), 0);
  if (c.count() > 3) r.start = f64_at(c.tensor(3), 0), r.end = f64_at(c.tensor(3), 1);
  if (r.scale && !(*r.scale > 0)) c.refuse(cat("scale: required > 0, got ", *r.scale));
  return r;
}
template <class C>
void interpolate(EvalContext& c, const AxisView& v, const std::vector<Taps>& taps) {
  const Tensor& x = c.tensor(0);
  const NumbersOf<C> in(x);
  const auto m = static_cast<int64_t>(taps.size());
  std::vector<C> out(static_cast<size_t>(v.outer * m * v.inner));
  const C sample = x.count() > 0 ? in.data()[0] : C{};
  const C outside = num::like(sample, c.attributes.get_or<double>("extrapolation", 0));
  for (int64_t o = 0; o < v.outer; ++o) {
    for (int64_t k = 0; k < m; ++k) {
      const Taps& t = taps[static_cast<size_t>(k)];
      C* to = out.data() + (o * m + k) * v.inner;
      if (t.outside) std::fill_n(to, v.inner, outside);
      for (size_t i = 0; i < t.index.size(); ++i) {
        const C w = num::like(sample, t.weight[i]);
        const C* from = in.data() + (o * v.extent + t.index[i]) * v.inner;
        if (t.weight[i] == 1)
          std::copy_n(from, v.inner, to);  // the only one
        else if (i == 0)
          for (int64_t j = 0; j < v.inner; ++j) to[j] = from[j] * w;
        else
          for (int64_t j = 0; j < v.inner; ++j) to[j] = num::fma(from[j], w, to[j]);
      }
      if constexpr (requires { sample.lo; }) {
        for (int64_t j = 0; j < v.inner; ++j)
          if (!t.outside)
            to[j] = t.widened(to[j], [&](int64_t i) { return in.data()[(o * v.extent + i) * v.inner + j]; });
      }
    }
    c.poll();
  }
  c.out = store_numbers(out, x.type(), static_shape(c.type), c.rep);
}

// Which element is nearest an outside implementation may see otherwise, by the slack of its coordinates.
template <class I>
void nearest_of_intervals(EvalContext& c, const AxisView& v, const std::vector<Taps>& taps) {
  const I* x = c.tensor(0).data<I>();
  Tensor out = c.make();
  I* to = out.data<I>();
  for (int64_t o = 0; o < v.outer; ++o)
    for (const Taps& t : taps)
      for (int64_t j = 0; j < v.inner; ++j) {
        const auto at = [&](int64_t i) { return x[(o * v.extent + i) * v.inner + j]; };
        I all = t.outside ? num::like(I{}, c.attributes.get_or<double>("extrapolation", 0)) : at(t.first);
        for (int64_t i = t.first + 1; i <= t.last && !t.outside; ++i) all = num::hull(all, at(i));
        *to++ = all;
      }
  c.out = std::move(out);
}

void resize_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const int64_t axis = normal_axis(c.attributes.get<int64_t>("axis"), x.rank());
  const AxisView v(x.shape(), axis);
  const auto taps = taps_of(resampling_of(c, v.extent, c.ints(1)[0]));
  const bool nearest = c.attributes.get<std::string>("mode") == "nearest";
  if (!nearest ||
      (c.rep != Rep::Interval && c.attributes.get<std::string>("coordinates") == "tf_crop_and_resize"))
    return visit_numbers(x, [&](auto number) {
      using C = decltype(number);
      if constexpr (std::is_integral_v<C> || std::is_same_v<C, Dim> || std::is_same_v<C, IInterval>)
        throw Unknown{};
      else
        interpolate<C>(c, v, taps);
    });
  if (c.rep == Rep::Interval && !x.type().is_string()) {
    if (!x.type().is_float()) return nearest_of_intervals<IInterval>(c, v, taps);
    if (x.type() == f64) return nearest_of_intervals<FInterval<double>>(c, v, taps);
    return nearest_of_intervals<FInterval<float>>(c, v, taps);
  }
  Tensor out = c.make();
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    const S* from = x.data<S>();
    S* to = out.data<S>();
    for (int64_t o = 0; o < v.outer; ++o)
      for (const Taps& t : taps) to = std::copy_n(from + (o * v.extent + t.index[0]) * v.inner, v.inner, to);
  });
  c.out = std::move(out);
}

// k where every element is repeated k times whatever the extents are, else 0. Then the nearest element of
// output o is o / k: for places o / k by floor; for (o + 1/2) / k - 1/2, which is never halfway between two
// elements, by rounding. Quotients of sizes below 2^26 are rounded too little to reach another integer.
int64_t repetition(const Resampling& r, const Dim& n, const Dim& m) {
  if (r.mode != 'n') return 0;
  const bool corner = r.coordinates == "asymmetric" && r.nearest == "floor";
  const bool centre = r.coordinates == "half_pixel" &&
                      (r.nearest == "round_prefer_floor" || r.nearest == "round_prefer_ceil");
  if (!corner && !centre) return 0;
  for (int64_t k = 1; k <= 16; ++k)
    if (m == n * k && (!r.scale || *r.scale == static_cast<double>(k))) return k;
  return 0;
}

// index[o] where it steps evenly: (o / down) · up + first.
std::optional<loops::Expr> even_index(const std::vector<Taps>& taps, const loops::Expr& o) {
  const auto m = static_cast<int64_t>(taps.size());
  const auto at = [&](int64_t i) { return taps[static_cast<size_t>(i)].index[0]; };
  int64_t down = 1;
  while (down < m && at(down) == at(0)) ++down;
  const int64_t up = down < m ? at(down) - at(0) : 0;
  for (int64_t i = 0; i < m; ++i)
    if (at(i) != i / down * up + at(0)) return std::nullopt;
  return loops::floor_div(o, down) * loops::Expr(up) + loops::Expr(at(0));
}

// One column of a table with a row per output.
template <class T, class F>
loops::Expr tabulated(Lowering& l, const std::vector<Taps>& taps, const loops::Expr& o, F element) {
  Tensor t(kElementOf<T>, {static_cast<int64_t>(taps.size())});
  bool same = true;
  for (size_t i = 0; i < taps.size(); ++i) {
    t.data<T>()[i] = element(taps[i]);
    same &= t.data<T>()[i] == t.data<T>()[0];
  }
  if (same) return loops::number(t.type(), static_cast<double>(t.data<T>()[0]));
  return loops::load(l.table(t), {o});
}

// The same of what holds: a comparison where that is so for outputs side by side.
template <class F>
loops::Expr tabulated_truth(Lowering& l, const std::vector<Taps>& taps, const loops::Expr& o, F holds) {
  const auto at = [&](size_t i) { return static_cast<bool>(holds(taps[i])); };
  size_t from = 0, to = taps.size();
  while (from < to && !at(from)) ++from;
  while (to > from && !at(to - 1)) --to;
  for (size_t i = from; i < to; ++i)
    if (!at(i)) return tabulated<bool>(l, taps, o, holds);
  if (from == to) return loops::truth(false);
  loops::Expr r = loops::truth(true);
  if (from > 0) r = loops::less(static_cast<int64_t>(from) - 1, o);
  if (to < taps.size()) r = both(r, loops::less(o, static_cast<int64_t>(to)));
  return r;
}

loops::Expr interpolated(Lowering& l, const Index& index, size_t axis, const std::vector<Taps>& taps) {
  const loops::Expr& o = index[axis];
  const auto tap = [&](const loops::Expr& j) {
    Index from = index;
    from[axis] = j;
    return widened(l.at(0, from));
  };
  const ElementType e = arithmetic_type(l.type().element);
  const auto weight = [&](size_t k) {
    const auto of = [k](const Taps& t) { return k < t.weight.size() ? t.weight[k] : 0; };
    return e == f64 ? tabulated<double>(l, taps, o, of)
                    : tabulated<float>(l, taps, o, [&](const Taps& t) { return static_cast<float>(of(t)); });
  };
  size_t most = 0;
  for (const Taps& t : taps) most = std::max(most, t.index.size());
  loops::Expr r;
  for (size_t k = 0; k < most; ++k) {
    // Outputs with fewer taps load an element that is there, and leave it out.
    const loops::Expr x = tap(tabulated<int64_t>(
        l, taps, o, [k](const Taps& t) { return k < t.index.size() ? t.index[k] : int64_t{0}; }));
    const loops::Expr w = weight(k);
    const loops::Expr next = k == 0 ? x * w : loops::apply(loops::Function::Fma, {x, w, r});
    const loops::Expr taken =
        tabulated_truth(l, taps, o, [k](const Taps& t) { return k == 0 || k < t.index.size(); });
    r = r.defined() ? loops::select(taken, next, r) : next;
  }
  const loops::Expr outside = loops::number(e, l.attributes().get_or<double>("extrapolation", 0));
  if (!r.defined()) return converted(outside, l.type().element);
  r = loops::select(tabulated_truth(l, taps, o, [](const Taps& t) { return t.outside; }), outside, r);
  return converted(r, l.type().element);
}

loops::Expr resize_lower(Lowering& l, const Index& index) {
  const auto axis = static_cast<size_t>(normal_axis(l.attributes().get<int64_t>("axis"), l.type().rank()));
  const Dim &n = l.type(0).dims[axis], &m = l.type().dims[axis];
  Resampling r = resampling_of(l.attributes());
  for (int i = 2; i < l.count(); ++i) {
    const Tensor* t = l.constant(i);
    if (!t) l.refuse("a scale or a part that is known only at run time");
    if (i == 2)
      r.scale = t->data<double>()[0];
    else
      r.start = t->data<double>()[0], r.end = t->data<double>()[1];
  }
  if (r.scale && !(*r.scale > 0)) l.refuse("a scale that is not positive");
  Index from = index;
  if (const int64_t k = repetition(r, n, m)) {
    from[axis] = loops::floor_div(index[axis], k);
    return l.at(0, from);
  }
  if (!n.is_literal() || !m.is_literal()) l.refuse("extents that are known only at run time");
  if (m.literal() > (int64_t{1} << 20)) l.refuse("more places than a kernel should list");
  r.from = n.literal(), r.to = m.literal();
  if (r.from == 0 || r.to == 0) return loops::number(l.type().element, 0);  // never asked for
  const std::vector<Taps> taps = taps_of(r);
  if (r.mode != 'n' || r.coordinates == "tf_crop_and_resize") return interpolated(l, index, axis, taps);
  if (const auto even = even_index(taps, index[axis]))
    from[axis] = *even;
  else
    from[axis] = tabulated<int64_t>(l, taps, index[axis], [](const Taps& t) { return t.index[0]; });
  return l.at(0, from);
}

}  // namespace

constinit const Op resize{
    .name = "resize",
    .arity = kVariadic,
    .min_arity = 2,
    .type = resize_type,
    .eval = resize_eval,
    .lower = resize_lower,
};

}  // namespace tauto::ops
