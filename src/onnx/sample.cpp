// Sampling at places that are values: GridSample, AffineGrid, RoiAlign, MaxRoiPool.
//
// Elements are fetched as rows of channels: x as [N·D₁·…·D_r, C], gathered by row numbers.
#include <cmath>
#include <optional>

#include "onnx/expression.h"
#include "onnx/shapes.h"

namespace tauto::onnx::convert {
namespace {

// 0 … n-1 along `axis` of `rank`, as numbers of type t.
Expr count_up(Conversion& c, Dim n, int64_t axis, int64_t rank, ElementType t) {
  return Expr(c, iota_along(c, size(c, std::move(n)).id, axis, rank)).cast(t);
}
// A vector along `axis` of `rank`.
Expr along(Expr v, int64_t axis, int64_t rank) {
  Dims shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(axis)] = v.dim(0);
  return v.reshape(shape);
}

struct Rows {
  Conversion& c;
  Dims dims;  // of x: N, C, spatial…
  Expr rows;

  Rows(Conversion& c, Expr x) : c(c), dims(x.dims()), rows(x) {
    const auto rank = static_cast<int64_t>(dims.size());
    Ints last_channels{0};
    for (int64_t d = 2; d < rank; ++d) last_channels.push_back(d);
    last_channels.push_back(1);
    Dim count = dims[0];
    for (int64_t d = 2; d < rank; ++d) count *= dims[static_cast<size_t>(d)];
    rows = x.transpose(last_channels).reshape({count, dims[1]});
  }
  Expr extent(size_t spatial) const { return size(c, dims[spatial + 2]); }
  // The channels at these i64 places of all spatial dims: […, C].
  Expr at(Expr batch, const std::vector<Expr>& place) const {
    Expr row = batch;
    for (size_t d = 0; d < place.size(); ++d) row = row * extent(d) + place[d];
    return rows.gather(row, 0);
  }
  // […, C] → [first, C, others…]
  static Expr channels_second(Expr y) {
    Ints perm{0, y.rank() - 1};
    for (int64_t d = 1; d + 1 < y.rank(); ++d) perm.push_back(d);
    return y.transpose(perm);
  }
};
Expr with_channel(Expr e) {
  Dims dims = e.dims();
  dims.push_back(1);
  return e.reshape(dims);
}

class Grid {
 public:
  explicit Grid(Conversion& c)
      : rows_(c, Expr(c, c.in(0)).wide()),
        spatial_(rows_.dims.size() - 2),
        mode_(c.attr_string("mode", c.version < 20 ? "bilinear" : "linear")),
        padding_(c.attr_string("padding_mode", "zeros")),
        aligned_(c.attr_int("align_corners", 0) != 0),
        batch_(count_up(c, rows_.dims[0], 0, static_cast<int64_t>(spatial_) + 1, i64)) {
    if (mode_ == "bilinear") mode_ = "linear";
    if (mode_ == "bicubic") mode_ = "cubic";
    if (mode_ != "linear" && mode_ != "cubic" && mode_ != "nearest")
      c.refuse(cat("mode: required linear, cubic or nearest, got \"", mode_, "\""));
    if (padding_ != "zeros" && padding_ != "border" && padding_ != "reflection")
      c.refuse(cat("padding_mode: required zeros, border or reflection, got \"", padding_, "\""));
    const Expr grid = Expr(c, c.in(1)).wide();
    if (grid.rank() != static_cast<int64_t>(spatial_) + 2)
      c.refuse(cat("grid: required rank ", spatial_ + 2, ", got ", grid.type()));
    for (size_t d = 0; d < spatial_; ++d)
      places_.push_back(
          place(grid.at(static_cast<int64_t>(spatial_) + 1, static_cast<int64_t>(spatial_ - 1 - d)), d));
  }

  Expr sample() {
    if (mode_ != "nearest") return along_axis(0);
    for (const Expr& p : places_) index_.push_back(p.op(ops::round).cast(i64));
    return pixel();
  }

 private:
  Expr bound(size_t d, double more, Expr like) const { return rows_.extent(d).cast(like.element()) + more; }

  // From [-1, 1] to elements, brought inside as the padding says.
  Expr place(Expr g, size_t d) const {
    const Expr n = bound(d, 0, g);
    Expr p = aligned_ ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
    if (mode_ == "nearest") p = p.op(ops::round);
    if (padding_ == "zeros") return p;
    const Expr low = p.number(aligned_ ? 0 : -0.5), high = n - (aligned_ ? 1 : 0.5);
    const Expr moved = padding_ == "border" ? max(min(p, n - 1), p.number(0)) : reflected(p, low, high);
    return where((p < low).op(ops::logical_or, high < p), moved, p);
  }
  static Expr reflected(Expr p, Expr low, Expr high) {
    const Expr range = max(high - low, p.number(1)), q = (p - low).op(ops::mod, range * 2);
    return low + min(q, range * 2 - q);
  }

  // The interpolation along axis d and those behind it, at the elements of the axes before.
  Expr along_axis(size_t d) {
    if (d == spatial_) return pixel();
    const Expr low = places_[d].floor(), t = places_[d] - low;
    const auto weights = mode_ == "linear" ? std::vector<Expr>{1 - t, t} : cubic(t);
    const int64_t first = mode_ == "linear" ? 0 : -1;
    std::optional<Expr> sum;
    for (size_t k = 0; k < weights.size(); ++k) {
      index_.push_back((low + static_cast<double>(first + static_cast<int64_t>(k))).cast(i64));
      const Expr value = along_axis(d + 1), w = with_channel(weights[k]).cast(value.element());
      sum = sum ? fma(value, w, *sum) : value * w;
      index_.pop_back();
    }
    return *sum;
  }
  // Keys' kernel with parameter -3/4.
  static std::vector<Expr> cubic(Expr t) {
    const double a = -0.75;
    const auto near = [&](Expr s) { return ((a + 2) * s - (a + 3)) * s * s + 1; };
    const auto far = [&](Expr s) { return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a; };
    return {far(t + 1), near(t), near(1 - t), far(2 - t)};
  }

  Expr pixel() const {
    std::vector<Expr> inside;
    std::optional<Expr> all;
    for (size_t d = 0; d < spatial_; ++d) {
      const Expr i = index_[d], n = rows_.extent(d), clamped = max(min(i, n - 1), i.number(0));
      if (padding_ == "reflection") {
        // Between -½ and n - ½: -1 → 0, -2 → 1 …; between 0 and n - 1: -1 → 1, -2 → 2 …
        const Expr period = max(aligned_ ? (n - 1) * 2 : n * 2, i.number(1));
        const Expr q = i.op(ops::mod, period);
        inside.push_back(max(min(q, period - q - (aligned_ ? 0 : 1)), i.number(0)));
      } else {
        inside.push_back(clamped);
      }
      if (padding_ == "zeros") all = all ? *all & equal(i, clamped) : equal(i, clamped);
    }
    const Expr value = rows_.at(batch_, inside);
    return all ? where(with_channel(*all), value, value.number(0)) : value;
  }

  Rows rows_;
  size_t spatial_;
  std::string mode_, padding_;
  bool aligned_;
  Expr batch_;
  std::vector<Expr> places_, index_;
};

// Regions of an image, in bins of output_height by output_width.
struct Regions {
  Conversion& c;
  Rows rows;
  int64_t height, width;

  Regions(Conversion& c, int64_t height, int64_t width)
      : c(c), rows(c, Expr(c, c.in(0)).wide()), height(height), width(width) {
    if (rows.dims.size() != 4) c.refuse(cat("required rank 4, got ", c.type(0)));
    if (height < 1 || width < 1) c.refuse(cat("required bins >= 1, got ", height, " by ", width));
  }
};

}  // namespace

void GridSample(Conversion& c) {
  if (c.rank(0) < 3) c.refuse(cat("required rank >= 3, got ", c.type(0)));
  c.out(Rows::channels_second(Grid(c).sample()).cast(c.element(0)).id);
}

// θ applied to the centres (or, aligned, the corners) of the cells of [-1, 1]^r: x₀·θ₀ + x₁·θ₁ + … + θ_r.
void AffineGrid(Conversion& c) {
  const Expr theta = Expr(c, c.in(0)).wide(), sizes(c, c.in(1));
  const auto sizes_given = sizes.rank() == 1 ? sizes.dim(0).as_literal() : std::nullopt;
  if (theta.rank() != 3 || !sizes_given || (*sizes_given != 4 && *sizes_given != 5))
    c.refuse(cat("required theta [N, 2, 3] and 4 sizes or [N, 3, 4] and 5, got ", theta.type(), " and ",
                 sizes.type()));
  const int64_t rank = *sizes_given, r = rank - 2;
  const bool aligned = c.attr_int("align_corners", 0) != 0;
  const auto parameter = [&](int64_t k) {  // θ[:, :, k] as [N, 1…, r]
    const Expr t = theta.at(2, k);
    Dims shape(static_cast<size_t>(rank), 1);
    shape[0] = t.dim(0), shape.back() = r;
    return t.reshape(shape);
  };
  Expr sum = parameter(r);
  for (int64_t k = r; k-- > 0;) {  // coordinate k moves along spatial axis r - 1 - k
    const Expr n = sizes.at(0, rank - 1 - k);
    const Expr i = Expr(c, iota_along(c, as_i64(c, n.id), r - k, rank)).cast(f64), m = n.cast(f64);
    const Expr x = aligned ? i * 2 / max(m - 1, m.number(1)) - 1 : (i * 2 + 1) / m - 1;
    sum = fma(x.cast(theta.element()), parameter(k), sum);
  }
  c.out(sum.cast(c.element(0)).id);
}

// Bilinear samples on a regular grid in each bin, averaged or their greatest corner product taken. Without a
// sampling ratio each region has its own number of samples: all are computed, those too many are left out.
void RoiAlign(Conversion& c) {
  const Regions r(c, c.attr_int("output_height", 1), c.attr_int("output_width", 1));
  const int64_t ratio = c.attr_int("sampling_ratio", 0);
  const std::string mode = c.attr_string("mode", "avg"),
                    half = c.attr_string("coordinate_transformation_mode",
                                         c.version < 16 ? "output_half_pixel" : "half_pixel");
  if (mode != "avg" && mode != "max") c.refuse(cat("mode: required avg or max, got \"", mode, "\""));
  const Expr rois = Expr(c, c.in(1)).wide();
  const ElementType t = rois.element();
  const bool half_pixel = half == "half_pixel";
  const double scale = c.attr_float("spatial_scale", 1);

  // Per axis (y, x): samples [R, bins, S], which of them are inside the image, and which count.
  struct Side {
    Expr place, inside, counts, number;
  };
  const auto side = [&](int64_t axis, int64_t bins, size_t spatial) {
    const auto edge = [&](int64_t k) { return rois.at(1, k) * scale - (half_pixel ? 0.5 : 0); };
    const Expr start = edge(axis), whole = edge(axis + 2) - start;
    const Expr length = half_pixel ? whole : max(whole, whole.number(1)),
               bin = length / static_cast<double>(bins);
    const Expr number =
        ratio > 0 ? bin.number(static_cast<double>(ratio)).expand(bin.dims()) : bin.op(ops::ceil);
    const Expr most = ratio > 0 ? size(c, ratio)
                                : max(number.reduce(ops::reduce_max, {0}, false), number.number(1)).cast(i64);
    const Expr s = Expr(c, iota_along(c, most.id, 2, 3)).cast(t), p = count_up(c, bins, 1, 3, t);
    const Expr bin3 = along(bin, 0, 3), number3 = along(number, 0, 3);
    const Expr place = along(start, 0, 3) + p * bin3 + (s + 0.5) * bin3 / number3;
    const Expr extent = r.rows.extent(spatial).cast(t);
    return Side{place, (place.number(-1) <= place) & (place <= extent), s < number3, number};
  };
  const Side y = side(1, r.height, 0), x = side(0, r.width, 1);
  // [R, bins, S] → [R, h, S, 1, 1] or [R, 1, 1, w, S]
  const auto spread = [&](Expr e, bool is_y) {
    const Dims d = e.dims();
    return e.reshape(is_y ? Dims{d[0], d[1], d[2], 1, 1} : Dims{d[0], 1, 1, d[1], d[2]});
  };
  struct Corners {
    Expr low, high, high_weight;
  };
  const auto corners = [&](const Side& s, size_t spatial, bool is_y) {
    const Expr last = r.rows.extent(spatial).cast(t) - 1;
    const Expr p = spread(max(min(s.place, last), last.number(0)), is_y), low = p.floor();
    return Corners{low.cast(i64), min(low + 1, last).cast(i64), p - low};
  };
  const Corners cy = corners(y, 0, true), cx = corners(x, 1, false);
  const Expr batch = along(Expr(c, as_i64(c, c.in(2))), 0, 5);
  const auto product = [&](Expr iy, Expr wy, Expr ix, Expr wx) {
    const Expr v = r.rows.at(batch, {iy, ix});
    return v * with_channel(wy * wx).cast(v.element());
  };
  const Expr ly = cy.high_weight, lx = cx.high_weight, hy = 1 - ly, hx = 1 - lx;
  const Expr p1 = product(cy.low, hy, cx.low, hx), p2 = product(cy.low, hy, cx.high, lx),
             p3 = product(cy.high, ly, cx.low, hx), p4 = product(cy.high, ly, cx.high, lx);
  const Expr inside = with_channel(spread(y.inside, true) & spread(x.inside, false)),
             counts = with_channel(spread(y.counts, true) & spread(x.counts, false));
  const Ints samples{2, 4};
  Expr result = p1;
  if (mode == "avg") {
    const Expr number = max(y.number * x.number, y.number.number(1));
    result = where(inside & counts, p1 + p2 + p3 + p4, p1.number(0)).sum(samples, false) /
             along(number, 0, 4).cast(p1.element());
  } else {
    const Expr sample = where(inside, max(max(p1, p2), max(p3, p4)), p1.number(0));
    result = where(counts, sample, p1.number(-HUGE_VAL)).reduce(ops::reduce_max, samples, false);
  }
  c.out(Rows::channels_second(result).cast(c.element(0)).id);
}

// The greatest element of each bin; rois are (batch, x₁, y₁, x₂, y₂), corners rounded half away from zero and
// included. An empty bin gives 0.
void MaxRoiPool(Conversion& c) {
  const Ints shape = c.attr_ints("pooled_shape");
  if (shape.size() != 2) c.refuse("pooled_shape: required two numbers");
  const Regions r(c, shape[0], shape[1]);
  const Expr rois = Expr(c, c.in(1)).wide();
  const double scale = c.attr_float("spatial_scale", 1);
  struct Side {
    Expr index, counts;  // [R, bins, S]
  };
  const auto side = [&](int64_t axis, int64_t bins, size_t spatial) {
    const auto corner = [&](int64_t k) {
      const Expr v = rois.at(1, k) * scale;
      return v.op(ops::sign) * (v.op(ops::abs) + 0.5).floor();
    };
    const Expr start = corner(axis), length = max(corner(axis + 2) - start + 1, start.number(1));
    const Expr p = count_up(c, bins, 1, 3, rois.element()),
               bin = along(length / static_cast<double>(bins), 0, 3);
    const Expr extent = r.rows.extent(spatial).cast(rois.element()), zero = extent.number(0);
    const auto clamped = [&](Expr v) { return max(min(v + along(start, 0, 3), extent), zero).cast(i64); };
    const Expr from = clamped((p * bin).floor()), to = clamped(((p + 1) * bin).op(ops::ceil));
    const Expr most = max((to - from).reduce(ops::reduce_max, {0, 1, 2}, false), size(c, 1));
    const Expr index = from + Expr(c, iota_along(c, most.id, 2, 3));
    return Side{min(index, r.rows.extent(spatial) - 1), index < to};
  };
  const Side y = side(2, r.height, 0), x = side(1, r.width, 1);
  const auto spread = [&](Expr e, bool is_y) {
    const Dims d = e.dims();
    return e.reshape(is_y ? Dims{d[0], d[1], d[2], 1, 1} : Dims{d[0], 1, 1, d[1], d[2]});
  };
  const Expr value =
      r.rows.at(along(rois.at(1, 0).cast(i64), 0, 5), {spread(y.index, true), spread(x.index, false)});
  const Expr counts = with_channel(spread(y.counts, true) & spread(x.counts, false)),
             lowest = value.number(-HUGE_VAL);
  const Expr best = where(counts, value, lowest).reduce(ops::reduce_max, {2, 4}, false);
  const Expr some = counts.reduce(ops::reduce_max, {2, 4}, false);
  c.out(Rows::channels_second(where(some, best, best.number(0))).cast(c.element(0)).id);
}

}  // namespace tauto::onnx::convert
