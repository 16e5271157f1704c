// Scales instead of divisions: the comparison beside the borders decides for all values, and quantizers are the
// interpreter's on every instruction set.
#include "passes/requantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "compile/executable.h"
#include "compile/stages.h"
#include "graph/builder.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "ops/ops.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto {
namespace {

constexpr uint32_t kSeed = 1;

float scale_of(std::mt19937& random, double from, double to) {
  return static_cast<float>(std::exp(std::uniform_real_distribution<>(std::log(from), std::log(to))(random)));
}

// All accumulators that give different bytes, and some beyond: the answer is theirs.
TEST(Requantize, BordersDecideForAllAccumulators) {
  std::mt19937 random(kSeed);
  int yes = 0, no = 0;
  for (int i = 0; i < 300; ++i) {
    const float s = scale_of(random, 1e-3, 1e-1), m = s * scale_of(random, 1e-3, 1e-1);
    const int32_t zero = static_cast<int32_t>(random() % 256);
    const ByteRange bytes{0, 255, zero};
    float product = static_cast<float>(double{m} / double{s});
    if (i % 3 == 1) product = std::nextafterf(product, 1);
    if (i % 7 == 0) product *= 1.0001f;
    const auto byte = [&](float v) {
      return std::min(255.0f, std::max(0.0f, std::nearbyintf(v) + static_cast<float>(zero)));
    };
    const auto reach = static_cast<int32_t>(260 * s / m) + 2;
    bool same = true;
    for (int32_t acc = -reach; same && acc <= reach; ++acc) {
      const auto x = static_cast<float>(acc);
      same = byte(x * m / s) == byte(x * product);
    }
    EXPECT_EQ(is_same_product(m, s, product, bytes), same)
        << i << ": " << m << " / " << s << ", seed " << kSeed;
    ++(same ? yes : no);
  }
  EXPECT_GT(yes, 30);
  EXPECT_GT(no, 30);
}

// The same with a sum.
TEST(Requantize, BordersDecideForAllSums) {
  std::mt19937 random(kSeed);
  int yes = 0, no = 0;
  for (int i = 0; i < 300; ++i) {
    const float s = scale_of(random, 1e-3, 1e-1), m = s * scale_of(random, 1e-3, 1e-1),
                b = s * static_cast<float>(static_cast<int>(random() % 4000) - 2000) * 0.1f;
    const ByteRange bytes{0, 255, static_cast<int32_t>(random() % 256)};
    Affine32 now{static_cast<float>(double{m} / double{s}), static_cast<float>(double{b} / double{s})};
    if (i % 3 == 1) now.factor = std::nextafterf(now.factor, 1);
    if (i % 7 == 0) now.factor *= 1.0001f;
    if (i % 11 == 0) now.added += 0.001f;
    const auto byte = [&](float v) {
      return std::min(255.0f, std::max(0.0f, std::nearbyintf(v) + static_cast<float>(bytes.zero)));
    };
    const auto reach = static_cast<int32_t>((260 + 200) * s / m) + 2;
    bool same = true;
    for (int32_t acc = -reach; same && acc <= reach; ++acc) {
      const auto x = static_cast<float>(acc);
      same = byte((x * m + b) / s) == byte(std::fmaf(x, now.factor, now.added));
    }
    EXPECT_EQ(is_same_sum({m, b}, s, now, bytes), same) << i << ": " << m << ", " << b << " / " << s;
    ++(same ? yes : no);
  }
  EXPECT_GT(yes, 30);
  EXPECT_GT(no, 30);
}

// All floats of two binades, which stand for all others: where it says yes, the quotient gives the same bytes.
TEST(Requantize, BordersDecideForAllFloats) {
  std::mt19937 random(kSeed);
  int plain = 0;
  for (const float s : {0.5f, 0.0148f, 1.0705882f, 0.3f, 7.7f, 0x1.fffff2p-3f}) {
    const ByteRange bytes{-128, 127, 3};
    plain += is_same_quotient(s, bytes, false);
    ASSERT_TRUE(is_same_quotient(s, bytes, true)) << s;
    float r = static_cast<float>(1.0 / double{s});  // below 1 / s
    if (double{r} >= 1.0 / double{s}) r = std::nextafterf(r, 0);
    const auto rest = static_cast<float>(1.0 / double{s} - double{r});
    ASSERT_GT(rest, 0);
    for (int octave = -2; octave <= 8; ++octave) {
      float x = std::ldexp(s, octave);
      const float end = 2 * x;
      for (const auto step = static_cast<int>(random() % 7 + 60); x < end;) {
        ASSERT_EQ(std::nearbyintf(x / s), std::nearbyintf(std::fmaf(x, r, x * rest))) << x << " / " << s;
        uint32_t bits;
        __builtin_memcpy(&bits, &x, 4);
        bits += static_cast<uint32_t>(step);
        __builtin_memcpy(&x, &bits, 4);
      }
    }
  }
  EXPECT_GE(plain, 1);  // of a power of two
  EXPECT_FALSE(
      is_same_quotient(0x1.fffffep-3f, {-128, 127, 3}, true));  // a quotient beside the middle of two floats
  EXPECT_FALSE(is_same_quotient(-1, {0, 255, 0}, true));
  EXPECT_FALSE(is_same_quotient(0, {0, 255, 0}, true));
  EXPECT_FALSE(is_same_quotient(std::numeric_limits<float>::infinity(), {0, 255, 0}, true));
}

struct Made {
  std::shared_ptr<Module> module = std::make_shared<Module>();
  std::vector<Value> inputs;
};

Id quantized(Builder& b, Id x, float scale, int zero, ElementType to) {
  const Id q = b.add(ops::round, {b.add(ops::div, {x, b.scalar(scale)})});
  return b.add(ops::cast, {b.add(ops::add, {q, b.scalar(static_cast<float>(zero))})}, {{"to", to}});
}
Id dequantized(Builder& b, Id q, float scale, int zero) {
  const Id i = b.add(ops::sub, {b.add(ops::cast, {q}, {{"to", i32}}), b.scalar<int32_t>(zero)});
  return b.add(ops::mul, {b.add(ops::cast, {i}, {{"to", f32}}), b.scalar(scale)});
}

size_t divisions(const Module& m) {
  size_t n = 0;
  for (const Node& node : m.functions.at("main")->nodes) n += node.op == &ops::div;
  return n;
}

void expect_interpreters(const Made& made) {
  const auto expected = interpret(*made.module, made.inputs);
  const auto rewritten = interpret(requantize(*made.module), made.inputs);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(content_hash(rewritten[i].tensor), content_hash(expected[i].tensor)) << i;
  for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni}) {
    if (is_avx512(isa) && !this_cpu().features.avx512) continue;
    CompileOptions options;
    options.isa = isa;
    const auto got = compile(made.module, options)->run(made.inputs, {});
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_EQ(content_hash(got[i].tensor), content_hash(expected[i].tensor)) << isa_name(isa) << ", " << i;
  }
}

// acc · m per channel, requantized; read back, added to another quantized value, and quantized again.
TEST(Requantize, SumsOfQuantizedValuesAreTheInterpreters) {
  std::mt19937 random(kSeed);
  for (const ElementType to : {u8, i8})
    for (const bool one_channel : {false, true}) {
      const int64_t channels = one_channel ? 1 : 19;
      const float s = scale_of(random, 1e-2, 1e-1), t = scale_of(random, 1e-2, 1e-1);
      const int zero = to == u8 ? 106 : -3;
      Made made;
      Builder b(*made.module, "main");
      const Id acc = b.parameter("acc", Type::tensor(i32, {64, channels}));
      const Id other = b.parameter("other", Type::tensor(to, {64, channels}));
      Tensor m(f32, {channels});
      for (int64_t i = 0; i < m.count(); ++i) m.data<float>()[i] = s * scale_of(random, 1e-4, 1e-2);
      const Id y =
          quantized(b, b.add(ops::mul, {b.add(ops::cast, {acc}, {{"to", f32}}), b.constant(m)}), s, zero, to);
      Tensor bias(f32, {1, channels});
      for (int64_t i = 0; i < bias.count(); ++i)
        bias.data<float>()[i] = s * static_cast<float>(static_cast<int>(random() % 90) - 40);
      const Id with_bias = quantized(
          b,
          b.add(ops::add,
                {b.add(ops::mul, {b.add(ops::cast, {acc}, {{"to", f32}}), b.constant(m)}), b.constant(bias)}),
          s, zero, to);
      const Id sum = b.add(ops::add, {dequantized(b, y, s, zero), dequantized(b, other, t, 0)});
      b.finish(
          {quantized(b, sum, 1.7f * s, zero, to), quantized(b, b.add(ops::relu, {sum}), s, 0, to), with_bias},
          {"a", "b", "c"});
      Tensor in(i32, {64, channels}), bytes(to, {64, channels});
      for (int64_t i = 0; i < in.count(); ++i) {
        const auto border = static_cast<double>(random() % 255) - zero + 0.5;
        const float each = m.data<float>()[i % channels];
        in.data<int32_t>()[i] =
            i % 16 == 0   ? std::numeric_limits<int32_t>::min() + static_cast<int32_t>(random() % 9)
            : i % 16 == 1 ? std::numeric_limits<int32_t>::max() - static_cast<int32_t>(random() % 9)
                          : static_cast<int32_t>(border * double{s} / double{each}) + 1 -
                                static_cast<int32_t>(random() % 3);
        static_cast<uint8_t*>(bytes.raw())[i] = static_cast<uint8_t>(random());
      }
      made.inputs = {in, bytes};
      EXPECT_LT(divisions(requantize(*made.module)), divisions(*made.module));
      expect_interpreters(made);
    }
}

// Floats that may be anything: no division is left, and the bytes of all of them are the definition's.
TEST(Requantize, AnyFloatIsQuantizedAsDefined) {
  std::mt19937 random(kSeed);
  for (const ElementType to : {u8, i8})
    for (const int zero : {0, 1, 114, 255}) {
      if (to == i8 && zero > 127) continue;
      Made made;
      Builder b(*made.module, "main");
      const Id x = b.parameter("x", Type::tensor(f32, {96}));
      const Id q = quantized(b, x, 0.25f, zero, to), small = quantized(b, x, 0.0148f, zero, to);
      b.finish({q, dequantized(b, quantized(b, x, 1.0705882f, zero, to), 0.3f, zero), small,
                quantized(b, x, 3.9e-7f, zero, to), quantized(b, x, 7e11f, zero, to)},
               {"q", "back", "small", "tiny", "huge"});
      Tensor in(f32, {96});
      const float inf = std::numeric_limits<float>::infinity();
      const float special[] = {0.0f,        -0.0f,   inf,   -inf,   std::numeric_limits<float>::quiet_NaN(),
                               1e-45f,      -1e-45f, 3e38f, -3e38f, 8388608.0f,
                               -8388609.0f, 1e10f,   1e35f, -1e36f, 1e-38f};
      for (int64_t i = 0; i < in.count(); ++i)
        in.data<float>()[i] =
            i < 15 ? special[i] : 0.125f * static_cast<float>(static_cast<int>(random() % 2400) - 1200);
      made.inputs = {in};
      EXPECT_EQ(divisions(requantize(*made.module)), 0u);
      expect_interpreters(made);
    }
}

}  // namespace
}  // namespace tauto
