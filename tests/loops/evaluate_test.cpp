// The evaluator of kernels against the operators' references: functions, conversions, the three orders of
// reductions; and what it promises of its own: lazy, each shared node once, no index outside a buffer.
#include "loops/evaluate.h"

#include <gtest/gtest.h>

#include "graph/scanner.h"
#include "loops/arithmetic.h"
#include "loops/run_kernel.h"
#include "ops/evaluate.h"
#include "ops/ops.h"

namespace tauto::testing {
namespace {

using loops::Function;

struct Pair {
  Function function;
  const Op* op;
};
const Pair kSame[] = {{Function::Add, &ops::add},
                      {Function::Sub, &ops::sub},
                      {Function::Mul, &ops::mul},
                      {Function::Fma, &ops::fma},
                      {Function::Div, &ops::div},
                      {Function::Rem, &ops::rem},
                      {Function::FloorMod, &ops::mod},
                      {Function::Max, &ops::max},
                      {Function::Min, &ops::min},
                      {Function::Negate, &ops::neg},
                      {Function::Abs, &ops::abs},
                      {Function::Sqrt, &ops::sqrt},
                      {Function::Floor, &ops::floor},
                      {Function::Ceil, &ops::ceil},
                      {Function::Truncate, &ops::trunc},
                      {Function::RoundEven, &ops::round},
                      {Function::BitAnd, &ops::bit_and},
                      {Function::BitOr, &ops::bit_or},
                      {Function::BitXor, &ops::bit_xor},
                      {Function::BitNot, &ops::bit_not},
                      {Function::CountBits, &ops::count_bits},
                      {Function::ShiftLeft, &ops::shift_left},
                      {Function::ShiftRight, &ops::shift_right},
                      {Function::Less, &ops::less},
                      {Function::LessEqual, &ops::less_equal},
                      {Function::Equal, &ops::equal},
                      {Function::IsNan, &ops::is_nan},
                      {Function::And, &ops::logical_and},
                      {Function::Or, &ops::logical_or},
                      {Function::Xor, &ops::logical_xor},
                      {Function::Not, &ops::logical_not}};

// out[i] = what `element` makes of the inputs' elements i.
loops::Kernel map(const std::vector<ElementType>& inputs, ElementType output, int64_t n,
                  const std::function<loops::Expr(const std::vector<loops::Expr>&)>& element) {
  loops::Kernel k;
  k.name = "map";
  std::vector<loops::Expr> x;
  for (ElementType t : inputs) {
    k.buffers.push_back(loops::make_buffer(cat("x", x.size()), t, {n}));
    x.push_back(loops::load(k.buffers.back(), {loops::variable("i")}));
  }
  k.buffers.push_back(loops::make_buffer("out", output, {n}));
  k.body = loops::loop(loops::LoopKind::Serial, "i", 0, n,
                       loops::store(k.buffers.back(), {loops::variable("i")}, element(x)));
  return k;
}

void expect_same(const Tensor& got, const Tensor& required, const std::string& what) {
  const Tensor canonical = canonical_nan(required);
  ASSERT_EQ(got.count(), required.count());
  for (int64_t i = 0; i < got.count(); ++i)
    ASSERT_EQ(element_text(got, i), element_text(canonical, i)) << what << " at " << i;
  ASSERT_TRUE(got == canonical.reshaped(got.shape())) << what;
}

TEST(LoopsEvaluate, FunctionsAreTheOperators) {
  std::mt19937_64 random(1);
  constexpr int64_t n = 600;
  int compared = 0;
  for (const auto& [f, op] : kSame)
    for (ElementType t : arithmetic_types()) {
      if (!loops::is_defined(f, t)) continue;
      if (t.is_bool() && (f == Function::Max || f == Function::Min)) continue;  // no operator
      std::vector<Tensor> x;
      std::vector<ElementType> types;
      for (int i = 0; i < loops::arity_of(f); ++i) {
        x.push_back(random_tensor(t, {n}, random));
        types.push_back(t);
      }
      Tensor required;
      try {
        required = evaluate(*op, x);
      } catch (const Error&) {
        continue;  // the operator does not take this type
      }
      const loops::Kernel k = map(types, loops::gives_bool(f) ? boolean : t, n,
                                  [f = f](const auto& e) { return loops::apply(f, e); });
      expect_same(run_kernel_to_last(k, x), required, cat(loops::text_of(f), " of ", t));
      ++compared;
    }
  EXPECT_GT(compared, 150);
}

TEST(LoopsEvaluate, ConversionsAreCasts) {
  std::mt19937_64 random(2);
  constexpr int64_t n = 300;
  std::vector<ElementType> types = arithmetic_types();
  for (ElementType t : {i2, i4, u2, u4}) types.push_back(t);
  for (ElementType from : types)
    for (ElementType to : types) {
      const Tensor x = random_tensor(from, {n}, random);
      const loops::Kernel k = map({from}, to, n, [to](const auto& e) { return loops::convert(e[0], to); });
      const Tensor required = evaluate(ops::cast, {x}, {{"to", to}, {"saturate", int64_t{1}}});
      expect_same(run_kernel_to_last(k, {x}), required, cat(from, " to ", to));
    }
}

// ---- reductions -------------------------------------------------------------------------------------------

Tensor run_text(const std::string& text, std::vector<Tensor> inputs) {
  const loops::Kernel k = loops::parse_kernel(text);
  EXPECT_EQ(loops::verify(k), "");
  return run_kernel_to_last(k, std::move(inputs));
}

TEST(LoopsEvaluate, PartialsAreTheReductionsOfOneRun) {
  const std::pair<const char*, const Op*> kOps[] = {{"add", &ops::reduce_sum},
                                                    {"mul", &ops::reduce_prod},
                                                    {"max", &ops::reduce_max},
                                                    {"min", &ops::reduce_min}};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const int64_t h = static_cast<int64_t>(random() % 30), w = static_cast<int64_t>(random() % 60);
    for (const auto& [name, op] : kOps)
      for (ElementType t : {f32, f64, i32, u8}) {
        const Tensor x = random_tensor(t, {2, 3, h, w}, random);
        const std::string text = cat("kernel k(x: ", t, "[2, 3, ", h, ", ", w, "], out: ", t, "[2, 3])\n",
                                     "for a in 0 .. 2 for b in 0 .. 3 out[a, b] = partials ", name, "(y < ",
                                     h, ", z < ", w, " : x[a, b, y, z])");
        const Tensor required = evaluate(*op, {x}, {{"axes", Ints{2, 3}}, {"keepdims", int64_t{0}}});
        expect_same(run_text(text, {x}), required, cat("seed ", seed, "\n", text));
      }
  }
}

TEST(LoopsEvaluate, BlocksAreContractions) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&](int64_t lo, int64_t hi) {
      return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
    };
    const int64_t c = draw(1, 40), kh = draw(1, 4), kw = draw(1, 4), h = draw(kh, 7), w = draw(kw, 7),
                  pad = draw(0, 2);
    const int64_t oh = h + 2 * pad - kh + 1, ow = w + 2 * pad - kw + 1;
    Access a;
    a.axes = {"o", "y", "x", "c", "v", "u"};
    a.extents = {2, oh, ow, c, kh, kw};
    a.outputs = 3;
    a.operands = {{{{{3, 1}}, 0, 1}, {{{1, 1}, {4, 1}}, -pad, 1}, {{{2, 1}, {5, 1}}, -pad, 1}},
                  {{{{0, 1}}, 0, 1}, {{{3, 1}}, 0, 1}, {{{4, 1}}, 0, 1}, {{{5, 1}}, 0, 1}}};
    for (ElementType t : {f32, f64, i32}) {
      const Tensor x = random_tensor(t, {c, h, w}, random), k = random_tensor(t, {2, c, kh, kw}, random);
      const std::string text = cat(
          "kernel k(x: ", t, "[", c, ", ", h, ", ", w, "], w: ", t, "[2, ", c, ", ", kh, ", ", kw,
          "], out: ", t, "[2, ", oh, ", ", ow, "])\nfor o in 0 .. 2 for y in 0 .. ", oh, " for x in 0 .. ",
          ow, " out[o, y, x] = blocks fma(c < ", c, ", v < ", kh, ", u < ", kw, " : x[c, y + v - ", pad,
          ", x + u - ", pad, "], w[o, c, v, u] if and(and(less_equal(0, y + v - ", pad, "), less(y + v - ",
          pad, ", ", h, ")), and(less_equal(0, x + u - ", pad, "), less(x + u - ", pad, ", ", w, "))))");
      const Tensor required = evaluate(ops::contract, {x, k}, {{"access", a}});
      expect_same(run_text(text, {x, k}), required, cat("seed ", seed, "\n", text));
    }
  }
}

TEST(LoopsEvaluate, ChainsGoFromTheIdentityInRowMajorOrder) {
  std::mt19937_64 random(3);
  const Tensor x = random_tensor(f32, {5, 7}, random);
  float sum = 0, product = 1, largest = -HUGE_VALF;
  for (int64_t i = 0; i < 35; ++i) {
    const float v = x.data<float>()[i];
    sum += v;
    product *= v;
    largest = largest != largest ? largest : largest > v ? largest : v;
  }
  const std::string text = R"(kernel k(x: f32[5, 7], out: f32[3]) {
    out[0] = chain add(i < 5, j < 7 : x[i, j])
    out[1] = chain mul(i < 5, j < 7 : x[i, j])
    out[2] = chain max(i < 5, j < 7 : x[i, j])
  })";
  Tensor required(f32, {3});
  required.data<float>()[0] = sum;
  required.data<float>()[1] = product;
  required.data<float>()[2] = largest;
  expect_same(run_text(text, {x}), required, text);
}

// ---- promises ---------------------------------------------------------------------------------------------

TEST(LoopsEvaluate, ComputesWhatDoesNotDependOnATermOnce) {
  // Taken literally the maximum is computed anew for each term of the sum: n³ loads instead of n².
  const std::string text = R"(kernel softmax(x: f32[700], out: f32[700])
  for i in 0 .. 700
    out[i] = sub(x[i], partials add(k < 700 : sub(x[k], partials max(j < 700 : x[j]))))
)";
  Tensor x(f32, {700});
  for (int64_t i = 0; i < 700; ++i) x.data<float>()[i] = static_cast<float>(i % 5);
  const Tensor out = run_text(text, {x});
  EXPECT_EQ(out.data<float>()[3], 3.0f - (140 * 10 - 700 * 4));
}

TEST(LoopsEvaluate, ComputesASharedNodeOnce) {
  const loops::Kernel k = map({f32}, f32, 1, [](const auto& x) {
    loops::Expr e = x[0];
    for (int i = 0; i < 60; ++i) e = loops::apply(Function::Max, {e, e});
    return e;
  });
  Tensor x(f32, {1});
  x.data<float>()[0] = 3;
  EXPECT_EQ(run_kernel_to_last(k, {x}).data<float>()[0], 3);
}

std::string error_of(const std::string& text) {
  const loops::Kernel k = loops::parse_kernel(text);
  std::mt19937_64 random(0);
  try {
    run_kernel(k, random_memory(k, {}, random));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(LoopsEvaluate, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(error_of("kernel k(x: f32[4], out: f32[4]) for i in 0 .. 5 out[0] = x[i]"),
            "kernel k: load of x[4]: required an index inside [4]");
  EXPECT_EQ(error_of("kernel k(x: f32[4], out: f32[4]) for i in 0 .. 5 out[i - 1] = x[0]"),
            "kernel k: store of out[-1]: required an index inside [4]");
  EXPECT_EQ(error_of("kernel k(x: f32[4], out: f32[4]) allocate t: f32[4] out[0] = t[1]"),
            "kernel k: load of t: element 1 was never written");
  EXPECT_EQ(error_of("kernel k(out: f32[4]) for i in 0 .. 2 out[floor_div(3, i)] = 1.0:f32"),
            "kernel k: floor_div of 3: required a positive divisor, got 0");
  EXPECT_EQ(
      error_of("kernel k(x: f32[4], out: f32[5]) for i in 0 .. 5 out[i] = select(less(i, 4), x[i], 0.0:f32)"),
      "");
  EXPECT_EQ(error_of("kernel k(x: f32[4], out: f32[1]) out[0] = chain add(i < 9 : x[i] if less(i, 4))"), "");
}

}  // namespace
}  // namespace tauto::testing
