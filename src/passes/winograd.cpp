// The rewrite and its bound, which is the same pipeline over absolute values.
#include "passes/winograd.h"

#include <algorithm>
#include <cmath>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/rounding_bounds.h"
#include "passes/winograd_cost.h"

namespace tauto {
namespace {

AxisIndex plain(int axis) { return {{{axis, 1}}, 0, 1}; }

struct Axis {
  const char* name;
  Dim extent;
};
Access access(const std::vector<Axis>& outputs, const std::vector<Axis>& reduced,
              std::vector<std::vector<AxisIndex>> operands) {
  Access a;
  for (const auto* list : {&outputs, &reduced})
    for (const Axis& x : *list) a.axes.emplace_back(x.name), a.extents.push_back(x.extent);
  a.outputs = static_cast<int>(outputs.size());
  a.operands = std::move(operands);
  return a;
}

Id contracted(Builder& b, Id x, Id w, Access a) {
  return b.add(ops::contract, {x, w}, {{"access", std::move(a)}});
}

Tensor matrix(ElementType type, int64_t rows, int64_t columns, const std::vector<double>& values, bool abs) {
  Tensor t(type, {rows, columns});
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = abs ? std::fabs(values[i]) : values[i];
    type == f32 ? t.data<float>()[i] = static_cast<float>(v) : t.data<double>()[i] = v;
  }
  return t;
}

// The whole program over x and the transformed weights u [t, t, C, O]. `each` is applied to what a stage
// gives.
template <class Each>
Id pipeline(Builder& b, const PlainConvolution& c, const WinogradMatrices& k, Id x, Id u, bool abs,
            const Each& each) {
  const ElementType type = b.type(x).element;
  const Dim m = k.m, t = k.t, rows = ceil_div(c.height, m), columns = ceil_div(c.width, m);
  const Id bt = b.constant(matrix(type, k.t, k.t, k.b, abs)),
           at = b.constant(matrix(type, k.m, k.t, k.a, abs));
  const Axis n{"n", c.batch}, o{"o", c.out}, ch{"c", c.in}, ty{"ty", rows}, tx{"tx", columns}, i{"i", t},
      j{"j", t}, y{"y", b.type(x).dims[2]};
  // Bᵀ along the width, then along the height. What lies on the padding is left out.
  Id v = contracted(
      b, x, bt,
      access({n, y, j, tx, ch}, {{"r", t}},
             {{plain(0), plain(4), plain(1), {{{3, m}, {5, 1}}, -c.left, 1}}, {plain(2), plain(5)}}));
  v = each(v);
  v = contracted(b, v, bt,
                 access({i, j, n, ty, tx, ch}, {{"r", t}},
                        {{plain(2), {{{3, m}, {6, 1}}, -c.top, 1}, plain(1), plain(4), plain(5)},
                         {plain(0), plain(6)}}));
  v = each(v);
  v = contracted(b, v, u,
                 access({i, j, n, ty, tx, o}, {ch},
                        {{plain(0), plain(1), plain(2), plain(3), plain(4), plain(6)},
                         {plain(0), plain(1), plain(6), plain(5)}}));
  v = each(v);
  const Axis ya{"a", m}, xb{"b", m};
  v = contracted(
      b, v, at,
      access({n, ty, ya, tx, j, o}, {{"r", t}},
             {{plain(6), plain(4), plain(0), plain(1), plain(3), plain(5)}, {plain(2), plain(6)}}));
  v = each(v);
  v = contracted(
      b, v, at,
      access({n, o, ty, ya, tx, xb}, {{"r", t}},
             {{plain(0), plain(2), plain(3), plain(4), plain(6), plain(1)}, {plain(5), plain(6)}}));
  v = each(v);
  v = b.add(ops::reshape, {v, b.dims({c.batch, c.out, m * rows, m * columns})});
  if (m * rows == c.height && m * columns == c.width) return v;
  return b.add(ops::slice, {v, b.ints({0, 0}), b.dims({c.height, c.width}), b.ints({1, 1})},
               {{"axes", Ints{2, 3}}});
}

// G g Gᵀ of every pair of channels: [t, t, C, O], in f64, rounded once.
Tensor transformed(const Tensor& weights, const PlainConvolution& c, const WinogradMatrices& k) {
  const Tensor w = aligned(weights);
  const int64_t out = c.out.literal(), in = c.in.literal();
  int64_t stride[4], s = 1;
  for (size_t d = 4; d-- > 0; s *= w.dim(static_cast<int64_t>(d)))
    for (size_t q = 0; q < 4; ++q)
      if (c.w_dims[q] == d) stride[q] = s;
  Tensor r(f32, {k.t, k.t, in, out});
  const auto t = static_cast<size_t>(k.t);
  std::vector<double> half(t * 3);
  for (int64_t o = 0; o < out; ++o)
    for (int64_t ch = 0; ch < in; ++ch) {
      const float* g = w.data<float>() + o * stride[0] + ch * stride[1];
      for (size_t i = 0; i < t; ++i)
        for (size_t x = 0; x < 3; ++x) {
          double sum = 0;
          for (size_t y = 0; y < 3; ++y)
            sum += k.g[i * 3 + y] *
                   static_cast<double>(
                       g[static_cast<int64_t>(y) * stride[2] + static_cast<int64_t>(x) * stride[3]]);
          half[i * 3 + x] = sum;
        }
      for (size_t i = 0; i < t; ++i)
        for (size_t j = 0; j < t; ++j) {
          double sum = 0;
          for (size_t x = 0; x < 3; ++x) sum += half[i * 3 + x] * k.g[j * 3 + x];
          r.data<float>()[((static_cast<int64_t>(i * t + j)) * in + ch) * out + o] = static_cast<float>(sum);
        }
    }
  return r;
}

struct Roundings {
  int64_t winograd, direct;
};
Roundings roundings_of(const PlainConvolution& c, const WinogradMatrices& k) {
  const int64_t in = c.in.literal(), all[] = {in, 3, 3}, channels[] = {in};
  return {contraction_roundings(channels) + 4 * k.t + 1, contraction_roundings(all)};
}

// The bound as a program, see docs/contracts.md: γ_K Y' + γ_L S', where Y' is the pipeline over absolute
// values and S' the convolution over absolute values, +∞ if either may overflow.
Id bound(Builder& builder, const Node& convolution, const PlainConvolution& c, const WinogradMatrices& k,
         Id x, Id w) {
  BoundBuilder b(builder);
  const auto with_tiny = [&](Id id) { return b.plus(id, b.number(kTiny)); };
  const Id ax = with_tiny(b.magnitude(x)), aw = with_tiny(b.magnitude(w));
  // G g Gᵀ as [t, t, C, O].
  const auto transform = [&](Id weights, bool abs) {
    const Id g = builder.constant(matrix(f64, k.t, 3, k.g, abs));
    std::vector<AxisIndex> at(4);
    at[c.w_dims[0]] = plain(3), at[c.w_dims[1]] = plain(2), at[c.w_dims[2]] = plain(4),
    at[c.w_dims[3]] = plain(1);
    const Id half = contracted(
        builder, weights, g,
        access({{"i", k.t}, {"x", 3}, {"c", c.in}, {"o", c.out}}, {{"r", 3}}, {at, {plain(0), plain(4)}}));
    return contracted(builder, half, g,
                      access({{"i", k.t}, {"j", k.t}, {"c", c.in}, {"o", c.out}}, {{"r", 3}},
                             {{plain(0), plain(4), plain(2), plain(3)}, {plain(1), plain(4)}}));
  };
  // Its magnitudes, and what f64 may have erred by when the weights were transformed, in units of u.
  const Id u = with_tiny(
      b.plus(builder.add(ops::abs, {transform(b.widened(w), false)}), b.times(transform(aw, true), 0x1p-24)));
  const Id y = pipeline(builder, c, k, ax, u, true, [&](Id id) { return b.watched(id); });
  std::vector<Id> inputs(2);
  inputs[c.x] = ax, inputs[c.w] = aw;
  const Id s = b.watched(builder.add(ops::contract, inputs, convolution.attributes));
  const Roundings n = roundings_of(c, k);
  return b.finish(b.plus(b.times(y, gamma_of(n.winograd)), b.times(s, gamma_of(n.direct))));
}

// `tile_of`: 0 where a convolution stays as it is.
template <class TileOf>
Module rewritten(const Module& m, const TileOf& tile_of) {
  return rewrite(m, "winograd", [&](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    const std::optional<PlainConvolution> found = plain_convolution(w.from, n);
    const int64_t tile = found ? tile_of(*found) : 0;
    if (tile == 0) return w.copy(old);
    const PlainConvolution& c = *found;
    const WinogradMatrices& k = winograd_matrices(tile);
    const Tensor& weights = *constant_value(w.from.node(n.inputs[c.w]));
    const Id now = pipeline(w.b, c, k, w.moved(n.inputs[c.x]), w.b.constant(transformed(weights, c, k)),
                            false, [](Id id) { return id; });
    const Roundings r = roundings_of(c, k);
    w.record_rounding(old, now, {},
                      cat("F(", tile, "x", tile, ", 3x3): g", r.winograd, " |A'|(|U| . |B'||x||B|)|A| + g",
                          r.direct, " |w|*|x|, gn = n u/(1 - n u), u = 2^-24"),
                      [&](Builder& b, const Rewrite::Values& at) {
                        return bound(b, n, c, k, at(n.inputs[c.x]), at(n.inputs[c.w]));
                      });
    return now;
  });
}

bool is_plain(const AxisIndex& i, int axis) { return i == plain(axis); }

}  // namespace

const WinogradMatrices& winograd_matrices(int64_t m) {
  // Points 0, 1, −1, ∞.
  static const WinogradMatrices two{2,
                                    4,
                                    {1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1},
                                    {1, 0, 0, .5, .5, .5, .5, -.5, .5, 0, 0, 1},
                                    {1, 1, 1, 0, 0, 1, -1, -1}};
  // Points 0, 1, −1, 2, −2, ∞.
  static const WinogradMatrices four{
      4,
      6,
      {4, 0,  -5, 0, 1, 0, 0, -4, -4, 1,  1, 0, 0, 4, -4, -1, 1, 0,
       0, -2, -1, 2, 1, 0, 0, 2,  -1, -2, 1, 0, 0, 4, 0,  -5, 0, 1},
      {1. / 4, 0, 0, -1. / 6, -1. / 6, -1. / 6, -1. / 6, 1. / 6, -1. / 6, 1. / 24, 1. / 12, 1. / 6, 1. / 24,
       -1. / 12, 1. / 6, 0, 0, 1},
      {1, 1, 1, 1, 1, 0, 0, 1, -1, 2, -2, 0, 0, 1, 1, 4, 4, 0, 0, 1, -1, 8, -8, 1}};
  CHECK(m == 2 || m == 4);
  return m == 2 ? two : four;
}

std::optional<PlainConvolution> plain_convolution(const Function& f, const Node& n) {
  if (n.op != &ops::contract || !(n.type.element == f32)) return std::nullopt;
  const Access& a = n.attributes.get<Access>("access");
  if (a.outputs != 4 || a.axes.size() != 7) return std::nullopt;
  PlainConvolution c;
  if (!constant_value(f.node(n.inputs[1]))) std::swap(c.x, c.w);
  if (!constant_value(f.node(n.inputs[c.w])) || constant_value(f.node(n.inputs[c.x]))) return std::nullopt;
  const std::vector<AxisIndex>&x = a.operands[c.x], &w = a.operands[c.w];
  if (x.size() != 4 || w.size() != 4 || !is_plain(x[0], 0)) return std::nullopt;
  if (x[1].terms.size() != 1 || !is_plain(x[1], x[1].terms[0].axis) || x[1].terms[0].axis < 4)
    return std::nullopt;
  c.channel = x[1].terms[0].axis;
  // y + ky − top
  const auto slides = [&](const AxisIndex& i, int output, int& window, Dim& pad) {
    if (i.terms.size() != 2 || i.divisor != 1 || !(i.terms[0].coefficient == Dim(1)) ||
        !(i.terms[1].coefficient == Dim(1)) || i.terms[0].axis != output || i.terms[1].axis < 4)
      return false;
    window = i.terms[1].axis;
    pad = -i.offset;
    return a.extents[static_cast<size_t>(window)] == Dim(3);
  };
  if (!slides(x[2], 2, c.ky, c.top) || !slides(x[3], 3, c.kx, c.left)) return std::nullopt;
  if (c.ky == c.kx || c.ky == c.channel || c.kx == c.channel) return std::nullopt;
  for (int axis : {1, c.channel, c.ky, c.kx})
    for (size_t d = 0; d < 4; ++d)
      if (is_plain(w[d], axis)) c.w_dims.push_back(d);
  if (c.w_dims.size() != 4) return std::nullopt;
  c.batch = a.extents[0], c.out = a.extents[1], c.height = a.extents[2], c.width = a.extents[3];
  c.in = a.extents[static_cast<size_t>(c.channel)];
  if (!c.in.is_literal() || !c.out.is_literal()) return std::nullopt;
  return c;
}

Module winograd(const Module& m) {
  return rewritten(m, [](const PlainConvolution& c) { return winograd_tile(c); });
}

Module winograd_always(const Module& m, int64_t tile) {
  return rewritten(m, [&](const PlainConvolution&) { return tile; });
}

}  // namespace tauto
