// Pooling: windows that slide over the spatial dims (ops/window.h). Sizes of the result per spatial dim, with
// k' = dilation · (kernel - 1) + 1:
//
//   explicit pads   floor or ceil((extent + pads - k') / stride) + 1; with ceil, windows that would start
//                   behind the data are left out
//   SAME_*          ceil(extent / stride), the pads that this needs halved (the odd one after, or before)
//   VALID           floor((extent - k') / stride) + 1
#include "onnx/math.h"

namespace tauto::onnx::convert {
namespace {

// Of sizes; Math's own are of values.
Dim larger(const Dim& a, const Dim& b) { return max(a, b); }
Dim smaller(const Dim& a, const Dim& b) { return min(a, b); }

class Pool : public Math {
 public:
  explicit Pool(Conversion& c) : Math{c} {
    if (!c.type(0).ranked) c.require_rank(0, static_cast<int64_t>(c.attr_ints("kernel_shape").size()) + 2);
    dims_ = c.dims(0);
    if (dims_.size() < 3) c.refuse(cat("required a rank of 3 or more, got ", c.type(0)));
    spatial_ = dims_.size() - 2;
    kernel_ = positive("kernel_shape", c.attr_ints("kernel_shape"));
    strides_ = positive("strides", c.attr_ints("strides", Ints(spatial_, 1)));
    dilations_ = positive("dilations", c.attr_ints("dilations", Ints(spatial_, 1)));
    const Ints pads = c.attr_ints("pads", Ints(2 * spatial_, 0));
    const std::string automatic = c.attr_string("auto_pad", "NOTSET");
    ceil_ = c.attr_int("ceil_mode", 0) != 0;
    if (pads.size() != 2 * spatial_) c.refuse(cat("pads: required ", 2 * spatial_, ", got ", pads.size()));
    for (size_t d = 0; d < spatial_; ++d) {
      const Dim x = dims_[d + 2], s = strides_[d], reach = dilations_[d] * (kernel_[d] - 1) + 1;
      Dim before = pads[d], after = pads[d + spatial_], out;
      if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        out = ceil_div(x, s);
        const Dim total = larger((out - Dim(1)) * s + reach - x, Dim(0)), half = floor_div(total, Dim(2));
        before = automatic == "SAME_UPPER" ? half : total - half;
        after = total - before;
      } else if (automatic == "NOTSET" || automatic == "" || automatic == "VALID") {
        if (automatic == "VALID") before = after = 0;
        const Dim room = x + before + after - reach;
        if (room.is_literal() && room.literal() < 0)
          c.refuse(cat("a window of ", reach, " is larger than ", x, " with pads ", before, " and ", after));
        out = floor_div(room, s) + Dim(1);
        if (ceil_) out = smaller(ceil_div(room, s) + Dim(1), ceil_div(x + before, s));
      } else {
        c.refuse(cat("auto_pad: required NOTSET, SAME_UPPER, SAME_LOWER or VALID, got \"", automatic, "\""));
      }
      before_.push_back(before), after_.push_back(after), out_.push_back(out);
    }
  }

  Access access() const { return access_over(dims_[0], dims_[1], before_); }
  Id window(const char* kind, Id x) {
    return c.add(ops::window_reduce, {x}, {{"access", access()}, {"kind", std::string(kind)}});
  }

  // 1 / the number of taps inside the data (or inside the padded data), as a factor for each window.
  Id inverse_count(bool include_pads, ElementType e) {
    bool full = !ceil_;
    for (size_t d = 0; d < spatial_; ++d)
      full &= include_pads || (before_[d] == Dim(0) && after_[d] == Dim(0));
    if (full) {
      int64_t count = 1;
      for (int64_t k : kernel_) count *= k;
      return reciprocal(c.number(static_cast<double>(count), e));
    }
    Dims shape{1, 1};
    for (size_t d = 0; d < spatial_; ++d)
      shape.push_back(include_pads ? dims_[d + 2] + before_[d] + after_[d] : dims_[d + 2]);
    const Access over = access_over(1, 1, include_pads ? Dims(spatial_, 0) : before_);
    return reciprocal(c.add(ops::window_reduce, {expand(c.number(1, e), std::move(shape))},
                            {{"access", over}, {"kind", std::string("sum")}}));
  }

  const Dims& input_dims() const { return dims_; }
  size_t spatial() const { return spatial_; }

 private:
  Ints positive(const char* name, Ints v) const {
    if (v.size() != spatial_) c.refuse(cat(name, ": required ", spatial_, " numbers, got ", v.size()));
    for (int64_t i : v)
      if (i < 1 || i > INT32_MAX) c.refuse(cat(name, ": required positive numbers, got ", i));
    return v;
  }

  Access access_over(Dim batch, Dim channels, const Dims& before) const {
    AccessBuilder a;
    std::vector<AxisIndex> index{AccessBuilder::at(a.output("n", std::move(batch))),
                                 AccessBuilder::at(a.output("c", std::move(channels)))};
    for (size_t d = 0; d < spatial_; ++d)
      index.push_back(AccessBuilder::at(a.output(cat("x", d), out_[d]), strides_[d], Dim(0) - before[d]));
    for (size_t d = 0; d < spatial_; ++d) {
      const int k = a.reduce(cat("k", d), kernel_[d]);
      index[d + 2].terms.push_back({k, dilations_[d]});
    }
    a.operand(std::move(index));
    return a.finish();
  }

  Dims dims_;
  size_t spatial_ = 0;
  Ints kernel_, strides_, dilations_;
  Dims before_, after_, out_;
  bool ceil_ = false;
};

Ints spatial_axes(Conversion& c) { return Math::axes_from(2, c.rank(0)); }

// (Σ |x|^p)^(1/p) with the given sum.
template <class F>
void lp(Math m, int64_t p, F sum) {
  Conversion& c = m.c;
  if (p < 1) c.refuse(cat("p: required >= 1, got ", p));
  const Id x = m.wide(c.in(0));
  if (p == 1) return c.out(m.as(sum(m.of(ops::abs, x)), c.element(0)));
  if (p == 2) return c.out(m.as(m.of(ops::sqrt, sum(m.square(x))), c.element(0)));
  const Id powers = c.add(ops::pow, {m.of(ops::abs, x), m.like(static_cast<double>(p), x)});
  c.out(m.as(c.add(ops::pow, {sum(powers), m.like(1 / static_cast<double>(p), x)}), c.element(0)));
}

int64_t exponent(Conversion& c) {
  return c.version < 2 ? static_cast<int64_t>(c.attr_float("p", 2)) : c.attr_int("p", 2);
}

}  // namespace

// Indices are those of the flattened input; with storage_order 1 the spatial part counts the first spatial
// dim fastest.
void MaxPool(Conversion& c) {
  Pool pool(c);
  if (c.wants(0)) c.out(0, pool.window("max", c.in(0)));
  if (!c.wants(1)) return;
  Id index = c.add(ops::window_arg_max, {c.in(0)}, {{"access", pool.access()}});
  if (c.attr_int("storage_order", 0) != 0) {
    Dim plane = 1;
    for (size_t d = 0; d < pool.spatial(); ++d) plane *= pool.input_dims()[d + 2];
    const auto size = [&](const Dim& d) { return pool.reshape(c.b.dims({d}), Dims{}); };
    const auto rest = [&](Id a, Id b) { return c.add(ops::rem, {a, b}); };
    Id inside = rest(index, size(plane)), turned = pool.sub(index, inside);
    Dim faster = plane;  // the product of the extents of the dims before d
    for (size_t d = pool.spatial(); d-- > 0;) {
      const Dim& extent = pool.input_dims()[d + 2];
      faster = exact_div(faster, extent);
      turned = pool.add(turned, pool.mul(rest(inside, size(extent)), size(faster)));
      inside = pool.div(inside, size(extent));
    }
    index = turned;
  }
  c.out(1, index);
}

// The sum of each window times 1 / count.
void AveragePool(Conversion& c) {
  Pool pool(c);
  const Id sum = pool.window("sum", pool.wide(c.in(0)));
  const Id factor = pool.inverse_count(c.attr_int("count_include_pad", 0) != 0, pool.element(sum));
  c.out(pool.as(pool.mul(sum, factor), c.element(0)));
}

void LpPool(Conversion& c) {
  Pool pool(c);
  lp(pool, exponent(c), [&](Id x) { return pool.window("sum", x); });
}

void GlobalMaxPool(Conversion& c) { c.out(Math{c}.reduce(ops::reduce_max, c.in(0), spatial_axes(c), true)); }
void GlobalAveragePool(Conversion& c) {
  Math m{c};
  c.out(m.as(m.mean(m.wide(c.in(0)), spatial_axes(c), true), c.element(0)));
}
void GlobalLpPool(Conversion& c) {
  Math m{c};
  lp(m, exponent(c), [&](Id x) { return m.sum(x, spatial_axes(c), true); });
}

// Zeros, with x's elements at the flat indices of a tensor of the shape that the pool had as input; if
// another output shape is given, that one is padded with zeros behind.
void MaxUnpool(Conversion& c) {
  Math m{c};
  const Dims x = c.dims(0);
  if (x.size() < 3) c.refuse(cat("required a rank of 3 or more, got ", c.type(0)));
  const size_t spatial = x.size() - 2;
  const Ints kernel = c.attr_ints("kernel_shape"), strides = c.attr_ints("strides", Ints(spatial, 1)),
             pads = c.attr_ints("pads", Ints(2 * spatial, 0));
  if (kernel.size() != spatial || strides.size() != spatial || pads.size() != 2 * spatial)
    c.refuse(cat("required attributes for ", spatial, " spatial dims"));
  Dims shape(x.begin(), x.begin() + 2);
  for (size_t d = 0; d < spatial; ++d)
    shape.push_back((x[d + 2] - Dim(1)) * Dim(strides[d]) + Dim(kernel[d] - pads[d] - pads[d + spatial]));
  Dim count = 1;
  for (const Dim& d : shape) count *= d;
  const Id zeros = m.expand(c.number(0, c.element(0)), {count}), flat = c.b.ints({-1});
  const Id y =
      m.reshape(c.add(ops::scatter_elements, {zeros, m.reshape(c.in(1), flat), m.reshape(c.in(0), flat)},
                      {{"axis", int64_t{0}}}),
                shape);
  if (!c.has(2)) return c.out(y);
  const Id after = m.sub(m.as(c.in(2), i64), c.b.dims(shape));
  const Id pads_of = c.add(ops::concat, {c.b.ints(Ints(x.size(), 0)), after}, {{"axis", int64_t{0}}});
  c.out(c.add(ops::pad, {y, pads_of, c.number(0, c.element(0))}, {{"mode", std::string("constant")}}));
}

}  // namespace tauto::onnx::convert
