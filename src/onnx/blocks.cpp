// Blocks of images: DepthToSpace, SpaceToDepth (reshape, transpose, reshape) and Col2Im, a contraction.
#include "onnx/shapes.h"

namespace tauto::onnx::convert {
namespace {

Dim divided(Conversion& c, const Dim& d, int64_t by) {
  if (d.is_literal() && d.literal() % by != 0) c.refuse(cat("dim ", d, " is not a multiple of ", by));
  return exact_div(d, Dim(by));
}

int64_t block_size(Conversion& c) {
  const int64_t b = c.attr_int("blocksize");
  if (b < 1 || b > 65536) c.refuse(cat("blocksize: required 1 to 65536, got ", b));
  if (c.rank(0) != 4) c.refuse(cat("required rank 4, got ", c.type(0)));
  return b;
}

}  // namespace

void DepthToSpace(Conversion& c) {
  const int64_t b = block_size(c);
  const std::string mode = c.attr_string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") c.refuse(cat("mode: required DCR or CRD, got ", mode));
  const Dims x = c.dims(0);
  const Dim depth = divided(c, x[1], b * b);
  const bool depth_last = mode == "DCR";
  const Id apart = depth_last ? reshape_to(c, c.in(0), {x[0], b, b, depth, x[2], x[3]})
                              : reshape_to(c, c.in(0), {x[0], depth, b, b, x[2], x[3]});
  const Ints perm = depth_last ? Ints{0, 3, 4, 1, 5, 2} : Ints{0, 1, 4, 2, 5, 3};
  c.out(reshape_to(c, c.add(ops::transpose, {apart}, {{"perm", perm}}), {x[0], depth, x[2] * b, x[3] * b}));
}

void SpaceToDepth(Conversion& c) {
  const int64_t b = block_size(c);
  const Dims x = c.dims(0);
  const Dim height = divided(c, x[2], b), width = divided(c, x[3], b);
  const Id apart = reshape_to(c, c.in(0), {x[0], x[1], height, b, width, b});
  c.out(reshape_to(c, c.add(ops::transpose, {apart}, {{"perm", Ints{0, 3, 5, 1, 2, 4}}}),
                   {x[0], x[1] * (b * b), height, width}));
}

// image[n, c, y…] = sum over k… of columns[n, c, k…, (y + pad - dilation k) / stride …]: where that is a
// whole number inside, as in a transposed convolution with a weight of 1.
void Col2Im(Conversion& c) {
  if (c.rank(0) != 3) c.refuse(cat("required rank 3, got ", c.type(0)));
  const auto image = c.b.known(c.in(1));
  if (!image) c.required_ints(1);
  const Ints block = c.required_ints(2);
  const size_t n = block.size();
  const Ints dilations = c.attr_ints("dilations", Ints(n, 1)), strides = c.attr_ints("strides", Ints(n, 1)),
             pads = c.attr_ints("pads", Ints(2 * n, 0));
  if (image->size() != n || dilations.size() != n || strides.size() != n || pads.size() != 2 * n)
    c.refuse(cat("image_shape, dilations, strides and pads: required values for ", n, " dims"));
  const Dims x = c.dims(0);
  int64_t taps = 1;
  for (size_t i = 0; i < n; ++i) {
    if (block[i] < 1 || dilations[i] < 1 || strides[i] < 1 || block[i] > 65536)
      c.refuse("block_shape, dilations and strides: required values >= 1");
    taps *= block[i];
    if (taps > 65536) c.refuse("block_shape: required at most 65536 elements");
  }
  Dims apart{x[0], divided(c, x[1], taps)};
  AccessBuilder access;
  std::vector<AxisIndex> index;
  index.push_back(AccessBuilder::at(access.output("n", apart[0])));
  index.push_back(AccessBuilder::at(access.output("c", apart[1])));
  std::vector<int> at(n), tap(n);
  for (size_t i = 0; i < n; ++i) at[i] = access.output(cat("y", i), (*image)[i]);
  for (size_t i = 0; i < n; ++i) {
    tap[i] = access.reduce(cat("k", i), block[i]);
    index.push_back(AccessBuilder::at(tap[i]));
    apart.push_back(block[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    const Dim room = (*image)[i] + pads[i] + pads[n + i] - dilations[i] * (block[i] - 1) - 1;
    apart.push_back(floor_div(room, Dim(strides[i])) + 1);
    index.push_back({{{at[i], 1}, {tap[i], -dilations[i]}}, pads[i], strides[i]});
  }
  const Id columns = reshape_to(c, c.in(0), std::move(apart));
  access.operand(std::move(index));
  access.operand({});
  c.out(c.add(ops::contract, {columns, c.number(1, c.element(0))}, {{"access", access.finish()}}));
}

}  // namespace tauto::onnx::convert
