// LSTM, GRU, RNN: against the equations written out in f64, and laws that hold to the bit.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "onnx/small_model.h"

namespace tauto::onnx {
namespace {

using namespace testing;  // NOLINT

constexpr int64_t kI = 3, kH = 2;  // features of an input, hidden units

Tensor random_floats(Shape shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> d(-1, 1);
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = d(random);
  return t;
}

struct Net {
  std::string op;
  int64_t gates, directions = 1;
  std::vector<AttributeProto> attributes = {};
  bool lengths = false, peepholes = false, batch_first = false;
  std::string_view steps = "T";

  bool lstm() const { return op == "LSTM"; }
  Module module() const {
    static const Names kAll{"x", "w", "r", "b", "len", "h0", "c0", "p"};
    const std::string d = std::to_string(directions), gh = std::to_string(gates * kH),
                      b2 = std::to_string(2 * gates * kH);
    GraphProto g;
    const auto ordered = [&](std::string_view first, std::string_view second, std::string_view third) {
      return batch_first ? Names{second, first, third} : Names{first, second, third};
    };
    g.input = {value("x", ordered(steps, "B", "3")), value("w", {d, gh, "3"}), value("r", {d, gh, "2"}),
               value("b", {d, b2})};
    if (lengths) g.input.push_back(value("len", {"B"}, kInt32));
    g.input.push_back(value("h0", ordered(d, "B", "2")));
    if (lstm()) g.input.push_back(value("c0", ordered(d, "B", "2")));
    const std::string p3 = std::to_string(3 * kH);
    if (peepholes) g.input.push_back(value("p", {d, p3}));
    Names in{"x", "w", "r", "b", lengths ? "len" : "", "h0"}, out{"y", "h"};
    if (lstm()) in.push_back("c0"), out.push_back("c");
    if (peepholes) in.push_back("p");
    std::vector<AttributeProto> a = attributes;
    if (batch_first) a.push_back(attribute("layout", 1));
    g.node = {node(op, in, out, a)};
    for (std::string_view o : out) g.output.push_back(named(o));
    Module m = import_model(model_of(g));
    EXPECT_EQ(verify(m), "");
    const ModuleText t = print(m);
    EXPECT_TRUE(parse_module(t.text, t.side) == m) << t.text;
    return m;
  }
  // X, W, R, B, h0, c0, P; the lengths are given.
  std::vector<Value> inputs(int64_t T, int64_t B, std::vector<int32_t> length = {}) const {
    const int64_t D = directions, G = gates;
    std::vector<Value> v{random_floats(batch_first ? Shape{B, T, kI} : Shape{T, B, kI}, 1),
                         random_floats({D, G * kH, kI}, 2), random_floats({D, G * kH, kH}, 3),
                         random_floats({D, 2 * G * kH}, 4)};
    if (lengths) v.emplace_back(Tensor::of<int32_t>({B}, std::span<const int32_t>(length)));
    const Shape state = batch_first ? Shape{B, D, kH} : Shape{D, B, kH};
    v.emplace_back(random_floats(state, 5));
    if (lstm()) v.emplace_back(random_floats(state, 6));
    if (peepholes) v.emplace_back(random_floats({D, 3 * kH}, 7));
    return v;
  }
};

double at(const Value& v, std::initializer_list<int64_t> index) {
  const Tensor& t = v.tensor;
  int64_t i = 0;
  size_t d = 0;
  for (int64_t k : index) i = i * t.dim(static_cast<int64_t>(d++)) + k;
  return t.data<float>()[i];
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// h and c after all steps of row b of a forward network with default activations.
std::pair<std::vector<double>, std::vector<double>> written_out(const Net& net, const std::vector<Value>& in,
                                                                int64_t T, int64_t b, bool before_reset) {
  const Value& X
  = in[0], &W = in[1], &R = in[2], &Bias = in[3];
  const int64_t G = net.gates;
  std::vector<double> h(kH), c(kH);
  for (int64_t j = 0; j < kH; ++j) {
    h[size_t(j)] = at(in[4], {0, b, j});
    if (net.lstm()) c[size_t(j)] = at(in[5], {0, b, j});
  }
  const auto P = [&](int64_t k, int64_t j) { return net.peepholes ? at(in[6], {0, k * kH + j}) : 0.0; };
  for (int64_t t = 0; t < T; ++t) {
    const auto x_part = [&](int64_t g, int64_t j) {
      double s = at(Bias, {0, g * kH + j});
      for (int64_t k = 0; k < kI; ++k) s += at(X, {t, b, k}) * at(W, {0, g * kH + j, k});
      return s;
    };
    const auto h_part = [&](int64_t g, int64_t j, const std::vector<double>& state) {
      double s = at(Bias, {0, (G + g) * kH + j});
      for (int64_t k = 0; k < kH; ++k) s += state[size_t(k)] * at(R, {0, g * kH + j, k});
      return s;
    };
    std::vector<double> next = h;
    for (int64_t j = 0; j < kH; ++j) {
      const auto gate = [&](int64_t g) { return x_part(g, j) + h_part(g, j, h); };
      double& nj = next[size_t(j)];
      if (net.op == "RNN") {
        nj = std::tanh(gate(0));
      } else if (net.op == "LSTM") {
        double& cj = c[size_t(j)];
        const double i = sigmoid(gate(0) + P(0, j) * cj), f = sigmoid(gate(2) + P(2, j) * cj);
        cj = f * cj + i * std::tanh(gate(3));
        nj = sigmoid(gate(1) + P(1, j) * cj) * std::tanh(cj);
      } else {
        const double z = sigmoid(gate(0)), r = sigmoid(gate(1));
        std::vector<double> reset(kH);
        for (int64_t k = 0; k < kH; ++k)
          reset[size_t(k)] = sigmoid(x_part(1, k) + h_part(1, k, h)) * h[size_t(k)];
        const double g = before_reset ? std::tanh(x_part(2, j) + r * h_part(2, j, h))
                                      : std::tanh(x_part(2, j) + h_part(2, j, reset));
        nj = (1 - z) * g + z * h[size_t(j)];
      }
    }
    h = next;
  }
  return {h, c};
}

void expect_written_out(const Net& net, bool before_reset = false) {
  const int64_t T = 5, B = 2;
  const auto in = net.inputs(T, B);
  const auto out = interpret(net.module(), in);
  for (int64_t b = 0; b < B; ++b) {
    const auto [h, c] = written_out(net, in, T, b, before_reset);
    for (int64_t j = 0; j < kH; ++j) {
      EXPECT_NEAR(at(out[1], {0, b, j}), h[size_t(j)], 1e-6) << net.op;
      EXPECT_EQ(at(out[1], {0, b, j}), at(out[0], {T - 1, 0, b, j})) << "Y_h is the last of Y";
      if (net.lstm()) {
        EXPECT_NEAR(at(out[2], {0, b, j}), c[size_t(j)], 1e-6);
      }
    }
  }
}

TEST(Recurrent, MeansItsEquations) {
  expect_written_out({"RNN", 1});
  expect_written_out({"GRU", 3});
  expect_written_out({"GRU", 3, 1, {attribute("linear_before_reset", 1)}}, true);
  expect_written_out({"LSTM", 4});
  Net peepholes{"LSTM", 4};
  peepholes.peepholes = true;
  expect_written_out(peepholes);
}

const std::vector<Net>& nets() {
  static const std::vector<Net> kNets{
      {"RNN", 1}, {"GRU", 3}, {"GRU", 3, 1, {attribute("linear_before_reset", 1)}}, {"LSTM", 4}};
  return kNets;
}

// Element (…, from + i, …) of an axis, for n elements.
Tensor part(const Tensor& t, int64_t axis, int64_t from, int64_t n, bool reversed = false) {
  Shape shape = t.shape();
  const int64_t extent = t.dim(axis);
  shape[static_cast<size_t>(axis)] = n;
  int64_t inner = 1;
  for (int64_t d = axis + 1; d < t.rank(); ++d) inner *= t.dim(d);
  Tensor r(t.type(), shape);
  const int64_t outer = t.count() / std::max<int64_t>(1, extent * inner);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < n; ++i)
      std::copy_n(t.data<float>() + (o * extent + from + (reversed ? n - 1 - i : i)) * inner, inner,
                  r.data<float>() + (o * n + i) * inner);
  return r;
}

TEST(Recurrent, OneStepHasTheBitsOfAScan) {
  for (Net net : nets()) {
    const auto in = net.inputs(1, 3);
    const auto scanned = interpret(net.module(), in);
    net.steps = "1";
    const Module m = net.module();
    EXPECT_EQ(m.functions.size(), 1u);
    EXPECT_EQ(interpret(m, in), scanned) << net.op;
  }
}

TEST(Recurrent, BackwardsIsForwardOnReversedInput) {
  for (Net net : nets()) {
    auto in = net.inputs(4, 2);
    const auto forward = interpret(net.module(), in);
    net.attributes.push_back(text_attribute("direction", "reverse"));
    in[0] = part(in[0].tensor, 0, 0, 4, true);
    const auto backward = interpret(net.module(), in);
    EXPECT_EQ(backward[0].tensor, part(forward[0].tensor, 0, 0, 4, true)) << net.op;
    EXPECT_EQ(backward[1], forward[1]);
  }
}

TEST(Recurrent, BidirectionalIsBothDirections) {
  for (Net net : nets()) {
    Net both = net;
    both.directions = 2;
    both.attributes.push_back(text_attribute("direction", "bidirectional"));
    const auto in = both.inputs(4, 2);
    const auto out = interpret(both.module(), in);
    for (int64_t d : {0, 1}) {
      Net one = net;
      if (d) one.attributes.push_back(text_attribute("direction", "reverse"));
      std::vector<Value> own{in[0]};
      for (size_t i = 1; i < in.size(); ++i) own.emplace_back(part(in[i].tensor, 0, d, 1));
      const auto alone = interpret(one.module(), own);
      EXPECT_EQ(part(out[0].tensor, 1, d, 1), alone[0].tensor) << net.op << d;
      EXPECT_EQ(part(out[1].tensor, 0, d, 1), alone[1].tensor) << net.op << d;
    }
  }
}

TEST(Recurrent, PaddedRowsAreRowsOfTheirLength) {
  for (const Net& net : nets())
    for (const char* direction : {"forward", "reverse"}) {
      Net padded = net;
      padded.lengths = true;
      padded.attributes.push_back(text_attribute("direction", direction));
      const std::vector<int32_t> lengths{4, 2, 1, 0};
      const auto in = padded.inputs(4, 4, lengths);
      const auto out = interpret(padded.module(), in);
      for (int64_t b = 0; b < 3; ++b) {
        Net alone = net;
        alone.attributes.push_back(text_attribute("direction", direction));
        const int64_t n = lengths[static_cast<size_t>(b)];
        std::vector<Value> own = in;
        own.erase(own.begin() + 4);
        own[0] = part(part(in[0].tensor, 1, b, 1), 0, 0, n);
        for (size_t i = 4; i < own.size(); ++i) own[i] = part(own[i].tensor, 1, b, 1);
        const auto r = interpret(alone.module(), own);
        EXPECT_EQ(part(part(out[0].tensor, 2, b, 1), 0, 0, n), r[0].tensor) << net.op << direction << b;
        EXPECT_EQ(part(part(out[0].tensor, 2, b, 1), 0, n, 4 - n), Tensor(f32, {4 - n, 1, 1, kH}));
        for (size_t i = 1; i < r.size(); ++i)
          EXPECT_EQ(part(out[i].tensor, 1, b, 1), r[i].tensor) << net.op << direction << b;
      }
      EXPECT_EQ(part(out[1].tensor, 1, 3, 1), part(in[5].tensor, 1, 3, 1)) << "no step: the initial state";
    }
}

TEST(Recurrent, LayoutOnlyTransposes) {
  for (const Net& net : nets()) {
    Net rows = net;
    rows.batch_first = true;
    // With one row both layouts store the same bytes.
    const auto a = interpret(net.module(), net.inputs(4, 1)), b = interpret(rows.module(), rows.inputs(4, 1));
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_EQ(a[i].tensor.reshaped({a[i].tensor.count()}), b[i].tensor.reshaped({b[i].tensor.count()}));
    EXPECT_EQ(b[0].tensor.shape(), (Shape{1, 4, 1, kH}));
    EXPECT_EQ(interpret(rows.module(), rows.inputs(4, 3))[0].tensor.shape(), (Shape{3, 4, 1, kH}));
  }
}

TEST(Recurrent, ActivationsTakeTheirParametersInOrder) {
  // f = leaky relu (0.5), g = affine (2, 0.25): with one unit gate the equations are easy to follow.
  Net net{"GRU",
          3,
          1,
          {attribute("activations", std::vector<std::string_view>{"HardSigmoid", "Affine"}),
           attribute("activation_alpha", std::vector<float>{0.5f, 2}),
           attribute("activation_beta", std::vector<float>{0.25f, 0.125f})}};
  net.steps = "1";
  const auto in = net.inputs(1, 1);
  const auto out = interpret(net.module(), in);
  for (int64_t j = 0; j < kH; ++j) {
    const auto gate = [&](int64_t g, double scale0, double scale1) {
      double s = at(in[3], {0, g * kH + j}) + at(in[3], {0, (3 + g) * kH + j});
      for (int64_t k = 0; k < kI; ++k) s += at(in[0], {0, 0, k}) * at(in[1], {0, g * kH + j, k});
      s += scale0 * at(in[4], {0, 0, 0}) * at(in[2], {0, g * kH + j, 0});
      return s + scale1 * at(in[4], {0, 0, 1}) * at(in[2], {0, g * kH + j, 1});
    };
    const auto hard = [](double x) { return std::max(0.0, std::min(1.0, 0.5 * x + 0.25)); };
    double r[2];
    for (int64_t k = 0; k < kH; ++k) {
      double s = at(in[3], {0, kH + k}) + at(in[3], {0, 4 * kH + k});
      for (int64_t i = 0; i < kI; ++i) s += at(in[0], {0, 0, i}) * at(in[1], {0, kH + k, i});
      for (int64_t i = 0; i < kH; ++i) s += at(in[4], {0, 0, i}) * at(in[2], {0, kH + k, i});
      r[k] = hard(s);
    }
    const double z = hard(gate(0, 1, 1)), g = 2 * gate(2, r[0], r[1]) + 0.125;
    EXPECT_NEAR(at(out[1], {0, 0, j}), (1 - z) * g + z * at(in[4], {0, 0, j}), 1e-6);
  }
}

TEST(Recurrent, ClipBoundsWhatActivationsSee) {
  Net net{
      "RNN",
      1,
      1,
      {float_attribute("clip", 0.125f), attribute("activations", std::vector<std::string_view>{"affine"})}};
  const auto out = interpret(net.module(), net.inputs(6, 3));
  bool reached = false;
  for (float y : out[0].tensor.values<float>()) {
    EXPECT_LE(std::abs(y), 0.125f);
    reached = reached || std::abs(y) == 0.125f;
  }
  EXPECT_TRUE(reached);
}

TEST(Recurrent, ErrorsSayWhatWasRequired) {
  GraphProto g;
  g.input = {value("x", {"T", "B", "3"}), value("w", {"1", "8", "3"}), value("r", {"1", "7", "2"})};
  g.node = {node("LSTM", {"x", "w", "r"}, {"y"})};
  g.output = {named("y")};
  EXPECT_EQ(error_of(model_of(g)),
            "small.onnx: node \"it\" (LSTM): R: required f32[1, 8, 2], got f32[1, 7, 2]");
}

}  // namespace
}  // namespace tauto::onnx
