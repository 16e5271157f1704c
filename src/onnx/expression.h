// Arithmetic on nodes as it stands on paper: `(1 - z) * g + z * h` are four nodes.
//
// A number beside an expression is a constant of the expression's element type.
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

struct Expr {
  Conversion* c;
  Id id;

  Expr(Conversion& c, Id id) : c(&c), id(id) {}
  const Type& type() const { return c->type_of(id); }
  ElementType element() const { return type().element; }
  const Dims& dims() const { return type().dims; }  // of a ranked tensor
  Dim dim(size_t i) const { return dims()[i]; }
  int64_t rank() const { return type().rank(); }
  Expr number(double v) const { return {*c, c->number(v, element())}; }
  Expr op(const Op& f, Attributes a = {}) const { return {*c, c->add(f, {id}, std::move(a))}; }
  Expr op(const Op& f, Expr b, Attributes a = {}) const { return {*c, c->add(f, {id, b.id}, std::move(a))}; }

  Expr cast(ElementType to) const { return to == element() ? *this : op(ops::cast, {{"to", to}}); }
  Expr reshape(Dims shape) const { return op(ops::reshape, {*c, c->b.dims(std::move(shape))}); }
  Expr expand(Dims shape) const { return op(ops::expand, {*c, c->b.dims(std::move(shape))}); }
  Expr transpose(Ints order) const { return op(ops::transpose, {{"perm", std::move(order)}}); }
  // Elements start … end - 1 along one axis.
  Expr slice_by(int64_t axis, Id start, Id end) const {  // i64[1], perhaps of run time
    return {*c, c->add(ops::slice, {id, start, end, c->b.ints({1})}, {{"axes", Ints{axis}}})};
  }
  Expr slice(int64_t axis, Dim start, Dim end) const {
    return slice_by(axis, c->b.dims({std::move(start)}), c->b.dims({std::move(end)}));
  }
  Expr gather(Expr indices, int64_t axis) const { return op(ops::gather, indices, {{"axis", axis}}); }
  Expr reduce(const Op& f, Ints axes, bool keepdims = true) const {
    return op(f, {{"axes", std::move(axes)}, {"keepdims", int64_t{keepdims}}});
  }
  Expr sum(Ints axes, bool keepdims = true) const {
    return reduce(ops::reduce_sum, std::move(axes), keepdims);
  }
  // f16 and bf16 as f32: an ONNX operator that becomes several nodes rounds halves once, at its end.
  Expr wide() const { return cast(element() == f16 || element() == bf16 ? f32 : element()); }
  Expr floor() const { return op(ops::floor); }
  // Element i along an axis, which disappears.
  Expr at(int64_t axis, int64_t i) const {
    return op(ops::gather, {*c, c->b.scalar<int64_t>(i)}, {{"axis", axis}});
  }
};

inline Expr operator+(Expr a, Expr b) { return a.op(ops::add, b); }
inline Expr operator-(Expr a, Expr b) { return a.op(ops::sub, b); }
inline Expr operator*(Expr a, Expr b) { return a.op(ops::mul, b); }
inline Expr operator/(Expr a, Expr b) { return a.op(ops::div, b); }
inline Expr operator+(Expr a, double b) { return a + a.number(b); }
inline Expr operator-(Expr a, double b) { return a - a.number(b); }
inline Expr operator*(Expr a, double b) { return a * a.number(b); }
inline Expr operator/(Expr a, double b) { return a / a.number(b); }
inline Expr operator-(double a, Expr b) { return b.number(a) - b; }
inline Expr operator*(double a, Expr b) { return b.number(a) * b; }
inline Expr operator/(double a, Expr b) { return b.number(a) / b; }
inline Expr operator<(Expr a, Expr b) { return a.op(ops::less, b); }
inline Expr operator<=(Expr a, Expr b) { return a.op(ops::less_equal, b); }
inline Expr operator&(Expr a, Expr b) { return a.op(ops::logical_and, b); }
inline Expr equal(Expr a, Expr b) { return a.op(ops::equal, b); }
inline Expr max(Expr a, Expr b) { return a.op(ops::max, b); }
inline Expr min(Expr a, Expr b) { return a.op(ops::min, b); }
inline Expr fma(Expr a, Expr b, Expr c) { return {*a.c, a.c->add(ops::fma, {a.id, b.id, c.id})}; }
// A size as an i64 scalar.
inline Expr size(Conversion& c, Dim d) { return Expr(c, c.b.dims({std::move(d)})).reshape({}); }
inline Expr where(Expr condition, Expr a, Expr b) {
  return {*a.c, a.c->add(ops::where, {condition.id, a.id, b.id})};
}
inline Expr concat(const std::vector<Expr>& parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  std::vector<Id> ids;
  for (const Expr& p : parts) ids.push_back(p.id);
  return {*parts[0].c, parts[0].c->add(ops::concat, std::move(ids), {{"axis", axis}})};
}

}  // namespace tauto::onnx
