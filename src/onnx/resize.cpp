// Resize and Upsample: one `resize` per axis, the last axis first. A new extent is floor(extent · scale),
// exactly, or given. Halves are interpolated in f32, integers in f64, and rounded once, at the end.
#include <algorithm>
#include <cmath>
#include <optional>

#include "onnx/math.h"

namespace tauto::onnx::convert {
namespace {

// The size and, where it is not the quotient of the sizes, the scale of one axis; -1: absent.
struct Axis {
  int64_t axis = 0;
  Id size = -1, scale = -1;
  Id roi = -1;
};

// floor(d · scale): a scale is an integer over a power of two.
std::optional<Dim> scaled(const Dim& d, double scale) {
  int exponent;
  const double mantissa = std::frexp(scale, &exponent) * 0x1p24;
  if (!(scale > 0) || mantissa != std::floor(mantissa)) return std::nullopt;
  auto m = static_cast<int64_t>(mantissa);
  int shift = 24 - exponent;
  while (m % 2 == 0 && shift > 0) m /= 2, --shift;
  if (shift < -20 || shift > 38) return std::nullopt;
  if (shift <= 0) return d * Dim(m << -shift);
  return floor_div(d * Dim(m), Dim(int64_t{1} << shift));
}

struct Resizing : Math {
  Dims dims;
  Attributes attributes;
  bool crop = false;

  explicit Resizing(Conversion& c) : Math{c}, dims(c.dims(0)) {}

  Id f64_of(Id v) { return as(v, f64); }
  Id extent(int64_t axis, ElementType t) { return as(c.b.dims({dims[static_cast<size_t>(axis)]}), t); }
  // Element k of a vector, as a vector of one.
  Id pick(Id v, int64_t k) { return gather(v, c.b.ints({k}), 0); }

  std::vector<Axis> by_scales(const Ints& axes, Id scales) {
    std::vector<Axis> list;
    const Tensor* known = c.b.constant_of(scales);
    for (size_t k = 0; k < axes.size(); ++k) {
      Axis a{axes[k]};
      const Dim& d = dims[static_cast<size_t>(a.axis)];
      std::optional<Dim> size;
      if (known) {
        if (static_cast<size_t>(known->count()) != axes.size())
          c.refuse(cat("scales: required ", axes.size(), ", got ", known->count()));
        const double s = known->type() == f64 ? known->data<double>()[k] : double{known->data<float>()[k]};
        if (!(s > 0) || std::isinf(s)) c.refuse(cat("scales: required > 0, got ", s));
        size = scaled(d, s);
        if (s == 1 && !crop) continue;
        a.scale = c.b.constant(Tensor::of<double>({1}, std::span(&s, 1)));
      } else {
        a.scale = f64_of(pick(scales, static_cast<int64_t>(k)));
      }
      a.size = size ? c.b.dims({*size}) : as(of(ops::floor, mul(extent(a.axis, f64), a.scale)), i64);
      list.push_back(a);
    }
    return list;
  }

  std::vector<Axis> by_sizes(const Ints& axes, Id sizes, const std::string& policy) {
    std::vector<Axis> list;
    const auto known = c.b.known(sizes);
    Id common = -1;
    for (size_t k = 0; k < axes.size(); ++k) {
      Axis a{axes[k]};
      a.size = as(pick(sizes, static_cast<int64_t>(k)), i64);
      if (policy != "stretch") {
        const Id s = div(f64_of(a.size), extent(a.axis, f64));
        common = common < 0 ? s : c.add(policy == "not_larger" ? ops::min : ops::max, {common, s});
      } else if (known && k < known->size() && (*known)[k] == dims[static_cast<size_t>(a.axis)] && !crop) {
        continue;
      }
      list.push_back(a);
    }
    if (common >= 0)
      for (Axis& a : list) {
        a.scale = common;
        a.size = as(of(ops::floor, add(mul(common, extent(a.axis, f64)), like(0.5, common))), i64);
      }
    return list;
  }

  void finish(std::vector<Axis> list) {
    const ElementType e = c.element(0);
    const bool nearest = attributes.get<std::string>("mode") == "nearest" && !crop;
    Id x = c.in(0);
    if (!nearest) x = e.is_integer() ? as(x, f64) : wide(x);
    std::sort(list.begin(), list.end(), [](const Axis& a, const Axis& b) { return a.axis > b.axis; });
    for (const Axis& a : list) {
      std::vector<Id> in{x, a.size};
      if (a.scale >= 0) in.push_back(a.scale);
      if (a.roi >= 0) {
        if (a.scale < 0) in.push_back(div(f64_of(a.size), extent(a.axis, f64)));
        in.push_back(a.roi);
      }
      Attributes at = attributes;
      at.set("axis", a.axis);
      x = c.add(ops::resize, std::move(in), std::move(at));
    }
    if (!nearest && e.is_integer()) x = of(ops::round, x);
    c.out(as(x, e));
  }
};

std::string interpolation(Conversion& c) {
  std::string mode = c.attr_string("mode", "nearest");
  if (mode == "bilinear" || mode == "trilinear") mode = "linear";
  if (mode != "nearest" && mode != "linear" && mode != "cubic")
    c.refuse(cat("mode: required nearest, linear or cubic, got \"", mode, "\""));
  return mode;
}

// Before operator set 11: places o / scale, the nearest element is the one before.
void upsample(Conversion& c, Id scales) {
  Resizing r(c);
  r.attributes = {{"mode", interpolation(c)}, {"coordinates", std::string("asymmetric")}};
  r.finish(r.by_scales(Math::axes_from(0, c.rank(0)), scales));
}

}  // namespace

void Upsample(Conversion& c) {
  if (c.version >= 9) return upsample(c, c.in(1));
  std::vector<float> scales = c.attr_floats("scales");
  if (c.version < 7) scales = {1, 1, c.attr_float("height_scale", 1), c.attr_float("width_scale", 1)};
  upsample(c, c.b.constant(Tensor::of<float>({static_cast<int64_t>(scales.size())}, scales)));
}

void Resize(Conversion& c) {
  if (c.version < 11) return upsample(c, c.in(1));
  Resizing r(c);
  const std::string mode = interpolation(c),
                    how = c.attr_string("coordinate_transformation_mode", "half_pixel");
  r.crop = how == "tf_crop_and_resize";
  const bool antialias = c.attr_int("antialias", 0) != 0, exclude = c.attr_int("exclude_outside", 0) != 0;
  r.attributes = {{"mode", mode}, {"coordinates", how}};
  if (mode == "nearest") r.attributes.set("nearest", c.attr_string("nearest_mode", "round_prefer_floor"));
  if (mode == "cubic") r.attributes.set("cubic_a", double{c.attr_float("cubic_coeff_a", -0.75f)});
  if (antialias && mode == "nearest") c.refuse("antialias: required mode linear or cubic");
  if (antialias) r.attributes.set("antialias", int64_t{1});
  if (exclude && mode != "nearest") r.attributes.set("exclude_outside", int64_t{1});
  if (r.crop) r.attributes.set("extrapolation", double{c.attr_float("extrapolation_value", 0)});

  Ints axes = Math::axes_from(0, c.rank(0));
  if (c.has_attribute("axes")) {
    axes = c.attr_ints("axes");
    for (int64_t& a : axes) a = c.axis(a, c.rank(0));
  }
  const auto given = [&](int i) { return c.has(i) && c.type(i).ranked && c.dims(i) != Dims{0}; };
  if (given(2) == given(3)) c.refuse("required either scales or sizes");
  auto list = given(2) ? r.by_scales(axes, c.in(2))
                       : r.by_sizes(axes, c.in(3), c.attr_string("keep_aspect_ratio_policy", "stretch"));
  if (r.crop) {
    if (!given(1)) c.refuse("tf_crop_and_resize: required a roi");
    const Id roi = r.f64_of(c.in(1));
    for (Axis& a : list)
      for (size_t k = 0; k < axes.size(); ++k)
        if (axes[k] == a.axis) {
          const auto i = static_cast<int64_t>(k);
          a.roi = r.gather(roi, c.b.ints({i, i + static_cast<int64_t>(axes.size())}), 0);
        }
  }
  r.finish(std::move(list));
}

}  // namespace tauto::onnx::convert
