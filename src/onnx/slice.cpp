// Parts of tensors: Slice, Split, Concat, Pad, CenterCropPad.
#include <numeric>

#include "onnx/shapes.h"

namespace tauto::onnx::convert {

constexpr int64_t kMostAxes = 1024;

void Slice(Conversion& c) {
  const bool inputs = c.version >= 10;
  const Id starts = inputs ? c.in(1) : c.b.ints(c.attr_ints("starts"));
  const Id ends = inputs ? c.in(2) : c.b.ints(c.attr_ints("ends"));
  Attributes attributes;
  const Ints axes = axes_input(c, inputs ? 3 : c.count(), "axes");
  if (inputs ? c.has(3) : c.has_attribute("axes")) attributes.set("axes", axes);
  Id steps = -1;
  if (inputs && c.has(4)) {
    steps = c.in(4);
  } else {
    const Type& t = c.type_of(starts);
    const auto n = t.ranked && t.rank() == 1 ? t.dims[0].as_literal() : std::nullopt;
    if (!n) c.refuse("starts: the number of values must be known before run time");
    if (*n > kMostAxes) c.refuse(cat("starts: required at most ", kMostAxes, " values, got ", *n));
    steps = c.b.ints(Ints(static_cast<size_t>(*n), 1));
  }
  c.out(c.add(ops::slice, {c.in(0), starts, ends, steps}, std::move(attributes)));
}

// Part i reaches from the sum of the sizes before it to that sum with its own.
void Split(Conversion& c) {
  const bool ranked = c.type(0).ranked;
  const int64_t axis = ranked ? c.axis(c.attr_int("axis", 0), c.rank(0)) : c.attr_int("axis", 0);
  const Dim extent = ranked ? c.dims(0)[static_cast<size_t>(axis)] : Dim::symbol("?");
  const int64_t n = c.output_count();
  if (c.has_attribute("num_outputs") && c.attr_int("num_outputs", n) < n)
    c.refuse(cat("num_outputs: required at least ", n, ", got ", c.attr_int("num_outputs", n)));
  const int64_t parts = c.attr_int("num_outputs", n);
  Id sizes = -1;
  if (c.has_attribute("split"))
    sizes = c.b.ints(c.attr_ints("split"));
  else if (c.has(1))
    sizes = c.in(1);
  if (sizes < 0) {
    if (parts < 1) c.refuse("required at least one output");
    if (c.version < 18 && extent.is_literal() && extent.literal() % parts != 0)
      c.refuse(cat("axis ", axis, " of ", c.type(0), " cannot be split into ", parts, " equal parts"));
    Id part;  // ceil(extent / parts): the last one may be shorter
    if (ranked) {
      part = c.b.dims({ceil_div(extent, Dim(parts))});
    } else {
      const Id size = c.add(ops::add, {to_vector(c, extent_of(c, c.in(0), axis)), c.b.ints({parts - 1})});
      part = c.add(ops::div, {size, c.b.ints({parts})});
    }
    for (int64_t i = 0; i < n; ++i)
      c.out(static_cast<int>(i), slice_of(c, c.in(0), axis, c.add(ops::mul, {part, c.b.ints({i})}),
                                          c.add(ops::mul, {part, c.b.ints({i + 1})})));
    return;
  }
  if (const auto known = c.b.known(sizes)) {
    Dim sum = 0;
    for (const Dim& d : *known) {
      if (d.is_literal() && d.literal() < 0) c.refuse(cat("split: required sizes >= 0, got ", d));
      sum += d;
    }
    const Dim difference = sum - extent;
    if (static_cast<int64_t>(known->size()) != n)
      c.refuse(cat("split: required ", n, " sizes, got ", known->size()));
    if (difference.is_literal() && difference.literal() != 0)
      c.refuse(cat("split: sizes sum up to ", sum, ", axis ", axis, " has ", extent));
  }
  sizes = as_i64(c, sizes);
  const Id ends = c.add(ops::cum_sum, {sizes}, {{"axis", int64_t{0}}});
  const Id starts = c.add(ops::sub, {ends, sizes});
  for (int64_t i = 0; i < n; ++i)
    c.out(static_cast<int>(i), slice_of(c, c.in(0), axis, slice_of(c, starts, 0, Dim(i), Dim(i + 1)),
                                        slice_of(c, ends, 0, Dim(i), Dim(i + 1))));
}

void Concat(Conversion& c) {
  const int64_t axis = c.version < 4 ? c.attr_int("axis", 1) : c.attr_int("axis");
  c.out(c.add(ops::concat, c.inputs(), {{"axis", axis}}));
}

void Pad(Conversion& c) {
  const std::string mode = c.attr_string("mode", "constant");
  const ElementType e = c.element(0);
  Id pads, value = -1;
  if (c.version < 11) {
    pads = c.b.ints(c.attr_ints(c.version < 2 ? "paddings" : "pads"));
    value = c.number(static_cast<double>(c.attr_float("value", 0)), e);
  } else {
    pads = to_vector(c, c.in(1));  // some files have [1, n]
    if (c.has(2))
      value = to_scalar(c, c.in(2));
    else
      value = c.b.constant(Tensor(e, {}));  // zero, false or ""
  }
  Attributes attributes{{"mode", mode}};
  if (c.has(3)) attributes.set("axes", c.required_ints(3));
  std::vector<Id> in{c.in(0), pads};
  if (mode == "constant") in.push_back(value);
  c.out(c.add(ops::pad, std::move(in), std::move(attributes)));
}

// The difference of target and size, half of it (towards zero) before; what is negative is cut off.
void CenterCropPad(Conversion& c) {
  const int64_t rank = c.rank(0);
  Ints axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has_attribute("axes")) axes = c.attr_ints("axes");
  for (int64_t& a : axes) a = c.axis(a, rank);
  const Id own =
      c.add(ops::gather, {c.add(ops::shape_of, {c.in(0)}), c.b.ints(axes)}, {{"axis", int64_t{0}}});
  const Id difference = c.add(ops::sub, {as_i64(c, c.in(1)), own});
  const Id before = c.add(ops::div, {difference, c.b.scalar<int64_t>(2)});
  const Id pads = c.add(ops::concat, {before, c.add(ops::sub, {difference, before})}, {{"axis", int64_t{0}}});
  c.out(c.add(ops::pad, {c.in(0), pads, c.b.constant(Tensor(c.element(0), {}))},
              {{"mode", std::string("constant")}, {"axes", axes}}));
}

}  // namespace tauto::onnx::convert
