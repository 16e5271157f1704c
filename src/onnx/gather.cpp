// Reading and writing by index: Gather*, Scatter*, TensorScatter, Compress, ReverseSequence.
#include "onnx/shapes.h"

namespace tauto::onnx::convert {

void Gather(Conversion& c) {
  c.out(c.add(ops::gather, {c.in(0), c.in(1)}, {{"axis", c.attr_int("axis", 0)}}));
}

void GatherElements(Conversion& c) {
  c.out(c.add(ops::gather_elements, {c.in(0), c.in(1)}, {{"axis", c.attr_int("axis", 0)}}));
}

void GatherND(Conversion& c) {
  c.out(c.add(ops::gather_nd, {c.in(0), c.in(1)}, {{"batch_dims", c.attr_int("batch_dims", 0)}}));
}

void ScatterElements(Conversion& c) {
  c.out(c.add(ops::scatter_elements, {c.in(0), c.in(1), c.in(2)},
              {{"axis", c.attr_int("axis", 0)}, {"reduction", c.attr_string("reduction", "none")}}));
}

void Scatter(Conversion& c) { ScatterElements(c); }

void ScatterND(Conversion& c) {
  c.out(c.add(ops::scatter_nd, {c.in(0), c.in(1), c.in(2)},
              {{"reduction", c.attr_string("reduction", "none")}}));
}

// Element i of an update goes to place write_indices[batch] + i of the axis (circular: modulo its extent).
void TensorScatter(Conversion& c) {
  const int64_t rank = c.rank(0), axis = c.axis(c.attr_int("axis", -2), rank);
  const std::string mode = c.attr_string("mode", "linear");
  if (mode != "linear" && mode != "circular") c.refuse(cat("mode: required linear or circular, got ", mode));
  if (axis == 0) c.refuse("axis: required another axis than the batch axis 0");
  Id at = iota_along(c, extent_of(c, c.in(1), axis), axis, rank);
  if (c.has(2)) {
    Ints shape(static_cast<size_t>(rank), 1);
    shape[0] = -1;
    at = c.add(ops::add, {at, c.add(ops::reshape, {as_i64(c, c.in(2)), c.b.ints(shape)})});
  }
  if (mode == "circular") at = c.add(ops::mod, {at, extent_of(c, c.in(0), axis)});
  const Id everywhere = c.add(ops::expand, {at, c.add(ops::shape_of, {c.in(1)})});
  c.out(c.add(ops::scatter_elements, {c.in(0), everywhere, c.in(1)}, {{"axis", axis}}));
}

void Compress(Conversion& c) {
  const Id chosen = to_vector(c, c.add(ops::nonzero, {to_vector(c, c.in(1))}));
  if (!c.has_attribute("axis"))
    return c.out(c.add(ops::gather, {to_vector(c, c.in(0)), chosen}, {{"axis", int64_t{0}}}));
  c.out(c.add(ops::gather, {c.in(0), chosen}, {{"axis", c.attr_int("axis")}}));
}

void ReverseSequence(Conversion& c) {
  c.out(c.add(ops::reverse_sequence, {c.in(0), c.in(1)},
              {{"batch_axis", c.attr_int("batch_axis", 1)}, {"time_axis", c.attr_int("time_axis", 0)}}));
}

}  // namespace tauto::onnx::convert
