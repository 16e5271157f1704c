// Transposed convolutions of integers by phases: the pass and machine code leave the bits of the graph as it came.
#include "passes/phases.h"

#include <gtest/gtest.h>

#include <random>

#include "compile/on_every_isa.h"
#include "graph/builder.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "ops/ops.h"

namespace tauto {
namespace {

struct Case {
  std::vector<int64_t> x_shape, w_shape;  // (N, G·C, H, W), (G·C, O, KH, KW)
  int64_t stride_y = 2, stride_x = 2, pad = 0, groups = 1;
  bool applies = true;
};

Tensor drawn(std::mt19937& random, ElementType t, const std::vector<int64_t>& shape) {
  Tensor r(t, shape);
  for (int64_t i = 0; i < r.count(); ++i) static_cast<uint8_t*>(r.raw())[i] = static_cast<uint8_t>(random());
  return r;
}

// As onnx/conv.cpp has them.
Access access_of(const Case& c) {
  const int64_t in = c.x_shape[1] / c.groups;
  Access a;
  a.axes = {"n", "g", "o", "y", "x", "c", "ky", "kx"};
  a.extents = {c.x_shape[0],
               c.groups,
               c.w_shape[1],
               c.stride_y * (c.x_shape[2] - 1) + c.w_shape[2] - 2 * c.pad,
               c.stride_x * (c.x_shape[3] - 1) + c.w_shape[3] - 2 * c.pad,
               in,
               c.w_shape[2],
               c.w_shape[3]};
  a.outputs = 5;
  const AxisIndex channel{{{1, Dim(in)}, {5, Dim(1)}}, 0, 1};
  const auto window = [&](int y, int k, int64_t stride) {
    return AxisIndex{{{y, Dim(1)}, {k, Dim(-1)}}, Dim(c.pad), stride};
  };
  const auto at = [](int axis) { return AxisIndex{{{axis, Dim(1)}}, 0, 1}; };
  a.operands = {{at(0), channel, window(3, 6, c.stride_y), window(4, 7, c.stride_x)},
                {channel, at(2), at(6), at(7)}};
  return a;
}

// A quantized layer; its bytes are a result and, widened, go into another one.
std::shared_ptr<const Module> module_of(const Case& c, std::mt19937& random) {
  auto m = std::make_shared<Module>();
  Builder b(*m, "main");
  const Id x = b.parameter("x", Type::tensor(u8, Dims(c.x_shape.begin(), c.x_shape.end())));
  const auto wide = [&](Id i) { return b.add(ops::cast, {i}, {{"to", i32}}); };
  const Id z = b.scalar<int32_t>(7), w = wide(b.constant(drawn(random, i8, c.w_shape)));
  const Id sum = b.add(ops::contract, {b.add(ops::sub, {wide(x), z}), w}, {{"access", access_of(c)}});
  const Id y = b.add(ops::mul, {b.add(ops::cast, {sum}, {{"to", f32}}), b.number(0.013, f32)});
  Tensor bias(f32, {c.w_shape[1], 1, 1});
  for (int64_t i = 0; i < bias.count(); ++i) bias.data<float>()[i] = static_cast<float>(i) - 1.5f;
  const Id q = b.add(ops::cast, {b.add(ops::round, {b.add(ops::add, {y, b.constant(bias)})})}, {{"to", u8}});
  const Id d =
      b.add(ops::mul, {b.add(ops::cast, {b.add(ops::sub, {wide(q), z})}, {{"to", f32}}), b.number(0.5, f32)});
  const Id pooled = b.add(ops::reduce_max, {d}, {{"axes", Ints{3, 4}}, {"keepdims", int64_t{1}}});
  b.finish({q, pooled, b.add(ops::sub, {d, pooled})}, {"q", "pooled", "d"});
  return m;
}

bool divides(const Module& m) {
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes)
      if (n.op == &ops::contract)
        for (const auto& operand : n.attributes.get<Access>("access").operands)
          for (const AxisIndex& i : operand)
            if (i.divisor != 1) return true;
  return false;
}

TEST(Phases, SameBits) {
  std::mt19937 random(5);
  for (const Case& c : std::vector<Case>{
           {{1, 8, 5, 7}, {8, 6, 2, 2}},
           {{2, 24, 3, 9}, {24, 1, 2, 2}},
           {{1, 16, 4, 6}, {16, 20, 4, 4}},
           {{1, 4, 4, 5}, {4, 3, 3, 2}, 3, 2},
           {{1, 4, 4, 5}, {4, 3, 6, 2}, 3, 1},
           {{1, 8, 5, 6}, {8, 5, 4, 4}, 2, 2, 2},
           {{1, 8, 5, 6}, {8, 4, 2, 2}, 2, 2, 0, 2},
           {{1, 6, 5, 6}, {6, 1, 2, 2}, 2, 2, 0, 6},
           {{1, 4, 5, 6}, {4, 3, 3, 3}, 2, 2, 0, 1, false},
           {{1, 4, 5, 6}, {4, 3, 4, 4}, 2, 2, 1, 1, false},
       }) {
    const auto m = module_of(c, random);
    const std::string what = print(*m).text;
    ASSERT_TRUE(divides(*m));
    const Module now = phases(*m);
    EXPECT_EQ(!divides(now), c.applies) << what;
    const std::vector<Value> in{drawn(random, u8, c.x_shape)};
    EXPECT_EQ(testing::bits_of(interpret(now, in)), testing::bits_of(interpret(*m, in))) << what;
    testing::expect_interpreted(m, in);
  }
}

}  // namespace
}  // namespace tauto
