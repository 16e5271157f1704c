// Formulas of converters.
#include "onnx/math.h"

namespace tauto::onnx {

Dims Math::dims(Id x) const {
  if (!c.type_of(x).ranked) c.refuse(cat("required a tensor of known rank, got ", c.type_of(x)));
  return c.type_of(x).dims;
}

Id Math::as(Id x, ElementType t) { return element(x) == t ? x : c.add(ops::cast, {x}, {{"to", t}}); }

Id Math::wide(Id x) { return element(x) == f16 || element(x) == bf16 ? as(x, f32) : x; }

Id Math::scalar(Dim d, ElementType t) {
  if (d.is_literal()) return c.number(static_cast<double>(d.literal()), t);
  return as(reshape(c.b.dims({std::move(d)}), Dims{}), t);
}

Id Math::reduce(const Op& op, Id x, Ints axes, bool keepdims) {
  return c.add(op, {x}, {{"axes", std::move(axes)}, {"keepdims", int64_t{keepdims}}});
}

Id Math::mean(Id x, const Ints& axes, bool keepdims) {
  Dim count = 1;
  for (int64_t a : axes) count *= dims(x)[static_cast<size_t>(a)];
  return div(sum(x, axes, keepdims), scalar(count, element(x)));
}

Ints Math::axes_from(int64_t first, int64_t rank) {
  Ints axes;
  for (int64_t a = first; a < rank; ++a) axes.push_back(a);
  return axes;
}

}  // namespace tauto::onnx
