// Contractions of quantized values: compiled == interpreted on every instruction set, with and without dot
// products; zero points at the ends of their ranges, channels that are no whole steps, padding, groups.
#include <gtest/gtest.h>

#include <random>

#include "compile/on_every_isa.h"
#include "compile/stages.h"
#include "graph/builder.h"
#include "ops/ops.h"
#include "support/error.h"

namespace tauto {
namespace {

struct Case {
  ElementType x = u8, w = u8;
  std::vector<int64_t> x_shape, w_shape;  // (M, K), (K, N); or (N, C, H, W), (O, C / groups, KH, KW)
  int zx = -1, zw = -1;                   // -1: there is none; -2 for w: one for each output channel
  int64_t stride = 1, dilation = 1, pad = 0, groups = 1;
  bool known = false;  // the zero point of x is a constant
  bool dots = true;    // dot products are expected
};

Tensor drawn(std::mt19937& random, ElementType t, const std::vector<int64_t>& shape) {
  Tensor r(t, shape);
  for (int64_t i = 0; i < r.count(); ++i) {
    static constexpr uint8_t kEnds[] = {0, 255, 127, 128};
    static_cast<uint8_t*>(r.raw())[i] =
        random() % 3 == 0 ? kEnds[random() % 4] : static_cast<uint8_t>(random());
  }
  return r;
}

Dims dims_of(const std::vector<int64_t>& shape) { return Dims(shape.begin(), shape.end()); }

AxisIndex at(int axis, int64_t coefficient = 1, int64_t offset = 0) {
  return {{{axis, Dim(coefficient)}}, Dim(offset), 1};
}

Access matmul_access(const Case& c) {
  Access a;
  a.axes = {"m", "n", "k"};
  a.extents = {c.x_shape[0], c.w_shape[1], c.x_shape[1]};
  a.outputs = 2;
  a.operands = {{at(0), at(2)}, {at(2), at(1)}};
  return a;
}

Access convolution_access(const Case& c) {
  const auto out = [&](int64_t size, int64_t k) {
    return (size + 2 * c.pad - c.dilation * (k - 1) - 1) / c.stride + 1;
  };
  Access a;
  a.axes = {"n", "g", "o", "y", "x", "c", "ky", "kx"};
  a.extents = {c.x_shape[0],
               c.groups,
               c.w_shape[0] / c.groups,
               out(c.x_shape[2], c.w_shape[2]),
               out(c.x_shape[3], c.w_shape[3]),
               c.w_shape[1],
               c.w_shape[2],
               c.w_shape[3]};
  a.outputs = 5;
  const auto window = [&](int y, int k) {
    return AxisIndex{{{y, Dim(c.stride)}, {k, Dim(c.dilation)}}, Dim(-c.pad), 1};
  };
  AxisIndex channel = at(5), filter = at(2);
  if (c.groups > 1) {
    channel.terms.push_back({1, Dim(c.w_shape[1])});
    filter.terms.push_back({1, Dim(c.w_shape[0] / c.groups)});
  }
  a.operands = {{at(0), channel, window(3, 6), window(4, 7)}, {filter, at(5), at(6), at(7)}};
  return a;
}

// y = relu(scale · Σ (x − zx)(w − zw)): what a quantized layer is.
std::shared_ptr<const Module> module_of(const Case& c, std::mt19937& random) {
  auto m = std::make_shared<Module>();
  Builder b(*m, "main");
  const Id x = b.parameter("x", Type::tensor(c.x, dims_of(c.x_shape)));
  Tensor zero(c.x, {});
  if (c.zx >= 0) static_cast<uint8_t*>(zero.raw())[0] = static_cast<uint8_t>(c.zx);
  const Id z = c.zx < 0 ? -1 : c.known ? b.constant(zero) : b.parameter("z", Type::tensor(c.x, {}));
  const auto wide = [&](Id i) { return b.add(ops::cast, {i}, {{"to", i32}}); };
  const bool conv = c.x_shape.size() == 4;
  const Id w = b.constant(drawn(random, c.w, c.w_shape));
  Id xc = wide(x), wc = wide(w);
  if (z >= 0) xc = b.add(ops::sub, {xc, wide(z)});
  if (c.zw >= 0) {
    Tensor t(c.w, {});
    static_cast<uint8_t*>(t.raw())[0] = static_cast<uint8_t>(c.zw);
    wc = b.add(ops::sub, {wc, wide(b.constant(t))});
  } else if (c.zw == -2) {
    const std::vector<int64_t> shape =
        conv ? std::vector<int64_t>{c.w_shape[0], 1, 1, 1} : std::vector<int64_t>{c.w_shape[1]};
    Tensor t(c.w, shape);  // near each other, so that all weights fit
    for (int64_t i = 0; i < t.count(); ++i) static_cast<uint8_t*>(t.raw())[i] = 100;
    wc = b.add(ops::sub, {wc, wide(b.constant(t))});
  }
  const Id sum =
      b.add(ops::contract, {xc, wc}, {{"access", conv ? convolution_access(c) : matmul_access(c)}});
  const Id y = b.add(ops::mul, {b.add(ops::cast, {sum}, {{"to", f32}}), b.number(0.0078125, f32)});
  b.finish({b.add(ops::relu, {y})}, {"y"});
  return m;
}

bool has_dots(const Executable& e) {
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups)
      if (g.built)
        for (const vec::Instr& i : g.built->generated.program.code)
          if (i.op == vec::VecOp::DotBytes || i.op == vec::VecOp::DotWords) return true;
  return false;
}

void expect_same_bits(const Case& c, std::mt19937& random) {
  const auto m = module_of(c, random);
  std::vector<Value> in{drawn(random, c.x, c.x_shape)};
  if (c.zx >= 0 && !c.known) {
    Tensor z(c.x, {});
    static_cast<uint8_t*>(z.raw())[0] = static_cast<uint8_t>(c.zx);
    in.emplace_back(std::move(z));
  }
  testing::expect_interpreted(
      m, in, [&](const Executable& e, Isa isa) { EXPECT_EQ(has_dots(e), c.dots) << isa_name(isa); });
}

TEST(Integers, MatrixProductsAreTheInterpreters) {
  std::mt19937 random(1);
  for (const ElementType x : {u8, i8})
    for (const ElementType w : {u8, i8})
      for (const int zx : {-1, 0, 128, 255})
        for (const int zw : {-1, 0, 128, 255, -2})
          for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{{3, 7, 5}, {9, 36, 40}}) {
            SCOPED_TRACE(cat(x, " - ", zx, ", ", w, " - ", zw, ", ", m, "x", k, "x", n));
            Case c{x, w, {m, k}, {k, n}, zx, zw};
            expect_same_bits(c, random);
            c.known = true;
            if (zx >= 0 && zw != 0) expect_same_bits(c, random);
            if (HasFailure()) return;
          }
}

TEST(Integers, ConvolutionsAreTheInterpreters) {
  std::mt19937 random(2);
  const std::vector<Case> cases{
      {u8, u8, {1, 3, 9, 11}, {16, 3, 3, 3}, 131, 117, 2, 1, 1},
      {u8, u8, {1, 16, 9, 11}, {32, 16, 3, 3}, 131, 117, 1, 1, 1},
      {u8, u8, {2, 32, 8, 7}, {16, 32, 3, 3}, 255, 210, 1, 2, 2},
      {u8, i8, {1, 20, 8, 7}, {24, 20, 3, 3}, 7, -1, 1, 1, 1},
      {u8, i8, {1, 20, 8, 7}, {24, 20, 1, 1}, 7, -1, 1, 1, 0},  // it lies as the caller has it: words
      {i8, i8, {1, 16, 8, 7}, {24, 16, 3, 3}, 250, -1, 1, 1, 1},
      {u8, u8, {1, 16, 5, 37}, {40, 16, 3, 3}, 131, 117, 1, 1, 1},  // whole vectors of a row
      {u8, u8, {1, 32, 6, 21}, {1, 32, 3, 3}, 255, 200, 1, 1, 1},   // one output channel
      {i8, u8, {1, 5, 6, 6}, {7, 5, 2, 2}, 3, -2, 1, 1, 1},
      {u8, u8, {1, 32, 8, 7}, {8, 16, 3, 3}, 9, 120, 1, 1, 1, 2},
      {u8, u8, {1, 4, 8, 7}, {4, 1, 3, 3}, 9, 120, 1, 1, 1, 4, false, false},  // depthwise
      {i8, i8, {1, 48, 8, 7}, {48, 1, 5, 5}, 100, -1, 1, 1, 2, 48, true},      // words
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(cat(c.x, dims_of(c.x_shape), " ", c.w, dims_of(c.w_shape), " groups ", c.groups));
    expect_same_bits(c, random);
    if (c.zw < 0)
      continue;  // of a zero point that is known to be 0 nothing is taken: what is padded is left out
    Case zero = c;
    zero.zx = c.x == u8 ? 0 : 128;
    zero.known = zero.dots = true;
    expect_same_bits(zero, random);
  }
}

// A result that lies in blocks inside the model is copied out of them, and no more than once.
TEST(Integers, ResultsThatTheModelReadsAreCopies) {
  std::mt19937 random(4);
  auto m = std::make_shared<Module>();
  Builder b(*m, "main");
  Id x = b.parameter("x", Type::tensor(f32, {1, 16, 5, 19}));
  std::vector<Id> results;
  for (int layer = 0; layer < 3; ++layer) {
    Case c{u8, i8, {1, 16, 5, 19}, {16, 16, 3, 3}};
    c.pad = 1;
    const Id q = b.add(ops::cast, {b.add(ops::round, {x})}, {{"to", u8}});
    const auto wide = [&](Id i) { return b.add(ops::cast, {i}, {{"to", i32}}); };
    const Id sum = b.add(ops::contract, {wide(q), wide(b.constant(drawn(random, i8, c.w_shape)))},
                         {{"access", convolution_access(c)}});
    const Id flat = b.add(ops::reshape, {sum, b.ints({1, 16, 5, 19})});
    x = b.add(ops::mul, {b.add(ops::cast, {flat}, {{"to", f32}}), b.number(0x1p-10, f32)});
    results.push_back(x);
  }
  b.finish(results, {"first", "second", "third"});
  Tensor in(f32, {1, 16, 5, 19});
  for (int64_t i = 0; i < in.count(); ++i) in.data<float>()[i] = static_cast<float>(random() % 255);
  testing::expect_interpreted(m, {in});
}

// The least and the greatest of values whose channels lie in blocks: zeros keep the sign, NaN is found.
TEST(Integers, ExtremesOfBlockedChannelsAreTheInterpreters) {
  std::mt19937 random(3);
  for (const auto& [channels, size] : std::vector<std::pair<int64_t, int64_t>>{{16, 5}, {48, 16}, {288, 17}})
    for (const int what : {0, 1, 2}) {
      SCOPED_TRACE(cat(channels, " channels, size ", size, ", ", what));
      auto m = std::make_shared<Module>();
      Builder b(*m, "main");
      const Id x = b.parameter("x", Type::tensor(f32, {1, 3, size, size}));
      Tensor w(f32, {channels, 3, 1, 1});
      for (int64_t i = 0; i < w.count(); ++i) w.data<float>()[i] = static_cast<float>(random() % 5) - 2;
      Access a;
      a.axes = {"n", "o", "y", "x", "c", "ky", "kx"};
      a.extents = {1, channels, size, size, 3, 1, 1};
      a.outputs = 4;
      a.operands = {{at(0), at(4), at(2), at(3)}, {at(1), at(4), at(5), at(6)}};
      Id y = b.add(ops::contract, {x, b.constant(w)}, {{"access", a}});
      if (what == 1) y = b.add(ops::mul, {b.add(ops::min, {y, b.number(0, f32)}), b.number(-1, f32)});
      const Attributes all{{"axes", Ints{0, 1, 2, 3}}, {"keepdims", int64_t{0}}};
      b.finish({b.add(ops::reduce_max, {y}, all), b.add(ops::reduce_min, {y}, all)}, {"most", "least"});
      Tensor in(f32, {1, 3, size, size});
      for (int64_t i = 0; i < in.count(); ++i)
        in.data<float>()[i] = what == 1 ? 0.0f : static_cast<float>(random() % 9) - 4;
      if (what == 2) in.data<float>()[in.count() / 2] = __builtin_nanf("");
      testing::expect_interpreted(m, {in});
    }
}

}  // namespace
}  // namespace tauto
