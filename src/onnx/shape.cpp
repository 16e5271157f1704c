// Shapes and views: Shape, Size, Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile,
// ConstantOfShape. All but the first two and Transpose are a reshape or an expand by a shape that the builder
// folds.
#include <algorithm>

#include "onnx/shapes.h"

namespace tauto::onnx {

Id to_vector(Conversion& c, Id x) { return c.add(ops::reshape, {x, c.b.ints({-1})}); }

Id to_scalar(Conversion& c, Id x) {
  const Type& t = c.type_of(x);
  if (t.ranked && t.dims.empty()) return x;
  return c.add(ops::reshape, {x, c.b.ints(std::span<const int64_t>())});
}

Id as_i64(Conversion& c, Id x) {
  return c.type_of(x).element == i64 ? x : c.add(ops::cast, {x}, {{"to", i64}});
}

Id slice_of(Conversion& c, Id x, int64_t axis, Id start, Id end) {
  return c.add(ops::slice, {x, start, end, c.b.ints({1})}, {{"axes", Ints{axis}}});
}

Id slice_of(Conversion& c, Id x, int64_t axis, Dim start, Dim end) {
  return slice_of(c, x, axis, c.b.dims({std::move(start)}), c.b.dims({std::move(end)}));
}

Id reshape_to(Conversion& c, Id x, Dims dims) {
  const Type& t = c.type_of(x);
  if (t.ranked && t.dims == dims) return x;
  return c.add(ops::reshape, {x, c.b.dims(std::move(dims))});
}

Id extent_of(Conversion& c, Id x, int64_t axis) {
  return c.add(ops::gather, {c.add(ops::shape_of, {x}), c.b.scalar<int64_t>(axis)}, {{"axis", int64_t{0}}});
}

Id iota_along(Conversion& c, Id n, int64_t axis, int64_t rank) {
  const Id r = c.add(ops::range, {c.b.scalar<int64_t>(0), to_scalar(c, n), c.b.scalar<int64_t>(1)});
  Ints shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(axis)] = -1;
  return rank == 1 ? r : c.add(ops::reshape, {r, c.b.ints(shape)});
}

Ints axes_input(Conversion& c, int i, const char* attribute) {
  if (c.has_attribute(attribute)) return c.attr_ints(attribute);
  return c.has(i) ? c.required_ints(i) : Ints{};
}

Ints normal_axes(Conversion& c, Ints axes, int64_t rank) {
  for (int64_t& a : axes) a = c.axis(a, rank);
  std::sort(axes.begin(), axes.end());
  if (const auto twice = std::adjacent_find(axes.begin(), axes.end()); twice != axes.end())
    c.refuse(cat("axis ", *twice, " is named twice"));
  return axes;
}

namespace convert {

void Shape(Conversion& c) {
  const Id shape = c.add(ops::shape_of, {c.in(0)});
  const int64_t start = c.attr_int("start", 0), end = c.attr_int("end", INT64_MAX);
  if (start == 0 && end == INT64_MAX) return c.out(shape);
  c.out(slice_of(c, shape, 0, Dim(start), Dim(end)));
}

void Size(Conversion& c) { c.out(c.add(ops::size_of, {c.in(0)})); }

void Reshape(Conversion& c) {
  const Id shape = c.version < 5 ? c.b.ints(c.attr_ints("shape")) : c.in(1);
  if (c.attr_int("allowzero", 0) != 0) return c.out(c.add(ops::reshape, {c.in(0), shape}));
  // 0 copies the dim of the input. Zeros that are known now are resolved now.
  auto known = c.b.known(shape);
  if (!known || !c.type(0).ranked)
    return c.out(c.add(ops::reshape, {c.in(0), shape}, {{"copy_zero", int64_t{1}}}));
  for (size_t i = 0; i < known->size(); ++i)
    if ((*known)[i] == Dim(0)) {
      if (static_cast<int64_t>(i) >= c.rank(0)) c.refuse(cat("shape: no dim ", i, " to copy"));
      (*known)[i] = c.dims(0)[i];
    }
  c.out(c.add(ops::reshape, {c.in(0), c.b.dims(std::move(*known))}));
}

void Flatten(Conversion& c) {
  const Dims& dims = c.dims(0);
  int64_t axis = c.attr_int("axis", 1);
  if (axis < -c.rank(0) || axis > c.rank(0))
    c.refuse(cat("axis: required ", -c.rank(0), " <= axis <= ", c.rank(0), ", got ", axis));
  if (axis < 0) axis += c.rank(0);
  Dim rows = 1, columns = 1;
  for (size_t i = 0; i < dims.size(); ++i) (static_cast<int64_t>(i) < axis ? rows : columns) *= dims[i];
  c.out(reshape_to(c, c.in(0), {rows, columns}));
}

void Squeeze(Conversion& c) {
  if (!c.has_attribute("axes") && !c.has(1)) return c.out(c.add(ops::squeeze, {c.in(0)}));
  if (!c.type(0).ranked) return c.out(c.add(ops::squeeze, {c.in(0)}, {{"axes", axes_input(c, 1, "axes")}}));
  const Ints axes = normal_axes(c, axes_input(c, 1, "axes"), c.rank(0));
  Dims dims = c.dims(0);
  for (auto a = axes.rbegin(); a != axes.rend(); ++a) {
    const Dim& d = dims[static_cast<size_t>(*a)];
    if (d.is_literal() && d.literal() != 1) c.refuse(cat("dim ", *a, " of ", c.type(0), " is not 1"));
    dims.erase(dims.begin() + *a);
  }
  c.out(reshape_to(c, c.in(0), std::move(dims)));
}

void Unsqueeze(Conversion& c) {
  Ints axes = axes_input(c, 1, "axes");
  if (!c.type(0).ranked) return c.out(c.add(ops::unsqueeze, {c.in(0)}, {{"axes", std::move(axes)}}));
  Dims dims = c.dims(0);
  const int64_t rank = c.rank(0) + static_cast<int64_t>(axes.size());
  axes = normal_axes(c, std::move(axes), rank);
  for (int64_t a : axes) dims.insert(dims.begin() + a, 1);
  c.out(reshape_to(c, c.in(0), std::move(dims)));
}

void Transpose(Conversion& c) {
  Ints perm = c.attr_ints("perm");
  if (c.has_attribute("perm"))
    c.require_rank(0, static_cast<int64_t>(perm.size()));
  else
    for (int64_t i = c.rank(0); i-- > 0;) perm.push_back(i);
  for (int64_t& p : perm) p = c.axis(p, c.rank(0));
  if (std::is_sorted(perm.begin(), perm.end()) && static_cast<int64_t>(perm.size()) == c.rank(0) &&
      std::adjacent_find(perm.begin(), perm.end()) == perm.end())
    return c.out(c.in(0));
  c.out(c.add(ops::transpose, {c.in(0)}, {{"perm", std::move(perm)}}));
}

void Expand(Conversion& c) { c.out(c.add(ops::expand, {c.in(0), c.in(1)})); }

// Each repeated dim d becomes [r, d], and [r, d] becomes r*d.
void Tile(Conversion& c) {
  const Dims& dims = c.dims(0);
  const auto rank = static_cast<int64_t>(dims.size());
  Id repeats;
  if (c.version < 6) {
    Dims ones(dims.size(), Dim(1));
    ones[static_cast<size_t>(c.axis(c.required_int(2), rank))] = c.required_int(1);
    repeats = c.b.dims(std::move(ones));
  } else {
    repeats = c.in(1);
  }
  const auto known = c.b.known(repeats);
  if (known && static_cast<int64_t>(known->size()) != rank)
    c.refuse(cat("repeats: required ", rank, " values, got ", known->size()));
  Dims split;
  std::vector<Id> together;  // vectors of one element or more
  for (int64_t i = 0; i < rank; ++i) {
    const Dim& d = dims[static_cast<size_t>(i)];
    const bool once = known && (*known)[static_cast<size_t>(i)] == Dim(1);
    if (!once) {
      split.push_back(1);
      together.push_back(slice_of(c, repeats, 0, Dim(i), Dim(i + 1)));
    }
    split.push_back(d);
    together.push_back(c.b.dims({d}));
  }
  if (static_cast<int64_t>(split.size()) == rank) return c.out(c.in(0));
  const Id apart = reshape_to(c, c.in(0), std::move(split));
  const Id repeated = c.add(ops::expand, {apart, c.add(ops::concat, together, {{"axis", int64_t{0}}})});
  c.out(c.add(ops::reshape, {repeated, c.add(ops::mul, {repeats, c.add(ops::shape_of, {c.in(0)})})}));
}

void ConstantOfShape(Conversion& c) {
  Tensor value = c.has_attribute("value") ? c.attr_tensor("value") : Tensor::scalar<float>(0);
  if (value.count() != 1) c.refuse(cat("value: required one element, got ", type_of(value)));
  c.out(c.add(ops::expand, {c.b.constant(value.reshaped({})), c.in(0)}));
}

}  // namespace convert
}  // namespace tauto::onnx
