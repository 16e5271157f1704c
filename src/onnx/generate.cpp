// Made from positions: Range, EyeLike, Trilu, CumSum.
#include <cmath>

#include "onnx/shapes.h"

namespace tauto::onnx::convert {

namespace {

// The value of a float scalar that is a small whole number, or a size: a constant or a cast integer.
std::optional<Dim> whole_number(const Conversion& c, Id id) {
  const Node& n = c.b.node(id);
  if (const Tensor* t = c.b.constant_of(id)) {
    if (t->count() != 1 || (t->type() != f32 && t->type() != f64)) return std::nullopt;
    const double v = t->type() == f32 ? static_cast<double>(t->data<float>()[0]) : t->data<double>()[0];
    if (v != std::floor(v) || std::fabs(v) > 0x1p20) return std::nullopt;
    return Dim(static_cast<int64_t>(v));
  }
  if (n.op == &ops::reshape || n.op == &ops::squeeze) return whole_number(c, n.inputs[0]);
  if (n.op != &ops::cast || !c.type_of(n.inputs[0]).element.is_integer()) return std::nullopt;
  const auto v = c.b.known(n.inputs[0]);
  return v && v->size() == 1 ? std::optional((*v)[0]) : std::nullopt;
}

}  // namespace

// Of floats that are sizes it is made in integers, where its length is known before run time. The elements
// are the same below 2^24, beyond which no axis reaches.
void Range(Conversion& c) {
  const ElementType e = c.element(0);
  if (e == f32 || e == f64) {
    const auto start = whole_number(c, c.in(0)), limit = whole_number(c, c.in(1)),
               delta = whole_number(c, c.in(2));
    if (start && limit && delta && delta->is_literal() && delta->literal() != 0) {
      const auto scalar = [&](const Dim& d) {
        if (d.is_literal()) return c.b.scalar<int64_t>(d.literal());
        return c.add(ops::dims, {}, {{"values", Dims{d}}, {"shape", Ints{}}, {"type", i64}});
      };
      const Id whole = c.add(ops::range, {scalar(*start), scalar(*limit), scalar(*delta)});
      c.out(c.add(ops::cast, {whole}, {{"to", e}}));
      return;
    }
  }
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
