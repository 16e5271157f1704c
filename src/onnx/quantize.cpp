// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear and the integer operators. Integer sums are exact
// in i32; requantization is y = f32(acc) · f32(f64(sx)·f64(sw)), then a division by sy, rounding half to
// even, saturation.
#include "onnx/quantize.h"

#include "graph/unaligned.h"

#include "onnx/conv.h"

namespace tauto::onnx {
namespace {

Id cast(Conversion& c, Id x, ElementType to) {
  return c.type_of(x).element == to ? x : c.add(ops::cast, {x}, {{"to", to}});
}

bool one_value(const Type& t) {
  for (const Dim& d : t.dims)
    if (!(d == Dim(1))) return false;
  return true;
}

// Scale and zero point repeated over blocks of `block` elements along `axis`.
Id over_blocks(Conversion& c, Id p, const Type& x, int64_t axis, int64_t block) {
  const Type& t = c.type_of(p);
  if (!t.is_tensor() || !t.ranked || t.rank() != x.rank())
    c.refuse(cat("required scale and zero point of rank ", x.rank(), ", got ", t));
  const Dims& d = t.dims;
  const size_t at = static_cast<size_t>(axis);
  Dims split = d, wide = d, merged = d;
  split.insert(split.begin() + static_cast<int64_t>(at) + 1, Dim(1));
  wide.insert(wide.begin() + static_cast<int64_t>(at) + 1, Dim(block));
  merged[at] = d[at] * Dim(block);
  Id r = c.add(ops::reshape, {p, c.b.dims(split)});
  r = c.add(ops::expand, {r, c.b.dims(wide)});
  r = c.add(ops::reshape, {r, c.b.dims(merged)});
  if (merged[at] == x.dims[at]) return r;
  // The last block may be cut.
  return c.add(ops::slice, {r, c.b.ints({0}), c.b.dims({x.dims[at]}), c.b.ints({1})}, {{"axes", Ints{axis}}});
}

Id parameter(Conversion& c, int i, int64_t axis, int64_t block) {
  const Id p = c.in(i);
  if (block > 0) return over_blocks(c, p, c.type(0), axis, block);
  return along_axis(c, p, axis, c.rank(0));
}

int64_t quantization_axis(Conversion& c) {
  const int64_t rank = c.rank(0);
  const int64_t axis = c.attr_int("axis", 1);
  if (one_value(c.type(1))) return 0;
  return c.axis(axis, rank);
}

// f32(f64(a)·f64(b)): the combined scale of a product.
Id scale_product(Conversion& c, Id a, Id b) {
  return cast(c, c.add(ops::mul, {cast(c, a, f64), cast(c, b, f64)}), f32);
}

constexpr double kMostSum = 0x1p31 - 1;

double magnitude(const Dequantized& d) {
  return std::max(std::fabs(static_cast<double>(d.least)), std::fabs(static_cast<double>(d.most)));
}

// The largest magnitude among constant integers; nothing if they are not known.
std::optional<double> known_magnitude(Conversion& c, Id id) {
  const Tensor* t = c.b.constant_of(id);
  if (!t) return std::nullopt;
  double most = 0;
  for (const int64_t v : aligned(*t).as_ints()) most = std::max(most, std::fabs(static_cast<double>(v)));
  return most;
}

// Is s everywhere the product of the scales a (one value) and b, rounded once?
bool is_product(Conversion& c, Id s, Id a, Id b) {
  const Tensor *ts = c.b.constant_of(s), *ta = c.b.constant_of(a), *tb = c.b.constant_of(b);
  if (!ts || !ta || !tb) return false;
  const Tensor vs = aligned(*ts), va = aligned(*ta), vb = aligned(*tb);
  const int64_t n = std::max(vs.count(), vb.count());
  if ((vs.count() != 1 && vs.count() != n) || (vb.count() != 1 && vb.count() != n)) return false;
  for (int64_t i = 0; i < n; ++i) {
    const double product =
        static_cast<double>(va.data<float>()[0]) * vb.data<float>()[vb.count() == 1 ? 0 : i];
    if (vs.data<float>()[vs.count() == 1 ? 0 : i] != static_cast<float>(product)) return false;
  }
  return true;
}

// What q − z may be.
std::pair<int64_t, int64_t> range_of(Conversion& c, ElementType q, Id zero) {
  int64_t least = q.min_value(), most = static_cast<int64_t>(q.max_value()), low = least, high = most;
  if (zero < 0) return {least, most};
  if (const Tensor* known = c.b.constant_of(zero); known && known->count() > 0) {
    const std::vector<int64_t> z = aligned(*known).as_ints();
    low = *std::min_element(z.begin(), z.end()), high = *std::max_element(z.begin(), z.end());
  }
  return {least - high, most - low};
}

Id requantized(Conversion& c, Id acc, Id multiplier, Id y_scale, Id y_zero) {
  const ElementType to = c.type_of(y_zero).element;
  const Id y = c.add(ops::mul, {cast(c, acc, f32), multiplier});
  return quantized(c, y, cast(c, y_scale, f32), y_zero, to);
}

// Per-row parameters of a matrix [..., M, K]: a vector of M values stands along axis M.
Id per_row(Conversion& c, Id p, int64_t rank) {
  if (p < 0 || c.type_of(p).dims.size() != 1 || one_value(c.type_of(p))) return p;
  return along_axis(c, p, rank - 2, rank);
}

Id integer_matmul(Conversion& c, Id a, Id a_zero, Id b, Id b_zero) {
  const auto rank = [&](Id id) { return static_cast<int64_t>(c.type_of(id).dims.size()); };
  const Id x = centred(c, a, per_row(c, a_zero, rank(a)));
  const Id w = centred(c, b, b_zero);  // a vector of N values stands along the last axis as it is
  return c.convert("MatMul", {x, w}, {})[0];
}

}  // namespace

Id along_axis(Conversion& c, Id p, int64_t axis, int64_t rank) {
  const Type& t = c.type_of(p);
  if (!t.is_tensor() || !t.ranked) c.refuse("scale and zero point must have a known rank");
  if (t.dims.empty()) return p;
  if (t.dims.size() != 1) c.refuse(cat("required a scale or zero point of rank 0 or 1, got ", t));
  Dims shape(static_cast<size_t>(rank), Dim(1));
  if (one_value(t))
    shape.clear();
  else
    shape[static_cast<size_t>(axis)] = t.dims[0];
  return c.add(ops::reshape, {p, c.b.dims(shape)});
}

Id quantized(Conversion& c, Id x, Id scale, Id zero, ElementType to) {
  const ElementType e = c.type_of(x).element;
  Id r = c.add(ops::div, {x, cast(c, scale, e)});
  if (to.is_integer()) r = c.add(ops::round, {r});
  if (zero >= 0) r = c.add(ops::add, {r, cast(c, zero, e)});
  if (to.is_integer() && to.bits < 8) {  // the cast itself wraps there
    r = c.add(ops::max, {r, c.number(static_cast<double>(to.min_value()), e)});
    r = c.add(ops::min, {r, c.number(static_cast<double>(to.max_value()), e)});
  }
  return cast(c, r, to);  // saturates
}

Id centred(Conversion& c, Id q, Id zero) {
  const Id x = cast(c, q, i32);
  return zero < 0 ? x : c.add(ops::sub, {x, cast(c, zero, i32)});
}

Id contraction_of_dequantized(Conversion& c, Contract contract, const ChannelsOf& channels) {
  const Dequantized *x = c.dequantized(0), *w = c.dequantized(1);
  if (!x || !w || x->axis >= 0 || (w->axis >= 0 && w->axis != channels.channels)) return -1;
  const Type &tx = c.type_of(x->q), &tw = c.type_of(w->q);
  if (!tx.ranked || !tw.ranked) return -1;
  Dim terms = 1;
  for (size_t d = 0; d < tw.dims.size(); ++d)
    if (channels.summed >= 0 ? static_cast<int64_t>(d) == channels.summed
                             : static_cast<int64_t>(d) != channels.channels)
      terms = terms * tw.dims[d];
  if (!terms.is_literal()) return -1;
  const double sum = static_cast<double>(terms.literal()) * magnitude(*x) * magnitude(*w);
  if (sum > kMostSum) return -1;

  const auto along = [&](Id p) {
    const int64_t rank = static_cast<int64_t>(std::max(tx.dims.size(), tw.dims.size()));
    return along_axis(c, p, channels.along, rank);
  };
  Id acc = contract(c, x->q, w->q);
  const Dequantized* b = c.dequantized(2);
  bool added = false;
  if (b && is_product(c, b->scale, x->scale, w->scale) && c.type_of(b->q).dims.size() <= 1)
    if (const auto most = known_magnitude(c, b->q); most && sum + *most <= kMostSum) {
      acc = c.add(ops::add, {acc, along(b->q)});
      added = true;
    }
  const Id m = scale_product(c, along_axis(c, x->scale, 0, 0), along(w->scale));
  const Id y = c.add(ops::mul, {cast(c, acc, f32), m});
  if (!c.has(2) || added) return y;
  return c.add(ops::add, {y, c.type(2).ranked && c.rank(2) == 1 ? along(c.in(2)) : c.in(2)});
}

namespace convert {

void QuantizeLinear(Conversion& c) {
  const int64_t block = c.attr_int("block_size", 0), axis = quantization_axis(c);
  ElementType to = u8;
  if (c.attr_int("output_dtype", 0) != 0)
    to = c.element_type(c.attr_int("output_dtype"));
  else if (c.has(2))
    to = c.element(2);
  const Id scale = parameter(c, 1, axis, block);
  const Id zero = c.has(2) ? parameter(c, 2, axis, block) : -1;
  // The division is done in `precision`, by default the type of the scale.
  const int64_t precision = c.attr_int("precision", 0);
  ElementType e = precision ? c.element_type(precision) : c.version >= 19 ? c.element(1) : f32;
  if (!e.is_float()) e = f32;
  Id x = c.in(0);
  if (!c.element(0).is_float() || c.element(0) != e) x = cast(c, x, e);
  c.out(quantized(c, x, scale, zero, to));
}

void DequantizeLinear(Conversion& c) {
  const int64_t block = c.attr_int("block_size", 0), axis = quantization_axis(c);
  const Id scale = parameter(c, 1, axis, block);
  const ElementType out =
      c.attr_int("output_dtype", 0) ? c.element_type(c.attr_int("output_dtype")) : c.element(1);
  const ElementType q = c.element(0), e = c.element(1).is_float() ? c.element(1) : f32;
  Id x;
  if (q.is_integer() && q.bits <= 16) {
    const Id zero = c.has(2) ? parameter(c, 2, axis, block) : -1, integers = centred(c, c.in(0), zero);
    if (block == 0 && e == f32 && out == f32) {
      const auto [least, most] = range_of(c, q, zero);
      c.set_dequantized({integers, c.in(1), one_value(c.type(1)) ? -1 : axis, least, most});
    }
    x = cast(c, integers, e);
  } else {
    const bool centred_at_0 = !c.has(2) || known_magnitude(c, c.in(2)) == 0.0;
    if (q == i32 && block == 0 && e == f32 && out == f32 && centred_at_0)  // a bias
      c.set_dequantized({c.in(0), c.in(1), one_value(c.type(1)) ? -1 : axis, i32.min_value(),
                         static_cast<int64_t>(i32.max_value())});
    x = cast(c, c.in(0), e);
    if (c.has(2)) x = c.add(ops::sub, {x, cast(c, parameter(c, 2, axis, block), e)});
  }
  c.out(cast(c, c.add(ops::mul, {x, cast(c, scale, e)}), out));
}

void DynamicQuantizeLinear(Conversion& c) {
  Ints axes;
  for (int64_t i = 0; i < c.rank(0); ++i) axes.push_back(i);
  const Id zero = c.number(0, f32), x = c.in(0);
  const auto reduced = [&](const Op& op) {
    return c.add(op, {x}, {{"axes", axes}, {"keepdims", int64_t{0}}});
  };
  const Id hi = c.add(ops::max, {zero, reduced(ops::reduce_max)}),
           lo = c.add(ops::min, {zero, reduced(ops::reduce_min)});
  const Id scale = c.add(ops::div, {c.add(ops::sub, {hi, lo}), c.number(255, f32)});
  // round(sat(0 - lo/scale)); 0/0 of an all-zero input gives zero point 0.
  const Id raw = c.add(ops::sub, {zero, c.add(ops::div, {lo, scale})});
  const Id point = cast(c, c.add(ops::round, {raw}), u8);
  c.out(0, quantized(c, x, scale, point, u8));
  c.out(1, scale);
  c.out(2, point);
}

void ConvInteger(Conversion& c) {
  const Id wz = c.has(3) ? along_axis(c, c.in(3), 0, c.rank(1)) : -1;
  c.out(convolution(c, centred(c, c.in(0), c.has(2) ? along_axis(c, c.in(2), 0, 0) : -1),
                    centred(c, c.in(1), wz)));
}

void MatMulInteger(Conversion& c) {
  c.out(integer_matmul(c, c.in(0), c.has(2) ? c.in(2) : -1, c.in(1), c.has(3) ? c.in(3) : -1));
}

void QLinearConv(Conversion& c) {
  const int64_t rank = c.rank(3);
  const Id x = centred(c, c.in(0), along_axis(c, c.in(2), 0, 0));
  const Id w = centred(c, c.in(3), along_axis(c, c.in(5), 0, rank));
  Id acc = convolution(c, x, w);
  if (c.has(8)) acc = add_bias(c, acc, c.in(8));
  const Id m = scale_product(c, along_axis(c, c.in(1), 0, 0), along_axis(c, c.in(4), 1, rank));
  c.out(requantized(c, acc, m, along_axis(c, c.in(6), 0, 0), along_axis(c, c.in(7), 0, 0)));
}

void QLinearMatMul(Conversion& c) {
  const int64_t rank = c.rank(0);
  const Id acc = integer_matmul(c, c.in(0), c.in(2), c.in(3), c.in(5));
  const Id m = scale_product(c, per_row(c, c.in(1), rank), c.in(4));
  c.out(requantized(c, acc, m, per_row(c, c.in(6), rank), per_row(c, c.in(7), rank)));
}

}  // namespace convert
}  // namespace tauto::onnx
