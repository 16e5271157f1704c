// Sequences and optional values.
#include "onnx/shapes.h"

namespace tauto::onnx::convert {

void SequenceEmpty(Conversion& c) {
  const ElementType e = c.has_attribute("dtype") ? c.element_type(c.attr_int("dtype")) : f32;
  c.out(c.add(ops::sequence_empty, {}, {{"of", Type::unranked(e)}}));
}

void SequenceConstruct(Conversion& c) { c.out(c.add(ops::sequence_construct, c.inputs())); }

void SequenceInsert(Conversion& c) {
  std::vector<Id> in{c.in(0), c.in(1)};
  if (c.has(2)) in.push_back(c.in(2));
  c.out(c.add(ops::sequence_insert, std::move(in)));
}

void SequenceErase(Conversion& c) {
  std::vector<Id> in{c.in(0)};
  if (c.has(1)) in.push_back(c.in(1));
  c.out(c.add(ops::sequence_erase, std::move(in)));
}

void SequenceAt(Conversion& c) { c.out(c.add(ops::sequence_at, {c.in(0), c.in(1)})); }

void SequenceLength(Conversion& c) { c.out(c.add(ops::sequence_length, {c.in(0)})); }

void SplitToSequence(Conversion& c) {
  std::vector<Id> in{c.in(0)};
  if (c.has(1)) in.push_back(c.in(1));
  c.out(c.add(ops::split_to_sequence, std::move(in),
              {{"axis", c.attr_int("axis", 0)}, {"keep_dims", c.attr_int("keepdims", 1)}}));
}

void ConcatFromSequence(Conversion& c) {
  c.out(c.add(ops::concat_from_sequence, {c.in(0)},
              {{"axis", c.attr_int("axis")}, {"new_axis", c.attr_int("new_axis", 0)}}));
}

void Optional(Conversion& c) {
  if (c.has(0)) return c.out(c.add(ops::optional_of, {c.in(0)}));
  c.out(c.add(ops::optional_empty, {}, {{"of", c.attr_type("type")}}));
}

// A value that is no optional is there.
void OptionalHasElement(Conversion& c) {
  if (!c.has(0)) return c.out(c.b.scalar<bool>(false));
  if (c.type(0).tag != Type::Tag::Optional) return c.out(c.b.scalar<bool>(true));
  c.out(c.add(ops::optional_has, {c.in(0)}));
}

void OptionalGetElement(Conversion& c) {
  if (c.type(0).tag != Type::Tag::Optional) return c.out(c.in(0));
  c.out(c.add(ops::optional_get, {c.in(0)}));
}

}  // namespace tauto::onnx::convert
