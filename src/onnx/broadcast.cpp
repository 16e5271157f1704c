// The broadcast rule of opsets before 7, as reshapes of the second operand.
#include "onnx/broadcast.h"

namespace tauto::onnx {

Id with_ones_behind(Conversion& c, Id x, int64_t after) {
  if (after == 0) return x;
  Dims shape = c.type_of(x).dims;
  shape.insert(shape.end(), static_cast<size_t>(after), Dim(1));
  return c.add(ops::reshape, {x, c.b.dims(std::move(shape))});
}

Id second_operand(Conversion& c) {
  const Id y = c.in(1);
  if (c.version >= 7) return y;
  if (c.attr_int("broadcast", 0) == 0) {
    if (c.type(0).ranked && c.type(1).ranked && c.rank(0) != c.rank(1))
      c.refuse(cat("without broadcast=1 equal shapes are required, got ", c.type(0), " and ", c.type(1)));
    return y;
  }
  if (!c.has_attribute("axis")) return y;
  const int64_t axis = c.axis(c.attr_int("axis"), c.rank(0));
  const int64_t after = c.rank(0) - axis - c.rank(1);
  if (after < 0)
    c.refuse(cat("axis ", axis, ": ", c.type(1), " does not fit below ", c.type(0), " from there"));
  return with_ones_behind(c, y, after);
}

}  // namespace tauto::onnx
