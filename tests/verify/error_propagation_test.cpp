// Executions drawn at random stay within the propagated bounds, for every kind of network; boxes of inputs
// too, which are wide enough that a wrong slope or bend shows; and the bounds are of use: signed propagation
// is far below intervals, and refinement below both.
#include "verify/error_propagation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/builder.h"
#include "graph/text.h"
#include "ops/run_op.h"
#include "verify/certify.h"
#include "verify/node_check.h"

namespace tauto {
namespace {

struct Net {
  const char* name;
  const char* body;  // of main; every value it reads is a parameter
};

// Three layers of a classifier.
constexpr Net kDense{
    "dense",
    R"(func main(%0 "x": f32[1, 12], %1 "a": f32[16, 12], %2 "b": f32[16], %3 "c": f32[16, 16], %4 "d": f32[5, 16]) -> ("y") {
  %5 = contract(%0, %1) {access: over {m: 1, n: 16 | k: 12} [m, k] [n, k]} : f32[1, 16]
  %6 = add(%5, %2) : f32[1, 16]
  %7 = relu(%6) : f32[1, 16]
  %8 = contract(%7, %3) {access: over {m: 1, n: 16 | k: 16} [m, k] [n, k]} : f32[1, 16]
  %9 = relu(%8) : f32[1, 16]
  %10 = contract(%9, %4) {access: over {m: 1, n: 5 | k: 16} [m, k] [n, k]} : f32[1, 5]
  return %10
})"};
// Convolutions with padding and stride, a norm as fma, a residual, both pools.
constexpr Net kConvolution{
    "convolution",
    R"(func main(%0 "x": f32[1, 2, 6, 6], %1 "a": f32[3, 2, 3, 3], %2 "s": f32[3, 1, 1], %3 "t": f32[3, 1, 1], %4 "b": f32[3, 3, 3, 3]) -> ("y") {
  %5 = contract(%0, %1) {access: over {n: 1, o: 3, y: 6, x: 6 | c: 2, k: 3, l: 3} [n, c, k + y - 1, l + x - 1] [o, c, k, l]} : f32[1, 3, 6, 6]
  %6 = fma(%5, %2, %3) : f32[1, 3, 6, 6]
  %7 = relu(%6) : f32[1, 3, 6, 6]
  %8 = contract(%7, %4) {access: over {n: 1, o: 3, y: 6, x: 6 | c: 3, k: 3, l: 3} [n, c, k + y - 1, l + x - 1] [o, c, k, l]} : f32[1, 3, 6, 6]
  %9 = add(%8, %6) : f32[1, 3, 6, 6]
  %10 = window_reduce(%9) {access: over {n: 1, c: 3, y: 3, x: 3 | k: 2, l: 2} [n, c, k + 2*y, l + 2*x], kind: "max"} : f32[1, 3, 3, 3]
  %11 = window_reduce(%10) {access: over {n: 1, c: 3, y: 2, x: 2 | k: 2, l: 2} [n, c, k + 2*y - 1, l + 2*x - 1], kind: "sum"} : f32[1, 3, 2, 2]
  %12 = reduce_sum(%11) {axes: [2, 3], keepdims: 0} : f32[1, 3]
  return %12
})"};
// A head of attention, its softmax, a layer norm and a GELU.
constexpr Net kAttention{
    "attention",
    R"(func main(%0 "x": f32[4, 6], %1 "q": f32[6, 6], %2 "k": f32[6, 6], %3 "g": f32[6]) -> ("y") {
  %4 = contract(%0, %1) {access: over {m: 4, n: 6 | k: 6} [m, k] [n, k]} : f32[4, 6]
  %5 = contract(%0, %2) {access: over {m: 4, n: 6 | k: 6} [m, k] [n, k]} : f32[4, 6]
  %6 = contract(%4, %5) {access: over {m: 4, n: 4 | k: 6} [m, k] [n, k]} : f32[4, 4]
  %7 = reduce_max(%6) {axes: [1], keepdims: 1} : f32[4, 1]
  %8 = sub(%6, %7) : f32[4, 4]
  %9 = exp(%8) : f32[4, 4]
  %10 = reduce_sum(%9) {axes: [1], keepdims: 1} : f32[4, 1]
  %11 = f32[] {1.0}
  %12 = div(%11, %10) : f32[4, 1]
  %13 = mul(%9, %12) : f32[4, 4]
  %14 = contract(%13, %0) {access: over {m: 4, n: 6 | k: 4} [m, k] [k, n]} : f32[4, 6]
  %15 = add(%14, %0) : f32[4, 6]
  %16 = reduce_sum(%15) {axes: [1], keepdims: 1} : f32[4, 1]
  %17 = f32[] {6.0}
  %18 = div(%16, %17) : f32[4, 1]
  %19 = sub(%15, %18) : f32[4, 6]
  %20 = mul(%19, %19) : f32[4, 6]
  %21 = reduce_sum(%20) {axes: [1], keepdims: 1} : f32[4, 1]
  %22 = f32[] {0.001}
  %23 = add(%21, %22) : f32[4, 1]
  %24 = sqrt(%23) : f32[4, 1]
  %25 = div(%19, %24) : f32[4, 6]
  %26 = mul(%25, %3) : f32[4, 6]
  %27 = f32[] {0.70710677}
  %28 = mul(%26, %27) : f32[4, 6]
  %29 = erf(%28) : f32[4, 6]
  %30 = f32[] {1.0}
  %31 = add(%29, %30) : f32[4, 6]
  %32 = mul(%26, %31) : f32[4, 6]
  return %32
})"};
// A recurrent cell, a clip, a slice, a concatenation and a transposition; a cumulative sum has no rule.
constexpr Net kCell{"cell", R"(func main(%0 "x": f32[3, 4], %1 "w": f32[4, 4]) -> ("y") {
  %2 = contract(%0, %1) {access: over {m: 3, n: 4 | k: 4} [m, k] [n, k]} : f32[3, 4]
  %3 = sigmoid(%2) : f32[3, 4]
  %4 = tanh(%2) : f32[3, 4]
  %5 = mul(%3, %4) : f32[3, 4]
  %6 = f32[] {-0.5}
  %7 = max(%2, %6) : f32[3, 4]
  %8 = f32[] {0.5}
  %9 = min(%7, %8) : f32[3, 4]
  %10 = concat(%5, %9) {axis: 0} : f32[6, 4]
  %11 = transpose(%10) {perm: [1, 0]} : f32[4, 6]
  %12 = cum_sum(%11) {axis: 1} : f32[4, 6]
  %13 = abs(%12) : f32[4, 6]
  return %13
})"};

// Everything that only moves elements, minima, halves, and a window that reads padding.
constexpr Net kMovement{"movement", R"(func main(%0 "x": f32[3, 4], %1 "y": f32[4]) -> ("z") {
  %2 = i64[2] {2, 0}
  %3 = gather(%0, %2) {axis: 0} : f32[2, 4]
  %4 = i64[4] {1, 0, 0, 2}
  %5 = f32[] {0.5}
  %6 = pad(%3, %4, %5) {mode: "constant"} : f32[3, 6]
  %7 = i64[2] {3, 6}
  %8 = i64[2] {0, 1}
  %9 = i64[2] {2, 1}
  %10 = slice(%6, %8, %7, %9) {axes: [0, 1]} : f32[2, 5]
  %11 = i64[2, 5] {1, 0, 0, 1, 1, 0, 1, 1, 0, 0}
  %12 = gather_elements(%10, %11) {axis: 0} : f32[2, 5]
  %13 = bool[2, 5] {true, false, true, false, true, true, true, false, false, false}
  %14 = where(%13, %10, %12) : f32[2, 5]
  %15 = i64[2] {10, 1}
  %16 = reshape(%14, %15) : f32[10, 1]
  %17 = i64[2] {10, 4}
  %18 = expand(%16, %17) : f32[10, 4]
  %19 = add(%18, %1) : f32[10, 4]
  %20 = window_reduce(%19) {access: over {a: 10, b: 3 | k: 3} [a, k + 2*b - 1], kind: "min"} : f32[10, 3]
  %21 = reduce_min(%20) {axes: [0], keepdims: 0} : f32[3]
  %22 = cast(%21) {to: f64} : f64[3]
  %23 = cast(%22) {to: f32} : f32[3]
  %24 = min(%23, %5) : f32[3]
  return %24
})"};

// One product and one pool by themselves: their bounds are attained.
constexpr Net kProduct{"product", R"(func main(%0 "x": f32[2, 5], %1 "w": f32[3, 5]) -> ("y") {
  %2 = contract(%0, %1) {access: over {m: 2, n: 3 | k: 5} [m, k] [n, k]} : f32[2, 3]
  return %2
})"};
constexpr Net kPool{"pool", R"(func main(%0 "x": f32[2, 12]) -> ("y") {
  %1 = window_reduce(%0) {access: over {a: 2, b: 4 | k: 3} [a, k + 3*b], kind: "max"} : f32[2, 4]
  return %1
})"};

class Nets : public testing::TestWithParam<Net> {};

Module module_of(const Net& n) { return parse_module(std::string("module net semantics 3\n\n") + n.body); }

std::vector<Value> inputs_of(const Module& m, std::mt19937_64& random) {
  std::vector<Value> in;
  std::normal_distribution<double> normal;
  for (size_t i = 0; i < m.main().parameter_count(); ++i) {
    Tensor t(f32, static_shape(m.main().nodes[i].type));
    const double scale =
        t.rank() > 1 && i > 0 ? 1.0 / std::sqrt(static_cast<double>(t.count() / t.dim(0))) : 1;
    for (int64_t k = 0; k < t.count(); ++k) t.data<float>()[k] = static_cast<float>(scale * normal(random));
    in.emplace_back(std::move(t));
  }
  return in;
}

// Every node anywhere within its own bound on what it really consumed: so some legal execution, or a worse
// one.
std::vector<Value> drawn_execution(const Module& m, const std::vector<Value>& in, int corner,
                                   std::mt19937_64& random) {
  const Function& f = m.main();
  std::vector<Value> values(in);
  for (size_t i = in.size(); i < f.nodes.size(); ++i) {
    const Node& n = f.nodes[i];
    std::vector<Value> arguments;
    for (Id k : n.inputs) arguments.push_back(values[static_cast<size_t>(k)]);
    if (n.op == &ops::constant) {
      values.emplace_back(*constant_value(n));
      continue;
    }
    const NodeBound b = node_bound(m, f, static_cast<Id>(i), arguments, Order::Any);
    Tensor t(b.ideal.tensor.type(), b.ideal.tensor.shape());
    for (int64_t k = 0; k < t.count(); ++k) {
      if (t.type() == f64) {
        t.data<double>()[k] = b.ideal.tensor.data<double>()[k];
        continue;
      }
      const double ideal = b.ideal.tensor.data<double>()[k], bound = b.bound[0][static_cast<size_t>(k)];
      const double s = corner != 0 ? corner : static_cast<double>(random() % 2001) / 1000 - 1;
      auto v = static_cast<float>(ideal + s * bound);
      if (std::fabs(static_cast<double>(v) - ideal) > bound) v = std::nextafter(v, static_cast<float>(ideal));
      if (std::fabs(static_cast<double>(v) - ideal) > bound) v = static_cast<float>(ideal);
      t.data<float>()[k] = v;
    }
    values.emplace_back(std::move(t));
  }
  std::vector<Value> results;
  for (Id r : f.results) results.push_back(values[static_cast<size_t>(r)]);
  return results;
}

double float_of(const Tensor& t, int64_t i) {
  return t.rep() == Rep::Ideal ? t.data<double>()[i] : static_cast<double>(t.data<float>()[i]);
}

void expect_within(const Tensor& t, const Tensor& centre, const std::vector<double>& bound,
                   const char* what) {
  ASSERT_EQ(static_cast<size_t>(t.count()), bound.size());
  for (int64_t i = 0; i < t.count(); ++i)
    ASSERT_LE(std::fabs(float_of(t, i) - float_of(centre, i)), bound[static_cast<size_t>(i)])
        << what << ", element " << i;
}

TEST_P(Nets, LegalExecutionsStayWithinTheBound) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    std::mt19937_64 random(seed);
    const Module m = module_of(GetParam());
    const auto in = inputs_of(m, random);
    ErrorPropagation p(m);
    for (const bool refined : {false, true}) {
      p.run(in);
      if (refined) p.refine();
      const auto bound = p.output_error(0);
      for (int corner : {-1, 1, 0, 0, 0, 0})
        expect_within(drawn_execution(m, in, corner, random)[0].tensor, p.centre(0), bound,
                      "a drawn execution");
      expect_within(interpret(m, in)[0].tensor, p.centre(0), bound, "ours, as any");
    }
    p.run(in, {Order::Ours, {}, nullptr});
    expect_within(interpret(m, in)[0].tensor, p.centre(0), p.output_error(0), "ours");
  }
}

TEST_P(Nets, BoxesOfInputsStayWithinTheBound) {
  for (const double radius : {1e-4, 1e-2, 0.2})
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      SCOPED_TRACE(cat("seed ", seed, ", radius ", radius));
      std::mt19937_64 random(seed);
      const Module m = module_of(GetParam());
      const auto in = inputs_of(m, random);
      PropagationOptions o;
      for (const Value& v : in) o.box.emplace_back(static_cast<size_t>(v.tensor.count()), radius + 3e-7);
      ErrorPropagation p(m);
      for (const bool refined : {false, true}) {
        p.run(in, o);
        if (refined) p.refine();
        const auto bound = p.output_error(0);
        for (int draw = 0; draw < 20; ++draw) {
          std::vector<Value> moved;
          for (const Value& v : in) {
            Tensor t(f32, v.tensor.shape());
            for (int64_t k = 0; k < t.count(); ++k) {
              const double s =
                  draw % 2 ? (random() % 2 ? 1 : -1) : static_cast<double>(random() % 2001) / 1000 - 1;
              t.data<float>()[k] =
                  static_cast<float>(static_cast<double>(v.tensor.data<float>()[k]) + s * radius);
            }
            moved.emplace_back(std::move(t));
          }
          expect_within(interpret(m, moved, {.rep = Rep::Ideal})[0].tensor, p.centre(0), bound,
                        "a point of the box");
        }
      }
    }
}

// Some inputs are exact, the others climb one after the other to where they move one output most: that is
// near the bound, so that a slope or bend left out shows.
TEST_P(Nets, WorstPointsOfBoxesStayWithinTheBound) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random(seed);
    const Module m = module_of(GetParam());
    const auto in = inputs_of(m, random);
    const double radius = seed % 2 ? 0.5 : 0.05;
    PropagationOptions o;
    for (const Value& v : in) {
      o.box.emplace_back(static_cast<size_t>(v.tensor.count()), 0.0);
      for (double& r : o.box.back()) r = random() % 2 ? radius + 3e-7 : 0;
    }
    ErrorPropagation p(m);
    p.run(in, o);
    const auto bound = p.output_error(0);
    for (const double sign : {1.0, -1.0})
      for (const int64_t element : {int64_t{0}, p.centre(0).count() - 1}) {
        SCOPED_TRACE(cat("seed ", seed, ", element ", element, ", sign ", sign));
        std::vector<Value> moved;
        for (const Value& v : in) {
          Tensor t(f32, v.tensor.shape());
          std::copy_n(v.tensor.data<float>(), t.count(), t.data<float>());
          moved.emplace_back(std::move(t));
        }
        const auto value = [&] {
          return sign * float_of(interpret(m, moved, {.rep = Rep::Ideal})[0].tensor, element);
        };
        double best = value();
        for (size_t k = 0; k < in.size(); ++k)
          for (int64_t i = 0; i < in[k].tensor.count(); ++i) {
            if (o.box[k][static_cast<size_t>(i)] == 0) continue;
            float& x = moved[k].tensor.data<float>()[i];
            const float before = in[k].tensor.data<float>()[i];
            float kept = x;
            for (const double s : {radius, -radius}) {
              x = static_cast<float>(static_cast<double>(before) + s);
              if (const double v = value(); v > best) best = v, kept = x;
            }
            x = kept;
          }
        EXPECT_LE(best - sign * float_of(p.centre(0), element), bound[static_cast<size_t>(element)]);
      }
  }
}

// Of use: roundings of a few units become errors of less than thousands of them.
TEST_P(Nets, BoundsAreSmall) {
  std::mt19937_64 random(7);
  const Module m = module_of(GetParam());
  const auto in = inputs_of(m, random);
  ErrorPropagation p(m);
  p.run(in);
  for (double e : p.output_error(0)) {
    EXPECT_GE(e, std::string(GetParam().name) == "pool" ? 0 : 1e-12);
    EXPECT_LT(e, 2e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(ErrorPropagation, Nets,
                         testing::Values(kDense, kConvolution, kAttention, kCell, kMovement, kProduct, kPool),
                         [](const auto& info) { return std::string(info.param.name); });

// Each elementwise operator's slopes and bends by themselves, over boxes that are narrow and wide.
TEST(ErrorPropagation, EveryElementwiseRule) {
  const std::map<std::string, std::pair<double, double>> domains{
      {"log", {0.3, 3}},      {"log1p", {-0.6, 3}}, {"sqrt", {0.3, 3}},    {"pow", {0.4, 2}},
      {"div", {0.4, 3}},      {"acosh", {1.4, 4}},  {"asin", {-0.7, 0.7}}, {"acos", {-0.7, 0.7}},
      {"atanh", {-0.7, 0.7}}, {"tan", {-1, 1}}};
  int rules = 0;
  for (const Op* op : all_ops()) {
    if (!op->error || !op->is(kElementwise) || op == &ops::cast || op == &ops::where) continue;
    ++rules;
    const auto at = domains.find(op->name);
    const auto [lo, hi] = at == domains.end() ? std::pair(-3.0, 3.0) : at->second;
    Module m;
    Builder b(m, "main");
    std::vector<Id> in;
    for (int k = 0; k < op->arity; ++k) in.push_back(b.parameter(cat("x", k), parse_type("f32[64]")));
    b.finish({b.add(*op, in)}, {"y"});
    std::mt19937_64 random(11);
    for (const double radius : {1e-6, 1e-3, 0.1}) {
      const auto draw = [&](double from, double to) {
        return from + (to - from) * static_cast<double>(random() % 100001) / 100000;
      };
      std::vector<Value> centre;
      PropagationOptions o;
      for (int k = 0; k < op->arity; ++k) {
        Tensor t(f32, {64});
        for (int64_t i = 0; i < 64; ++i) t.data<float>()[i] = static_cast<float>(draw(lo, hi));
        centre.emplace_back(std::move(t));
        o.box.emplace_back(64, radius + 3e-7);  // points are rounded to f32
      }
      ErrorPropagation p(m);
      p.run(centre, o);
      const auto bound = p.output_error(0);
      for (int tries = 0; tries < 40; ++tries) {
        std::vector<Value> moved;
        for (const Value& v : centre) {
          Tensor t(f32, {64});
          for (int64_t i = 0; i < 64; ++i)
            t.data<float>()[i] =
                static_cast<float>(static_cast<double>(v.tensor.data<float>()[i]) + draw(-radius, radius));
          moved.emplace_back(std::move(t));
        }
        SCOPED_TRACE(cat(op->name, ", radius ", radius));
        expect_within(interpret(m, moved)[0].tensor, p.centre(0), bound, "ours");
      }
      // Of use: not far above what slopes alone give, in the narrow box.
      for (int64_t i = 0; radius < 1e-4 && i < 64; ++i)
        EXPECT_LT(bound[static_cast<size_t>(i)], 2e-4) << op->name;
    }
  }
  EXPECT_GE(rules, 28);
}

// (x + y) − y: what y's error adds meets itself with the other sign.
TEST(ErrorPropagation, SignsCancel) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "x": f32[1], %1 "y": f32[1]) -> ("z") {
  %2 = f32[] {3.0}
  %3 = mul(%1, %2) : f32[1]
  %4 = add(%0, %3) : f32[1]
  %5 = sub(%4, %3) : f32[1]
  return %5
})");
  ErrorPropagation p(m);
  PropagationOptions o;
  o.box = {{}, {0.5}};
  p.run({Tensor::of<float>({1}, std::array{1.0f}), Tensor::of<float>({1}, std::array{2.0f})}, o);
  EXPECT_LT(p.output_error(0)[0], 1e-5);
  EXPECT_GT(p.radius(0)[0], 2.9);  // as an interval
}

// A relu between inputs that nearly cancel: refinement sees that they move together.
TEST(ErrorPropagation, RefinementDecidesRelus) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "x": f32[1], %1 "y": f32[1]) -> ("z") {
  %2 = f32[] {3.0}
  %3 = mul(%1, %2) : f32[1]
  %4 = f32[] {0.25}
  %5 = add(%3, %4) : f32[1]
  %6 = sub(%5, %3) : f32[1]
  %7 = relu(%6) : f32[1]
  return %7
})");
  ErrorPropagation p(m);
  PropagationOptions o;
  o.box = {{}, {0.5}};
  p.run({Tensor::of<float>({1}, std::array{1.0f}), Tensor::of<float>({1}, std::array{2.0f})}, o);
  EXPECT_GT(p.output_error(0)[0], 1);
  const auto refined = p.refine();
  ASSERT_EQ(refined.size(), 1u);
  EXPECT_EQ(refined[0].node, 6);
  EXPECT_LT(p.output_error(0)[0], 1e-5);
}

// The mask of an attention: what is exact is not rounded, however much it is multiplied by. An integer of more
// digits than the type has is.
TEST(ErrorPropagation, MasksAreExact) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "mask": i64[3]) -> ("masked") {
  %1 = cast(%0) {to: f32} : f32[3]
  %2 = f32[] {1.0}
  %3 = sub(%2, %1) : f32[3]
  %4 = f32[] {-3e38}
  %5 = mul(%3, %4) : f32[3]
  return %5
})");
  ErrorPropagation p(m);
  p.run({Tensor::of<int64_t>({3}, std::array<int64_t, 3>{1, 0, 1})});
  EXPECT_EQ(p.output_error(0)[0], 0);
  EXPECT_LT(p.output_error(0)[1], 1e32);
  EXPECT_EQ(p.lost(), "");
  p.run({Tensor::of<int64_t>({3}, std::array<int64_t, 3>{(1 << 24) + 1, 1 << 24, 1})});
  EXPECT_GE(p.node_radius(1)[0], 1);
  EXPECT_EQ(p.node_radius(1)[1], 0);
}

// Where radii exceed the values: from there on bounds say nothing.
TEST(ErrorPropagation, TheNodeThatLosesTheBoundIsNamed) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "x": f32[1], %1 "y": f32[1]) -> ("z") {
  %2 = mul(%0, %1) : f32[1]  # "held"
  %3 = exp(%2) : f32[1]  # "lost"
  %4 = exp(%3) : f32[1]
  return %4
})");
  ErrorPropagation p(m);
  PropagationOptions o;
  const Tensor one = Tensor::of<float>({1}, std::array{1.0f});
  p.run({one, one}, o);
  EXPECT_EQ(p.lost(), "");
  o.box = {{}, {0.9}};
  p.run({one, one}, o);
  EXPECT_EQ(p.lost(), "node \"lost\" (exp)");
}

// A quantizer at a rounding border: the integer is an interval, and what is made of it too; away from the
// border it is decided and the result exact.
TEST(ErrorPropagation, UndecidedIntegersAreIntervals) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "x": f32[2]) -> ("q", "y") {
  %1 = f32[] {3.0}
  %2 = mul(%0, %1) : f32[2]
  %3 = round(%2) : f32[2]
  %4 = cast(%3) {to: i32} : i32[2]
  %5 = cast(%4) {to: f32} : f32[2]
  return %4, %5
})");
  ErrorPropagation p(m);
  const float x[] = {1.16666663f, 0.7f};  // 3.49999988, in f32 3.5; 2.1
  p.run({Tensor::of<float>({2}, x)});
  EXPECT_GE(p.output_error(0)[0], 1);  // 4 is legal, 3 the centre
  EXPECT_LE(p.output_error(0)[0], 2);
  EXPECT_EQ(p.output_error(0)[1], 0);
  EXPECT_GE(p.output_error(1)[0], 1);
  EXPECT_LT(p.output_error(1)[1], 1e-6);
}

Module classifier() { return module_of(kDense); }

TEST(Certify, PlantedTiesAreNotCertified) {
  std::mt19937_64 random(3);
  const Module m = classifier();
  auto in = inputs_of(m, random);
  ErrorPropagation p(m);
  const Certificate c = certify(p, in, parse_decision("top1"));
  EXPECT_TRUE(c.certified) << c.reason;
  // The winner's weights for another class too; and the same off by one unit in the last place of one weight.
  Tensor d = in[4].tensor;
  const int64_t other = c.winners[0] == 0 ? 1 : 0;
  for (const float factor : {1.0f, 1.0f + 0x1p-23f}) {
    Tensor tied(f32, d.shape());
    std::copy_n(d.data<float>(), d.count(), tied.data<float>());
    std::copy_n(d.data<float>() + c.winners[0] * 16, 16, tied.data<float>() + other * 16);
    for (int64_t k = 0; k < 16; ++k)
      if (factor != 1) tied.data<float>()[other * 16 + k] *= k == 0 ? factor : 1;
    in[4] = tied;
    EXPECT_FALSE(certify(p, in, parse_decision("top1")).certified) << factor;
  }
}

// 2^24 + 1 + … − 2^24: the sum depends on the order, so no bound may be below what orders differ by.
TEST(Certify, NetsThatFollowTheOrderOfSumsAreNotCertified) {
  const Module m = parse_module(R"(module m semantics 3

func main(%0 "x": f32[1, 18], %1 "w": f32[2, 18]) -> ("y") {
  %2 = contract(%0, %1) {access: over {m: 1, n: 2 | k: 18} [m, k] [n, k]} : f32[1, 2]
  return %2
})");
  Tensor x(f32, {1, 18}), w(f32, {2, 18});
  for (int k = 0; k < 18; ++k) {
    x.data<float>()[k] = 1;
    w.data<float>()[k] = k == 0 ? 0x1p24f : k == 17 ? -0x1p24f : 1;  // 16, or 0 from left to right
    w.data<float>()[18 + k] = k == 0 ? 8 : 0;
  }
  ErrorPropagation p(m);
  EXPECT_FALSE(certify(p, {x, w}, parse_decision("top1")).certified);
  w.data<float>()[18] = 100;
  EXPECT_TRUE(certify(p, {x, w}, parse_decision("top1")).certified);
  EXPECT_FALSE(certify(p, {x, w}, parse_decision("threshold:16")).certified);
}

TEST(Certify, AnyExecutionDecidesAlike) {
  const Module m = classifier();
  ErrorPropagation p(m);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    const auto in = inputs_of(m, random);
    for (const char* decision : {"top1", "argmin", "topk:2"}) {
      const Certificate c = certify(p, in, parse_decision(decision));
      if (!c.certified) continue;
      const Tensor y = drawn_execution(m, in, 0, random)[0].tensor;
      const double sign = decision[0] == 'a' ? -1 : 1;
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t w : c.winners) {
          if (std::find(c.winners.begin(), c.winners.end(), i) != c.winners.end()) continue;
          EXPECT_GT(sign * float_of(y, w), sign * float_of(y, i)) << decision << " seed " << seed;
        }
    }
  }
}

std::string error_of_decision(const char* text) {
  try {
    parse_decision(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Certify, Refuses) {
  for (const char* text : {"", "top", "topk:0", "topk:2x", "threshold:", "threshold:inf"})
    EXPECT_EQ(error_of_decision(text),
              cat("decision: required top1, argmin, topk:K or threshold:T, got \"", text, "\""));
  const Module m = classifier();
  std::mt19937_64 random(1);
  ErrorPropagation p(m);
  try {
    certify(p, inputs_of(m, random), parse_decision("topk:5"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()),
              "decision topk:5: required more than 5 elements along the last axis, got f32[1, 5]");
  }
}

TEST(NodeCheck, OursIsWithinOurBoundAndWrongValuesAreNot) {
  for (const Net& net : {kDense, kConvolution, kAttention, kCell, kMovement}) {
    std::mt19937_64 random(5);
    const Module m = module_of(net);
    const auto in = inputs_of(m, random);
    for (const Order order : {Order::Ours, Order::Any})
      for (const CheckedNode& n : check_nodes(m, in, order))
        EXPECT_TRUE(n.check.legal()) << net.name << " %" << n.id << " " << n.op->name << " " << n.check.ratio
                                     << " " << n.check.reason;
    // One lost term of a sum.
    const Function& f = m.main();
    const auto id = static_cast<Id>(in.size());
    if (f.node(id).op != &ops::contract) continue;
    const std::vector<Value> arguments{in[0], in[1]};
    const NodeBound b = node_bound(m, f, id, arguments, Order::Any);
    Tensor wrong(f32, b.ideal.tensor.shape());
    for (int64_t k = 0; k < wrong.count(); ++k)
      wrong.data<float>()[k] = static_cast<float>(b.ideal.tensor.data<double>()[k]);
    EXPECT_TRUE(check_node(m, f, id, arguments, wrong, Order::Any).legal());
    wrong.data<float>()[3] *= 1 + 1e-4f;
    const NodeCheck c = check_node(m, f, id, arguments, wrong, Order::Any);
    EXPECT_FALSE(c.legal()) << net.name;
    EXPECT_EQ(c.index, 3);
    wrong.data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(check_node(m, f, id, arguments, wrong, Order::Any).legal());
  }
}

}  // namespace
}  // namespace tauto
