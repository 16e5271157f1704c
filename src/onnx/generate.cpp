// Made from positions: Range, EyeLike, Trilu, CumSum.
#include "onnx/shapes.h"

namespace tauto::onnx::convert {

void Range(Conversion& c) {
  c.out(c.add(ops::range, {to_scalar(c, c.in(0)), to_scalar(c, c.in(1)), to_scalar(c, c.in(2))}));
}

void EyeLike(Conversion& c) {
  if (c.rank(0) != 2) c.refuse(cat("required rank 2, got ", c.type(0)));
  const ElementType e = c.has_attribute("dtype") ? c.element_type(c.attr_int("dtype")) : c.element(0);
  const Id row = iota_along(c, extent_of(c, c.in(0), 0), 0, 2),
           column = iota_along(c, extent_of(c, c.in(0), 1), 1, 2);
  const Id diagonal = c.add(ops::add, {row, c.b.scalar<int64_t>(c.attr_int("k", 0))});
  c.out(c.add(ops::where, {c.add(ops::equal, {diagonal, column}), c.number(1, e), c.number(0, e)}));
}

// Upper: the columns from row + k on; lower: those up to row + k.
void Trilu(Conversion& c) {
  const int64_t rank = c.rank(0);
  if (rank < 2) c.refuse(cat("required rank >= 2, got ", c.type(0)));
  const Id k = c.has(1) ? to_scalar(c, c.in(1)) : c.b.scalar<int64_t>(0);
  const Id row = iota_along(c, extent_of(c, c.in(0), rank - 2), 0, 2),
           column = iota_along(c, extent_of(c, c.in(0), rank - 1), 1, 2);
  const Id diagonal = c.add(ops::add, {row, k});
  const bool upper = c.attr_int("upper", 1) != 0;
  const Id keep =
      upper ? c.add(ops::less_equal, {diagonal, column}) : c.add(ops::less_equal, {column, diagonal});
  c.out(c.add(ops::where, {keep, c.in(0), c.b.constant(Tensor(c.element(0), {}))}));
}

void CumSum(Conversion& c) {
  c.out(c.add(ops::cum_sum, {c.in(0)},
              {{"axis", c.required_int(1)},
               {"exclusive", c.attr_int("exclusive", 0)},
               {"reverse", c.attr_int("reverse", 0)}}));
}

}  // namespace tauto::onnx::convert
