// Choices by value: TopK, ArgMax, ArgMin, Hardmax, OneHot, NonZero, Unique, NonMaxSuppression.
#include <limits>

#include "onnx/shapes.h"

namespace tauto::onnx::convert {
namespace {

void arg_extremum(Conversion& c, const Op& op) {
  c.out(c.add(op, {c.in(0)},
              {{"axis", c.attr_int("axis", 0)},
               {"keep_dims", c.attr_int("keepdims", 1)},
               {"select_last", c.attr_int("select_last_index", 0)}}));
}

Id hardmax(Conversion& c, Id x, int64_t axis) {
  const Type t = c.type_of(x);
  axis = c.axis(axis, t.rank());
  const Id best = c.add(ops::arg_max, {x}, {{"axis", axis}, {"keep_dims", int64_t{1}}});
  const Id place = iota_along(c, extent_of(c, x, axis), axis, t.rank());
  return c.add(ops::where,
               {c.add(ops::equal, {place, best}), c.number(1, t.element), c.number(0, t.element)});
}

}  // namespace

void TopK(Conversion& c) {
  const Id k = c.version < 10 ? c.b.scalar<int64_t>(c.attr_int("k")) : c.in(1);
  const Id r = c.add(ops::top_k, {c.in(0), k},
                     {{"axis", c.attr_int("axis", -1)}, {"largest", c.attr_int("largest", 1)}});
  c.out(0, c.b.item(r, 0));
  if (c.output_count() > 1) c.out(1, c.b.item(r, 1));
}

void ArgMax(Conversion& c) { arg_extremum(c, ops::arg_max); }
void ArgMin(Conversion& c) { arg_extremum(c, ops::arg_min); }

// Before version 13 over all dims from the axis on, as one.
void Hardmax(Conversion& c) {
  if (c.version >= 13) return c.out(hardmax(c, c.in(0), c.attr_int("axis", -1)));
  const Dims dims = c.dims(0);
  const int64_t axis = c.axis(c.attr_int("axis", 1), c.rank(0));
  Dim rows = 1, columns = 1;
  for (size_t i = 0; i < dims.size(); ++i) (static_cast<int64_t>(i) < axis ? rows : columns) *= dims[i];
  c.out(reshape_to(c, hardmax(c, reshape_to(c, c.in(0), {rows, columns}), 1), dims));
}

// An index counts from the end when negative; one outside [-depth, depth) is on nowhere.
void OneHot(Conversion& c) {
  const int64_t rank = c.rank(0) + 1, axis = c.axis(c.attr_int("axis", -1), rank);
  const Id depth = as_i64(c, to_scalar(c, c.in(1)));
  Dims apart = c.dims(0);
  apart.insert(apart.begin() + axis, 1);
  const Id given = reshape_to(c, as_i64(c, c.in(0)), std::move(apart));
  const Id negative = c.add(ops::less, {given, c.b.scalar<int64_t>(0)});
  const Id index = c.add(ops::where, {negative, c.add(ops::add, {given, depth}), given});
  const Id on = c.add(ops::equal, {index, iota_along(c, depth, axis, rank)});
  const auto value = [&](int64_t i) {
    return c.add(ops::gather, {c.in(2), c.b.scalar<int64_t>(i)}, {{"axis", int64_t{0}}});
  };
  c.out(c.add(ops::where, {on, value(1), value(0)}));
}

void NonZero(Conversion& c) { c.out(c.add(ops::nonzero, {c.in(0)})); }

void Unique(Conversion& c) {
  Attributes attributes{{"sorted", c.attr_int("sorted", 1)}};
  if (c.has_attribute("axis")) attributes.set("axis", c.attr_int("axis"));
  const Id r = c.add(ops::unique, {c.in(0)}, std::move(attributes));
  for (int i = 0; i < c.output_count(); ++i)
    if (c.wants(i)) c.out(i, c.b.item(r, i));
}

// No limit on boxes given: none is chosen. No threshold of scores: every score passes.
void NonMaxSuppression(Conversion& c) {
  const ElementType e = c.element(0);
  const Id most = c.has(2) ? to_scalar(c, c.in(2)) : c.b.scalar<int64_t>(0);
  const Id iou = c.has(3) ? to_scalar(c, c.in(3)) : c.number(0, e);
  const Id score = c.has(4) ? to_scalar(c, c.in(4)) : c.number(-std::numeric_limits<double>::infinity(), e);
  c.out(c.add(ops::non_max_suppression, {c.in(0), c.in(1), most, iou, score},
              {{"center_point_box", c.attr_int("center_point_box", 0)}}));
}

}  // namespace tauto::onnx::convert
