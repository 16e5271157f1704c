// bf16.dp: the interpreter against a walk over the terms as docs/semantics.md says, compiled == interpreted with the
// instruction and without, proofs, and the instruction itself.
#include "passes/bf16_products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "compile/on_every_isa.h"
#include "compile/stages.h"
#include "interpret/interpret.h"
#include "loops/arithmetic.h"
#include "ops/ops.h"
#include "support/cpu.h"
#include "support/error.h"
#include "verify/prove_executable.h"

namespace tauto {
namespace {

constexpr uint32_t kSeed = 1;

AxisIndex at(int axis, int64_t coefficient = 1, int64_t offset = 0) {
  return {{{axis, Dim(coefficient)}}, Dim(offset), 1};
}

// Mostly ordinary numbers; with `special` also what overflows, vanishes or is none.
Tensor drawn(std::mt19937& random, const std::vector<int64_t>& shape, bool special) {
  Tensor t(f32, shape);
  for (int64_t i = 0; i < t.count(); ++i) {
    float v = std::normal_distribution<float>()(random);
    if (special) switch (random() % 24) {
        case 0:
          v = std::ldexp(v, -130);
          break;
        case 1:
          v = std::ldexp(v, -63);
          break;
        case 2:
          v = std::ldexp(v, 62);
          break;
        case 3:
          v = -0.0f;
          break;
        case 4:
          v = random() % 40 ? 0.0f : std::numeric_limits<float>::infinity();
          break;
        default:
          v = std::ldexp(v, -62);
          break;
      }
    t.data<float>()[i] = v;
  }
  return t;
}

struct Layer {
  std::vector<int64_t> x, w;  // (N, C, H, W), (O, C / groups, KH, KW); or (M, K), (K, N)
  int64_t stride = 1, pad = 0, groups = 1;
  bool transposed = false;
};

Access access_of(const Layer& c) {
  Access a;
  if (c.x.size() == 2) {
    a.axes = {"m", "n", "k"};
    a.extents = {c.x[0], c.w[1], c.x[1]};
    a.outputs = 2;
    a.operands = {{at(0), at(2)}, {at(2), at(1)}};
    return a;
  }
  const auto out = [&](int64_t size, int64_t k) {
    return c.transposed ? (size - 1) * c.stride + k - 2 * c.pad : (size + 2 * c.pad - k) / c.stride + 1;
  };
  a.axes = {"n", "g", "o", "y", "x", "c", "ky", "kx"};
  a.extents = {c.x[0], c.groups, c.w[0] / c.groups, out(c.x[2], c.w[2]), out(c.x[3], c.w[3]), c.w[1],
               c.w[2], c.w[3]};
  a.outputs = 5;
  const auto window = [&](int y, int k) {
    if (c.transposed) return AxisIndex{{{y, Dim(1)}, {k, Dim(-1)}}, Dim(c.pad), c.stride};
    return AxisIndex{{{y, Dim(c.stride)}, {k, Dim(1)}}, Dim(-c.pad), 1};
  };
  AxisIndex channel = at(5), filter = at(2);
  if (c.groups > 1) {
    channel.terms.push_back({1, Dim(c.w[1])});
    filter.terms.push_back({1, Dim(c.w[0] / c.groups)});
  }
  a.operands = {{at(0), channel, window(3, 6), window(4, 7)}, {filter, at(5), at(6), at(7)}};
  return a;
}

// A layer between two others' elementwise steps, so that operands lie as kernels lay them.
std::shared_ptr<const Module> module_of(const Layer& c, const Tensor& w) {
  auto m = std::make_shared<Module>();
  Builder b(*m, "main");
  const Id x = b.parameter("x", Type::tensor(f32, Dims(c.x.begin(), c.x.end())));
  const Id y = bf16_product(b, access_of(c), b.add(ops::neg, {x}), w);
  EXPECT_GE(y, 0);
  b.finish({b.add(ops::add, {y, b.scalar(0.25f)})}, {"y"});
  return m;
}

bool has(const Executable& e, vec::VecOp op) {
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups)
      if (g.built)
        for (const vec::Instr& i : g.built->generated.program.code)
          if (i.op == op) return true;
  return false;
}

void expect_same_bits(const Layer& c, std::mt19937& random) {
  for (const bool special : {false, true}) {
    const Tensor w = drawn(random, c.w, special);
    const auto m = module_of(c, w);
    testing::expect_interpreted(m, {drawn(random, c.x, special)}, [&](const Executable& e, Isa isa) {
      EXPECT_EQ(has(e, vec::VecOp::DotPairs), has_bf16(isa, this_cpu().features)) << isa_name(isa);
      EXPECT_TRUE(has(e, vec::VecOp::DotPairs) || has(e, vec::VecOp::FmaFlush)) << isa_name(isa);
    });
  }
}

TEST(Bf16Products, ConvolutionsAreTheInterpreters) {
  std::mt19937 random(kSeed);
  const std::vector<Layer> layers{
      {{1, 16, 9, 11}, {32, 16, 3, 3}, 1, 1},
      {{2, 32, 8, 7}, {16, 32, 3, 3}, 2, 1},
      {{1, 3, 13, 11}, {16, 3, 3, 3}, 2, 0},
      {{1, 64, 6, 6}, {48, 64, 1, 1}},
      {{1, 24, 7, 9}, {40, 24, 3, 3}, 1, 1},
      {{1, 10, 7, 9}, {24, 10, 2, 3}},
      {{1, 32, 8, 7}, {16, 16, 3, 3}, 1, 1, 2},
      {{1, 160, 5, 5}, {16, 160, 3, 3}, 1, 1},
      {{1, 16, 5, 37}, {8, 16, 1, 3}, 1, 0},
      {{1, 3, 14, 16}, {16, 3, 3, 3}, 2, 1},
      {{2, 3, 17, 15}, {24, 3, 7, 7}, 2, 3},
      {{1, 1, 9, 18}, {8, 1, 4, 4}, 2, 1},
      {{1, 16, 5, 6}, {16, 16, 1, 2}},
      {{1, 24, 5, 6}, {24, 24, 2, 2}, 2, 0, 1, true},
      {{1, 16, 4, 7}, {16, 16, 3, 3}, 2, 1, 1, true},
  };
  for (const Layer& c : layers) {
    SCOPED_TRACE(cat(Dims(c.x.begin(), c.x.end()), " ", Dims(c.w.begin(), c.w.end()), " groups ", c.groups));
    expect_same_bits(c, random);
  }
}

TEST(Bf16Products, MatrixProductsAreTheInterpreters) {
  std::mt19937 random(kSeed);
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 512, 40}, {9, 36, 40}, {7, 33, 16}, {20, 128, 8}, {3, 300, 17}}) {
    SCOPED_TRACE(cat(m, "x", k, "x", n));
    expect_same_bits({{m, k}, {k, n}}, random);
  }
}

// The definition by hand: pairs, the second first; 64 of them (128 terms) are a block.
TEST(Bf16Products, ProductsAreChainsOfPairs) {
  std::mt19937 random(kSeed);
  for (const int64_t k : {2, 7, 128, 130, 300}) {
    const Layer c{{3, k}, {k, 9}};
    const Tensor x = drawn(random, c.x, true), w = drawn(random, c.w, true);
    Module m;
    Builder b(m, "main");
    b.finish({bf16_product(b, access_of(c), b.parameter("x", Type::tensor(f32, {3, k})), w)}, {"y"});
    const Tensor got = interpret(m, {x})[0].tensor;
    const auto narrow = [](float v) { return static_cast<float>(BFloat(v)); };
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 9; ++j) {
        float sum = 0;
        for (int64_t block = 0; block < k; block += 128) {
          float acc = 0;
          for (int64_t p = block; p < std::min(block + 128, k); p += 2)
            for (const int64_t t : {p + 1, p}) {
              if (t >= k) continue;  // filled up with zeros
              acc = loops::fma_flush(narrow(x.data<float>()[i * k + t]), narrow(w.data<float>()[t * 9 + j]),
                                     acc);
            }
          sum += acc;
        }
        const float have = got.data<float>()[i * 9 + j];
        EXPECT_TRUE(have == sum || (have != have && sum != sum)) << k << ": " << have << ", " << sum;
      }
  }
}

// One column of weights does not fill the lanes, and depthwise channels have no terms side by side.
TEST(Bf16Products, SaysWhyNot) {
  EXPECT_EQ(no_pairs(access_of({{1, 16, 6, 6}, {4, 16, 3, 3}})),
            "fewer than 8 of its results differ in their weights");
  EXPECT_EQ(no_pairs(access_of({{1, 16, 6, 6}, {16, 1, 3, 3}, 1, 1, 16})),
            "no axis of its sums can be walked in pairs");
  EXPECT_EQ(no_pairs(access_of({{1, 16, 6, 6}, {16, 1, 3, 3}, 2, 1, 16})),
            "no axis of its sums can be walked in pairs");
  EXPECT_EQ(no_pairs(access_of({{1, 3, 6, 6}, {16, 3, 3, 3}, 2, 1})), "");
}

// Beside the least normal number, where a denormal rounding would be another.
TEST(Bf16Products, TinyResultsAreRoundedBeforeTheyAreFlushed) {
  const float least = 0x1p-126f;
  EXPECT_EQ(loops::fma_flush(-0x1p-75f, 0x1p-76f, least), least);   // half a unit: to even
  EXPECT_EQ(loops::fma_flush(-0x1.8p-75f, 0x1p-76f, least), 0.0f);  // ¾ of one: below the least
  EXPECT_EQ(std::fma(-0x1.8p-75f, 0x1p-76f, least), least);         // denormals round up
  EXPECT_EQ(loops::fma_flush(0x1p-127f, 0x1p100f, 1.0f), 1.0f);     // a denormal operand is zero
  EXPECT_TRUE(std::signbit(loops::fma_flush(-0x1p-127f, 1.0f, -0.0f)));
  EXPECT_EQ(loops::fma_flush(0x1p120f, 0x1p-126f, 0x1p-130f), 0x1p-6f);
  EXPECT_TRUE(std::isinf(loops::fma_flush(0x1p120f, 0x1p20f, 1.0f)));
  EXPECT_TRUE(std::isnan(loops::fma_flush(std::numeric_limits<float>::infinity(), 0x1p-127f, 1.0f)));
}

TEST(Bf16Products, KernelsAreProved) {
  std::mt19937 random(kSeed);
  for (const Layer& c : {Layer{{1, 16, 6, 5}, {16, 16, 3, 3}, 1, 1}, Layer{{3, 64}, {64, 16}}})
    for (const Isa isa : {Isa::Avx2, Isa::Avx512}) {
      if (is_avx512(isa) && !this_cpu().features.avx512) continue;
      CompileOptions options;
      options.isa = isa;
      const auto e = compile(module_of(c, drawn(random, c.w, false)), options);
      Profile run;
      ExecuteOptions how;
      how.profile = &run;
      e->run({drawn(random, c.x, false)}, how);
      for (const proof::KernelProof& k :
           proof::prove_kernels(*e, run, [](const std::string&) { return true; })) {
        EXPECT_LE(k.proof.verdict, proof::Proof::Verdict::ProvedOnShapes)
            << isa_name(isa) << ", " << k.name << ": " << k.proof.reason;
        EXPECT_EQ(k.compared.differs, "");
      }
    }
}

}  // namespace
}  // namespace tauto
