// Normalisations: d = x - mean; d · (1 / sqrt(mean(d²) + ε)), then scale and bias. Halves are computed in
// f32.
#include <algorithm>

#include "onnx/math.h"

namespace tauto::onnx::convert {
namespace {

// A vector of one number per channel (or more dims from axis 1 on) shaped to broadcast against x.
Id per_channel(Math& m, Id v, int64_t rank) {
  Dims shape{1};
  for (const Dim& d : m.dims(v)) shape.push_back(d);
  while (static_cast<int64_t>(shape.size()) < rank) shape.push_back(1);
  return m.reshape(v, std::move(shape));
}

struct Standardized {
  Id mean, inverse, result;  // inverse = 1 / sqrt(variance + ε)
};

Id inverse_deviation(Math& m, Id variance, float epsilon) {
  return m.reciprocal(m.of(ops::sqrt, m.add(variance, m.like(epsilon, variance))));
}

Standardized standardize(Math& m, Id x, const Ints& axes, float epsilon) {
  const Id mean = m.mean(x, axes, true), d = m.sub(x, mean);
  const Id inverse = inverse_deviation(m, m.mean(m.square(d), axes, true), epsilon);
  return {mean, inverse, m.mul(d, inverse)};
}

// stash_type: f32 for everything but f64.
ElementType stash_type(Conversion& c, ElementType e) {
  const ElementType stash = c.element_type(c.attr_int("stash_type", 1));
  return e == f64 || stash == f64 ? f64 : f32;
}

}  // namespace

void LayerNormalization(Conversion& c) {
  Math m{c};
  const ElementType e = c.element(0), stash = stash_type(c, e);
  const int64_t rank = c.rank(0), axis = c.axis(c.attr_int("axis", -1), rank);
  const auto s =
      standardize(m, m.as(c.in(0), stash), Math::axes_from(axis, rank), c.attr_float("epsilon", 1e-5f));
  Id y = m.mul(s.result, m.as(c.in(1), stash));
  if (c.has(2)) y = m.add(y, m.as(c.in(2), stash));
  c.out(0, m.as(y, e));
  if (c.wants(1)) c.out(1, s.mean);
  if (c.wants(2)) c.out(2, s.inverse);
}

// x · (1 / sqrt(mean(x²) + ε)) · scale
void RMSNormalization(Conversion& c) {
  Math m{c};
  const ElementType e = c.element(0), stash = stash_type(c, e);
  const int64_t rank = c.rank(0), axis = c.axis(c.attr_int("axis", -1), rank);
  const Id x = m.as(c.in(0), stash), mean = m.mean(m.square(x), Math::axes_from(axis, rank), true);
  const Id y = m.mul(x, inverse_deviation(m, mean, c.attr_float("epsilon", 1e-5f)));
  c.out(m.as(m.mul(y, m.as(c.in(1), stash)), m.element(c.in(1))));
}

void InstanceNormalization(Conversion& c) {
  Math m{c};
  const int64_t rank = c.rank(0);
  const auto s = standardize(m, m.wide(c.in(0)), Math::axes_from(2, rank), c.attr_float("epsilon", 1e-5f));
  const Id scaled = m.mul(s.result, per_channel(m, m.wide(c.in(1)), rank));
  c.out(m.as(m.add(scaled, per_channel(m, m.wide(c.in(2)), rank)), c.element(0)));
}

// x as [N, G, C/G, spatial…]. Sums run over the spatial dims first, then over the channels of the group: an
// order that layouts with blocked channels can meet. Scale and bias: per group (operator set 18) or channel.
void GroupNormalization(Conversion& c) {
  Math m{c};
  const ElementType e = c.element(0), stash = c.version >= 21 ? stash_type(c, e) : e == f64 ? f64 : f32;
  const Dims dims = c.dims(0);
  if (dims.size() < 2) c.refuse(cat("required rank >= 2, got ", c.type(0)));
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t groups = c.attr_int("num_groups");
  if (groups < 1) c.refuse(cat("num_groups: required >= 1, got ", groups));
  const Dim each = dims[1].is_literal() && dims[1].literal() % groups == 0 ? Dim(dims[1].literal() / groups)
                   : dims[1].is_literal()                                  ? Dim(-1)
                                                                           : exact_div(dims[1], groups);
  if (each == Dim(-1)) c.refuse(cat("required channels in ", groups, " equal groups, got ", c.type(0)));
  Dims grouped{dims[0], groups, each};
  grouped.insert(grouped.end(), dims.begin() + 2, dims.end());
  const Id x = m.reshape(m.as(c.in(0), stash), grouped);
  Dim count = each;
  for (size_t d = 2; d < dims.size(); ++d) count *= dims[d];
  const Id n = m.scalar(count, stash);
  const auto mean = [&](Id v) {
    const Id rows = rank > 2 ? m.sum(v, Math::axes_from(3, rank + 1), true) : v;
    return m.div(m.sum(rows, {2}, true), n);
  };
  const Id d = m.sub(x, mean(x));
  Id y = m.mul(d, inverse_deviation(m, mean(m.square(d)), c.attr_float("epsilon", 1e-5f)));
  const bool by_group = c.version < 21;
  const auto parameter = [&](int i) {
    const Id p = m.as(c.in(i), stash);
    return per_channel(m, by_group ? m.reshape(p, {groups, 1}) : p, by_group ? rank + 1 : rank);
  };
  if (!by_group) y = m.reshape(y, dims);
  y = m.add(m.mul(y, parameter(1)), parameter(2));
  if (by_group) y = m.reshape(y, dims);
  c.out(m.as(y, e));
}

// In f64: s = scale / sqrt(var + ε), t = bias - mean·s, each rounded to f32 once; then y = fma(x, s, t), so
// that the whole is one fma behind a convolution. Training mode takes mean and variance from x, and returns
// momentum·running + (1 - momentum)·those.
void BatchNormalization(Conversion& c) {
  Math m{c};
  const ElementType e = c.element(0);
  const int64_t rank = c.rank(0);
  const float epsilon = c.attr_float("epsilon", 1e-5f), momentum = c.attr_float("momentum", 0.9f);
  const bool training = c.version >= 14  ? c.attr_int("training_mode", 0) != 0
                        : c.version >= 7 ? c.wants(1)
                                         : c.attr_int("is_test", 0) == 0;
  const bool spatial = c.version >= 9 || c.attr_int("spatial", 1) != 0;
  const Id x = m.wide(c.in(0));
  Id mean = c.in(3), variance = c.in(4);
  if (training) {
    Ints axes{0};
    if (spatial)
      for (int64_t d = 2; d < rank; ++d) axes.push_back(d);
    const Id kept = m.mean(x, axes, true), d = m.sub(x, kept);
    const Id now = m.mean(x, axes, false), spread = m.mean(m.square(d), axes, false);
    const auto running = [&](Id old, Id value) {
      const Id o = m.wide(old), v = m.as(value, m.element(o));
      return m.as(m.add(m.mul(o, m.like(momentum, o)), m.mul(v, m.like(1 - double{momentum}, o))),
                  m.element(old));
    };
    if (c.wants(1)) c.out(1, running(mean, now));
    if (c.wants(2)) c.out(2, running(variance, spread));
    if (c.wants(3)) c.out(3, m.as(now, e));
    if (c.wants(4)) c.out(4, m.as(spread, e));
    mean = now, variance = spread;
  }
  // Other implementations compute these in the elements' own type.
  const ElementType w = m.element(x);
  const auto f = [&](Id v) { return m.as(v, f64); };
  const auto step = [&](const Op& op, std::vector<Id> in) {
    return c.add(op, std::move(in), {{"legal", w}});
  };
  const Id var = f(variance);
  const Id s = step(ops::div, {f(c.in(1)), step(ops::sqrt, {step(ops::add, {var, m.like(epsilon, var)})})});
  const Id t = step(ops::sub, {f(c.in(2)), step(ops::mul, {f(mean), s})});
  c.out(0, m.as(m.fma(x, per_channel(m, m.as(s, w), rank), per_channel(m, m.as(t, w), rank)), e));
}

// (x - mean) / (deviation + 1e-9)
void MeanVarianceNormalization(Conversion& c) {
  Math m{c};
  const int64_t rank = c.rank(0);
  Ints axes;
  for (int64_t a : c.attr_ints("axes", {0, 2, 3})) axes.push_back(c.axis(a, rank));
  std::sort(axes.begin(), axes.end());
  const Id x = m.wide(c.in(0)), d = m.sub(x, m.mean(x, axes, true));
  const Id deviation = m.of(ops::sqrt, m.mean(m.square(d), axes, true));
  c.out(m.as(m.mul(d, m.reciprocal(m.add(deviation, m.like(1e-9, x)))), c.element(0)));
}

// x / norm, and 0 where the norm is 0.
void LpNormalization(Conversion& c) {
  Math m{c};
  const int64_t p = c.attr_int("p", 2), axis = c.axis(c.attr_int("axis", -1), c.rank(0));
  if (p != 1 && p != 2) c.refuse(cat("p: required 1 or 2, got ", p));
  const Id x = m.wide(c.in(0));
  const Id sum = m.sum(p == 1 ? m.of(ops::abs, x) : m.square(x), {axis}, true);
  const Id norm = p == 1 ? sum : m.of(ops::sqrt, sum), zero = m.like(0, x);
  const Id inverse = m.where(c.add(ops::equal, {norm, zero}), zero, m.reciprocal(norm));
  c.out(m.as(m.mul(x, inverse), c.element(0)));
}

// x / (bias + alpha/size · Σ x²)^beta, the sum over `size` neighbouring channels.
void LRN(Conversion& c) {
  Math m{c};
  const int64_t size = c.attr_int("size"), rank = c.rank(0);
  if (size < 1) c.refuse(cat("size: required >= 1, got ", size));
  if (rank < 2) c.refuse(cat("required rank >= 2, got ", c.type(0)));
  AccessBuilder a;
  std::vector<AxisIndex> index;
  for (int64_t d = 0; d < rank; ++d)
    index.push_back(AccessBuilder::at(a.output(cat("x", d), c.dims(0)[static_cast<size_t>(d)])));
  const int k = a.reduce("k", size);
  index[1].terms.push_back({k, 1});
  index[1].offset = -((size - 1) / 2);
  a.operand(std::move(index));
  const Id x = m.wide(c.in(0));
  const Id sum =
      c.add(ops::window_reduce, {m.square(x)}, {{"access", a.finish()}, {"kind", std::string("sum")}});
  const double alpha = c.attr_float("alpha", 1e-4f) / static_cast<double>(size);
  const Id base = m.add(m.like(c.attr_float("bias", 1), x), m.mul(m.like(alpha, x), sum));
  c.out(m.as(m.div(x, c.add(ops::pow, {base, m.like(c.attr_float("beta", 0.75f), x)})), c.element(0)));
}

}  // namespace tauto::onnx::convert
