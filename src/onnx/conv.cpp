// Conv and ConvTranspose, of any rank, grouped, dilated. Groups are an output axis of their own, beside the M
// channels of a group unless M is 1; the result is then seen as (N, G·M, spatial…).
#include "onnx/conv.h"

#include "onnx/quantize.h"
#include "onnx/window.h"

namespace tauto::onnx {
namespace {

void check_kernel_shape(Conversion& c, std::span<const Dim> kernel) {
  if (!c.has_attribute("kernel_shape")) return;
  const Ints stated = c.attr_ints("kernel_shape");
  bool same = stated.size() == kernel.size();
  for (size_t i = 0; same && i < stated.size(); ++i)
    same = !kernel[i].is_literal() || kernel[i].literal() == stated[i];
  if (!same) c.refuse(cat("attribute \"kernel_shape\" ", stated, " does not fit the weights ", c.type(1)));
}

struct Operands {
  Dims x, w;
  int64_t group;
  size_t spatial;
};

// The rank of the weights must be known; x becomes a value of the same rank.
Operands operands(Conversion& c, Id& x, Id w) {
  const auto dims_of = [&](Id id) {
    if (!c.type_of(id).is_tensor() || !c.type_of(id).ranked) c.refuse("required tensors of known rank");
    return c.type_of(id).dims;
  };
  x = c.refined(x, static_cast<int64_t>(dims_of(w).size()));
  Operands o{dims_of(x), dims_of(w), c.attr_int("group", 1), 0};
  if (o.x.size() < 3 || o.x.size() != o.w.size())
    c.refuse(cat("required input and weights of equal rank >= 3, got ", c.type_of(x), " and ", c.type_of(w)));
  if (o.group < 1) c.refuse(cat("attribute \"group\": required >= 1, got ", o.group));
  o.spatial = o.x.size() - 2;
  return o;
}

Dim per_group(Conversion& c, const Dim& channels, int64_t group, const char* what) {
  if (channels.is_literal() && channels.literal() % group != 0)
    c.refuse(cat(what, ": required a multiple of group ", group, ", got ", channels));
  return floor_div(channels, Dim(group));
}

// The axes of output channels: groups and those of one group, -1 where there is but one.
struct Channels {
  int group, own;
};
Channels channels_of(AccessBuilder& a, const Operands& o, const Dim& own) {
  const int g = o.group == 1 ? -1 : a.output("g", o.group);
  return {g, g >= 0 && own == Dim(1) ? -1 : a.output("o", own)};
}
AxisIndex index_of(int axis) { return axis >= 0 ? AccessBuilder::at(axis) : AxisIndex{{}, 0, 1}; }

Id grouped(Conversion& c, Id y, const Operands& o, const Dim& n, const Dim& channels, const Dims& spatial) {
  if (c.type_of(y).dims.size() == o.x.size()) return y;
  Dims shape{n, channels};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return c.add(ops::reshape, {y, c.b.dims(std::move(shape))});
}

}  // namespace

Id convolution(Conversion& c, Id x, Id w) {
  const Operands o = operands(c, x, w);
  const std::vector<Dim> kernel(o.w.begin() + 2, o.w.end());
  check_kernel_shape(c, kernel);
  const Window window = window_of(c, std::span(o.x).subspan(2), kernel);
  const Dim in = o.w[1], out = per_group(c, o.w[0], o.group, "output channels");
  const Dim expected = in * Dim(o.group);
  if (expected.is_literal() && o.x[1].is_literal() && !(expected == o.x[1]))
    c.refuse(cat("input ", c.type_of(x), " has ", o.x[1], " channels, weights ", c.type_of(w), " in ",
                 o.group, " groups need ", expected));
  AccessBuilder a;
  const int n = a.output("n", o.x[0]);
  const auto [g, m] = channels_of(a, o, out);
  std::vector<int> y, k;
  for (size_t i = 0; i < o.spatial; ++i) y.push_back(a.output(cat("y", i), window.output[i]));
  const int ch = a.reduce("c", in);
  for (size_t i = 0; i < o.spatial; ++i) k.push_back(a.reduce(cat("k", i), kernel[i]));
  std::vector<AxisIndex> xi{AccessBuilder::at(n), AccessBuilder::at(ch)},
      wi{index_of(m), AccessBuilder::at(ch)};
  if (g >= 0) {
    xi[1].terms.push_back({g, in});
    wi[0].terms.push_back({g, out});
  }
  for (size_t i = 0; i < o.spatial; ++i) {
    xi.push_back({{{y[i], window.strides[i]}, {k[i], window.dilations[i]}}, -window.pads_begin[i], 1});
    wi.push_back(AccessBuilder::at(k[i]));
  }
  a.operand(std::move(xi));
  a.operand(std::move(wi));
  return grouped(c, c.add(ops::contract, {x, w}, {{"access", a.finish()}}), o, o.x[0], o.w[0], window.output);
}

Id transposed_convolution(Conversion& c, Id x, Id w) {
  const Operands o = operands(c, x, w);
  const std::vector<Dim> kernel(o.w.begin() + 2, o.w.end());
  check_kernel_shape(c, kernel);
  const Window window = transposed_window_of(c, std::span(o.x).subspan(2), kernel);
  const Dim in = per_group(c, o.x[1], o.group, "input channels"), out = o.w[1];
  if (o.w[0].is_literal() && o.x[1].is_literal() && !(o.w[0] == o.x[1]))
    c.refuse(cat("input ", c.type(0), " and weights ", c.type(1), " differ in channels"));
  AccessBuilder a;
  const int n = a.output("n", o.x[0]);
  const auto [g, m] = channels_of(a, o, out);
  std::vector<int> y, k;
  for (size_t i = 0; i < o.spatial; ++i) y.push_back(a.output(cat("y", i), window.output[i]));
  const int ch = a.reduce("c", in);
  for (size_t i = 0; i < o.spatial; ++i) k.push_back(a.reduce(cat("k", i), kernel[i]));
  std::vector<AxisIndex> xi{AccessBuilder::at(n), AccessBuilder::at(ch)},
      wi{AccessBuilder::at(ch), index_of(m)};
  if (g >= 0) {
    xi[1].terms.push_back({g, in});
    wi[0].terms.push_back({g, in});
  }
  for (size_t i = 0; i < o.spatial; ++i) {
    xi.push_back({{{y[i], 1}, {k[i], -window.dilations[i]}}, window.pads_begin[i], window.strides[i]});
    wi.push_back(AccessBuilder::at(k[i]));
  }
  a.operand(std::move(xi));
  a.operand(std::move(wi));
  return grouped(c, c.add(ops::contract, {x, w}, {{"access", a.finish()}}), o, o.x[0], out * Dim(o.group),
                 window.output);
}

Id add_bias(Conversion& c, Id y, Id b) {
  Dims shape(c.type_of(y).dims.size() - 1, Dim(1));
  shape[0] = c.type_of(y).dims[1];
  return c.add(ops::add, {y, c.add(ops::reshape, {b, c.b.dims(std::move(shape))})});
}

namespace convert {

void Conv(Conversion& c) {
  if (const Id y = contraction_of_dequantized(c, convolution, {.channels = 0, .along = 1}); y >= 0)
    return c.out(y);
  const Id y = convolution(c, c.in(0), c.in(1));
  c.out(c.has(2) ? add_bias(c, y, c.in(2)) : y);
}

void ConvTranspose(Conversion& c) {
  // Channels of groups stand in two dims of the weights.
  const ChannelsOf channels{.channels = c.attr_int("group", 1) == 1 ? 1 : -1, .along = 1};
  if (const Id y = contraction_of_dequantized(c, transposed_convolution, channels); y >= 0) return c.out(y);
  const Id y = transposed_convolution(c, c.in(0), c.in(1));
  c.out(c.has(2) ? add_bias(c, y, c.in(2)) : y);
}

}  // namespace convert
}  // namespace tauto::onnx
