// Formulas of converters. An operator that becomes several nodes computes halves as f32 and rounds once, at
// its end: `Id y = m.as(formula(m.wide(x)), element of x)`.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

struct Math {
  Conversion& c;

  Id add(Id a, Id b) { return c.add(ops::add, {a, b}); }
  Id sub(Id a, Id b) { return c.add(ops::sub, {a, b}); }
  Id mul(Id a, Id b) { return c.add(ops::mul, {a, b}); }
  Id div(Id a, Id b) { return c.add(ops::div, {a, b}); }
  Id max(Id a, Id b) { return c.add(ops::max, {a, b}); }
  Id min(Id a, Id b) { return c.add(ops::min, {a, b}); }
  Id fma(Id a, Id b, Id d) { return c.add(ops::fma, {a, b, d}); }
  Id of(const Op& f, Id a) { return c.add(f, {a}); }
  Id less(Id a, Id b) { return c.add(ops::less, {a, b}); }
  Id where(Id condition, Id a, Id b) { return c.add(ops::where, {condition, a, b}); }

  ElementType element(Id x) const { return c.type_of(x).element; }
  Dims dims(Id x) const;  // refuses when the rank is not known
  int64_t rank(Id x) const { return static_cast<int64_t>(dims(x).size()); }
  Id like(double v, Id x) { return c.number(v, element(x)); }
  Id as(Id x, ElementType t);
  Id wide(Id x);  // f16 and bf16 as f32
  Id square(Id x) { return mul(x, x); }
  Id reciprocal(Id x) { return div(like(1, x), x); }

  Id reshape(Id x, Id shape) { return c.add(ops::reshape, {x, shape}); }
  Id reshape(Id x, Dims shape) { return reshape(x, c.b.dims(std::move(shape))); }
  Id gather(Id x, Id indices, int64_t axis) { return c.add(ops::gather, {x, indices}, {{"axis", axis}}); }
  Id expand(Id x, Dims shape) { return c.add(ops::expand, {x, c.b.dims(std::move(shape))}); }
  Id scalar(Dim d, ElementType t);  // a size as a number

  Id reduce(const Op& op, Id x, Ints axes, bool keepdims);
  Id sum(Id x, Ints axes, bool keepdims) { return reduce(ops::reduce_sum, x, std::move(axes), keepdims); }
  Id mean(Id x, const Ints& axes, bool keepdims);      // sum / count
  static Ints axes_from(int64_t first, int64_t rank);  // first … rank - 1
};

}  // namespace tauto::onnx
