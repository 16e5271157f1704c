// Contractions of bytes as dot products, and bytes stored by fours (schedule/words.h): tensor expression == scheduled loops == vector program at every
// width == machine code of every instruction set here, by bytes and by words; and proved.
#include "schedule/dots.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "codegen/generate.h"
#include "codegen/machine.h"
#include "codegen/x64/encode.h"
#include "loops/evaluate.h"
#include "schedule/words.h"
#include "support/cpu.h"
#include "support/error.h"
#include "verify/prove_kernel.h"

namespace tauto {
namespace {

using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::Order;
using loops::Reduce;

Expr var(const char* name) { return loops::variable(name); }

BufferPtr buffer(const char* name, std::vector<Dim> dims, ElementType t) {
  return loops::make_buffer(name, t, std::move(dims));
}

loops::Kernel kernel(std::vector<Axis> axes, const std::vector<BufferPtr>& buffers, std::vector<Expr> index,
                     Expr value) {
  loops::Kernel k;
  k.name = "k";
  k.buffers = buffers;
  k.body = loops::store(buffers.back(), std::move(index), std::move(value));
  for (auto a = axes.rbegin(); a != axes.rend(); ++a)
    k.body =
        loops::loop(loops::LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), k.body);
  return k;
}

// Rows of bytes times a matrix of constants, then a correction and a scale.
loops::Kernel matmul(int64_t m, int64_t k, int64_t n, bool constant_first) {
  const auto x = buffer("x", {m, k}, u8), w = buffer("w", {k, n}, i8), s = buffer("s", {n}, i32),
             y = buffer("y", {m, n}, f32);
  std::vector<Expr> operands{loops::convert(loops::load(x, {var("i"), var("k")}), i32),
                             loops::convert(loops::load(w, {var("k"), var("j")}), i32)};
  if (constant_first) std::swap(operands[0], operands[1]);
  const Expr sum = loops::reduce(Order::Blocks, Function::Fma, {{"k", k}}, operands);
  return kernel({{"i", m}, {"j", n}}, {x, w, s, y}, {var("i"), var("j")},
                loops::convert(sum - loops::load(s, {var("j")}), f32) * loops::number(f32, 0.03125));
}

// A convolution over images whose channels lie last, two groups of it.
loops::Kernel convolution(int64_t channels, int64_t filters, int64_t size, int64_t dilation, int64_t stride) {
  const int64_t out = (size - 2 * dilation - 1) / stride + 1;
  const auto x = buffer("x", {2, size, size, channels}, u8),
             w = buffer("w", {2, filters, channels, 3, 3}, i8), y = buffer("y", {2, out, out, filters}, i32);
  const Expr iy = var("y") * Expr(stride) + var("ky") * Expr(dilation),
             ix = var("x") * Expr(stride) + var("kx") * Expr(dilation);
  const Expr sum = loops::reduce(
      Order::Blocks, Function::Fma, {{"c", channels}, {"ky", 3}, {"kx", 3}},
      {loops::convert(loops::load(x, {var("g"), iy, ix, var("c")}), i32),
       loops::convert(loops::load(w, {var("g"), var("o"), var("c"), var("ky"), var("kx")}), i32)});
  return kernel({{"g", 2}, {"y", out}, {"x", out}, {"o", filters}}, {x, w, y},
                {var("g"), var("y"), var("x"), var("o")}, sum);
}

// A depthwise convolution, padded: channels lie last. x of this type, from which `zero` is taken.
loops::Kernel depthwise(int64_t channels, int64_t size, int64_t k, ElementType type, uint64_t zero) {
  const auto x = buffer("x", {size, size, channels}, type), w = buffer("w", {channels, k, k}, i8),
             y = buffer("y", {size, size, channels}, i32);
  const Expr iy = var("y") + var("ky") - Expr(k / 2), ix = var("x") + var("kx") - Expr(k / 2);
  const auto inside = [&](const Expr& i) { return both(less(Expr(int64_t{-1}), i), less(i, Expr(size))); };
  Expr a = loops::convert(loops::load(x, {iy, ix, var("c")}), i32);
  if (zero != 0) a = a - loops::literal(i32, zero);
  const Expr sum = loops::reduce(Order::Blocks, Function::Fma, {{"ky", k}, {"kx", k}},
                                 {a, loops::convert(loops::load(w, {var("c"), var("ky"), var("kx")}), i32)},
                                 both(inside(iy), inside(ix)));
  return kernel({{"y", size}, {"x", size}, {"c", channels}}, {x, w, y}, {var("y"), var("x"), var("c")}, sum);
}

// Weights of few bits.
loops::Kernel narrow(int64_t m, int64_t k, int64_t n, ElementType type) {
  const auto x = buffer("x", {m, k}, u8), w = buffer("w", {k, n}, type), y = buffer("y", {m, n}, i32);
  const Expr sum = loops::reduce(Order::Blocks, Function::Fma, {{"k", k}},
                                 {loops::convert(loops::load(x, {var("i"), var("k")}), i32),
                                  loops::convert(loops::load(w, {var("k"), var("j")}), i32)});
  return kernel({{"i", m}, {"j", n}}, {x, w, y}, {var("i"), var("j")}, sum);
}

// Rows of words against a matrix of constants: how many bits differ; then what is left of the signs' product.
loops::Kernel bits(int64_t m, int64_t k, int64_t n) {
  const auto x = buffer("x", {m, k}, i32), w = buffer("w", {k, n}, i32), y = buffer("y", {m, n}, i32);
  const Expr sum =
      loops::reduce(Order::Blocks, Function::DotBits, {{"k", k}},
                    {loops::load(x, {var("i"), var("k")}), loops::load(w, {var("k"), var("j")})});
  return kernel({{"i", m}, {"j", n}}, {x, w, y}, {var("i"), var("j")},
                loops::literal(i32, static_cast<uint64_t>(32 * k)) - sum * loops::literal(i32, 2));
}

// Three planes of pixels as bytes side by side, and a fourth of zeros.
loops::Kernel pixels(int64_t n, ElementType type) {
  const auto x = buffer("x", {3, n}, i16), y = buffer("y", {n, 4}, type);
  const Expr pixel = loops::apply(
      Function::Add, {loops::convert(loops::load(x, {var("c"), var("p")}), i32), loops::literal(i32, 3)});
  return kernel(
      {{"c", 4}, {"p", n}}, {x, y}, {var("p"), var("c")},
      select(less(var("c"), Expr(int64_t{3})), loops::convert(pixel, type), loops::literal(type, 0)));
}

using Memory = std::vector<std::vector<uint8_t>>;

// Bytes at both ends of their range are frequent: that is where instructions saturate.
Memory filled(const loops::Kernel& k, uint64_t seed) {
  std::mt19937_64 random(seed);
  Memory m;
  for (const BufferPtr& b : k.buffers) {
    std::vector<uint8_t> bytes(static_cast<size_t>(b->layout.elements.literal() * b->type.bytes()));
    static constexpr std::array<uint8_t, 6> kEnds{0, 255, 127, 128, 129, 1};
    for (uint8_t& v : bytes) {
      const uint64_t r = random();
      v = r % 2 ? kEnds[(r >> 8) % kEnds.size()] : static_cast<uint8_t>(r >> 16);
      if (b->type.bits < 8) v &= static_cast<uint8_t>(b->type.max_value());
    }
    m.push_back(std::move(bytes));
  }
  return m;
}

// The memory as the scheduled kernel gets it: constants packed.
Memory packed_memory(const loops::Kernel& k, const Scheduled& s, Memory m) {
  for (const Packing& p : s.packings) {
    Tensor t(k.buffers[p.buffer]->type, {k.buffers[p.buffer]->layout.elements.literal()});
    std::memcpy(t.raw(), m[p.buffer].data(), m[p.buffer].size());
    const Tensor now = packed(t, p);
    const auto* from = static_cast<const uint8_t*>(now.raw());
    m[p.buffer].assign(from, from + now.bytes());
  }
  return m;
}

std::vector<void*> pointers(Memory& m) {
  std::vector<void*> p;
  for (auto& b : m) p.push_back(b.data());
  return p;
}

Nest nest_of(const loops::Kernel& k) {
  Nest n = flatten(k);
  for (const BufferPtr& b : k.buffers) n.constant.push_back(b->name == "w");
  return n;
}

std::optional<Nest> dotted(const loops::Kernel& k, const Target& target) {
  const Reduce* sum = nullptr;
  each_node(nest_of(k).store.value, [&](const Expr& e) {
    if (const auto* r = e.as<Reduce>()) sum = r;
    return true;
  });
  if (!sum) return with_word_stores(nest_of(k));
  if (sum->function == Function::DotBits) return nest_of(k);
  const std::optional<Nest> n = with_dots(nest_of(k), target);
  return n ? n : with_word_products(nest_of(k));
}

// The instruction that a kernel is here for.
bool is_dot(const vec::Instr& i, const Target& t) {
  return (t.byte_dots && i.op == vec::VecOp::DotBytes) || i.op == vec::VecOp::DotWords ||
         i.op == vec::VecOp::CountBits || i.op == vec::VecOp::Shl;
}

void expect_agreement(const loops::Kernel& k, const Target& target) {
  Memory expected = filled(k, 1);
  loops::evaluate(k, pointers(expected), {});
  const std::optional<Nest> nest = dotted(k, target);
  ASSERT_TRUE(nest.has_value());
  const Plan plan = default_plan(*nest, target);
  Scheduled s;
  Generated g;
  try {
    s = schedule(*nest, plan, target);
    g = generate(s.kernel, target.lanes, target.registers);
  } catch (const NotScheduled& e) {
    FAIL() << "not scheduled: " << e.reason;
  } catch (const NotGenerated& e) {
    FAIL() << "not generated: " << e.reason << "\n" << loops::text_of(s.kernel);
  }
  const std::string what =
      cat(target.lanes, " lanes\n", text_of(plan), loops::text_of(s.kernel), vec::text_of(g.program));
  EXPECT_TRUE(std::any_of(g.program.code.begin(), g.program.code.end(), [&](const vec::Instr& i) {
    return is_dot(i, target);
  })) << what;
  ASSERT_EQ(vec::check(g.program), "") << what;
  const size_t out = k.buffers.size() - 1;
  const Memory given = packed_memory(k, s, filled(k, 1));
  Memory got = given;
  loops::evaluate(s.kernel, pointers(got), {});
  EXPECT_TRUE(got[out] == expected[out]) << "scheduled loops\n" << what;
  got = given;
  std::vector<uint64_t> arguments;
  for (void* p : pointers(got)) arguments.push_back(reinterpret_cast<uint64_t>(p));
  std::vector<uint64_t> rest{static_cast<uint64_t>(g.parallel_from.literal()),
                             static_cast<uint64_t>(g.parallel_to.literal())};
  std::vector<uint8_t> workspace(static_cast<size_t>(g.workspace.literal()) + 64);
  rest.push_back((reinterpret_cast<uint64_t>(workspace.data()) + 63) / 64 * 64);
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  vec::evaluate(g.program, arguments.data());
  EXPECT_TRUE(got[out] == expected[out]) << "vector program\n" << what;
  // Machine code between forbidden pages. Programs for either sort of target run on all of them.
  for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni}) {
    if (is_avx512(isa) && !this_cpu().features.avx512) continue;
    if (target.lanes != (is_avx512(isa) ? 16 : 8)) continue;
    const auto is_long = [](vec::Lane l) { return vec::bytes_of(l) == 8; };
    if (std::any_of(g.program.vectors.begin(), g.program.vectors.end(), is_long)) ADD_FAILURE() << what;
    const testing::Machine machine(vec::encode(g.program, vec::x64_features_of(isa)));
    for (const bool at_end : {true, false}) {
      std::vector<testing::Guarded> guarded;
      std::vector<uint64_t> values;
      for (const auto& bytes : given) {
        guarded.emplace_back(bytes.size(), at_end);
        std::memcpy(guarded.back().data(), bytes.data(), bytes.size());
        values.push_back(guarded.back().address());
      }
      values.insert(values.end(), rest.begin(), rest.end());
      std::vector<uint8_t> scratch(static_cast<size_t>(vec::caller_scratch(g.program)) + 64);
      machine.call(values.data(),
                   reinterpret_cast<void*>((reinterpret_cast<uint64_t>(scratch.data()) + 63) / 64 * 64));
      EXPECT_EQ(std::memcmp(guarded[out].data(), expected[out].data(), expected[out].size()), 0)
          << "machine code, " << isa_name(isa) << "\n"
          << what;
    }
  }
}

void expect_agreement_at_all_widths(const loops::Kernel& k) {
  for (const bool byte_dots : {true, false})
    for (const int lanes : {4, 8, 16, 32, 64}) {
      Target t{lanes, lanes >= 16 ? 32 : 16};
      t.byte_dots = byte_dots;
      expect_agreement(k, t);
    }
}

TEST(Dots, MatrixProductsAgreeAtAllWidths) {
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 4, 2}, {1, 64, 33}, {2, 4, 5}, {7, 20, 16}, {9, 260, 70}, {31, 8, 130}, {3, 516, 1000}}) {
    SCOPED_TRACE(cat(m, " x ", k, " x ", n));
    expect_agreement_at_all_widths(matmul(m, k, n, m % 2 == 0));
  }
}

TEST(Dots, ConvolutionsAgreeAtAllWidths) {
  for (const auto& [c, o, size, dilation, stride] : std::vector<std::array<int64_t, 5>>{
           {4, 3, 5, 1, 1}, {16, 16, 9, 1, 1}, {20, 33, 8, 1, 2}, {8, 64, 11, 2, 1}}) {
    SCOPED_TRACE(cat(c, " channels, ", o, " filters, size ", size, ", dilation ", dilation));
    expect_agreement_at_all_widths(convolution(c, o, size, dilation, stride));
  }
}

TEST(Dots, DepthwiseConvolutionsAgreeAtAllWidths) {
  for (const auto& [channels, size, k] :
       std::vector<std::array<int64_t, 3>>{{16, 7, 3}, {21, 6, 5}, {64, 9, 3}, {3, 5, 3}})
    for (const auto& [type, zero] :
         std::vector<std::pair<ElementType, uint64_t>>{{u8, 0}, {u8, 255}, {i8, 0}, {i8, 127}}) {
      SCOPED_TRACE(cat(channels, " channels, size ", size, ", ", type, " - ", zero));
      expect_agreement_at_all_widths(depthwise(channels, size, k, type, zero));
    }
}

TEST(Dots, BitsAgreeAtAllWidths) {
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 2}, {1, 25, 64}, {2, 2, 5}, {7, 3, 16}, {9, 33, 70}, {5, 200, 33}}) {
    SCOPED_TRACE(cat(m, " x ", k, " x ", n));
    expect_agreement_at_all_widths(bits(m, k, n));
  }
}

TEST(Dots, WeightsOfFewBitsAgreeAtAllWidths) {
  for (const ElementType type : {u4, u2})
    for (const auto& [m, k, n] :
         std::vector<std::array<int64_t, 3>>{{1, 16, 2}, {1, 64, 33}, {3, 48, 70}, {1, 528, 130}}) {
      SCOPED_TRACE(cat(type, " ", m, " x ", k, " x ", n));
      expect_agreement_at_all_widths(narrow(m, k, n, type));
    }
}

TEST(Words, StoresAgreeAtAllWidths) {
  for (const ElementType type : {u8, i8})
    for (const int64_t n : {1, 3, 16, 70, 1000}) {
      SCOPED_TRACE(cat(type, " ", n));
      if (n > 1)
        expect_agreement_at_all_widths(pixels(n, type));
      else
        EXPECT_FALSE(with_word_stores(nest_of(pixels(n, type))).has_value());
    }
}

TEST(Dots, AreProved) {
  for (const bool byte_dots : {true, false})
    for (const loops::Kernel& k :
         {matmul(5, 20, 21, false), convolution(8, 5, 6, 1, 1), depthwise(16, 7, 3, u8, 0),
          depthwise(16, 7, 3, u8, 9), depthwise(21, 6, 5, i8, 9), bits(3, 5, 21), bits(1, 25, 40),
          narrow(1, 32, 21, u4), narrow(1, 32, 21, u2), pixels(21, u8), pixels(21, i8)}) {
      Target t{8, 16};
      t.byte_dots = byte_dots;
      const std::optional<Nest> nest = dotted(k, t);
      ASSERT_TRUE(nest.has_value());
      const Scheduled s = schedule(*nest, default_plan(*nest, t), t);
      Generated g = generate(s.kernel, t.lanes, t.registers);
      const proof::Proof p = proof::prove_kernel(k, s, g, {});
      EXPECT_EQ(p.verdict, proof::Proof::Verdict::Proved) << p.reason << "\n" << vec::text_of(g.program);
      // And what is wrong is not: bytes with a sign for those without, words for a sum, two bytes as one.
      for (vec::Instr& i : g.program.code)
        if (is_dot(i, t)) {
          if (i.op == vec::VecOp::Shl)
            i.immediate += 8;
          else if (i.op == vec::VecOp::CountBits)
            i.op = vec::VecOp::MoveV;
          else
            std::swap(i.operand[0], i.operand[i.op == vec::VecOp::DotBytes ? 1 : 2]);
          break;
        }
      EXPECT_NE(proof::prove_kernel(k, s, g, {}).verdict, proof::Proof::Verdict::Proved);
    }
}

// Terms that do not lie side by side, that are no whole steps, that are words or not constant.
TEST(Dots, OtherContractionsStayAsTheyAre) {
  const auto nest = [](ElementType x_type, ElementType w_type, int64_t k, bool transposed, bool constant) {
    const auto x = buffer("x", transposed ? std::vector<Dim>{k, 5} : std::vector<Dim>{5, k}, x_type),
               w = buffer(constant ? "w" : "v", {k, 6}, w_type), y = buffer("y", {5, 6}, i32);
    const Expr sum =
        loops::reduce(Order::Blocks, Function::Fma, {{"k", k}},
                      {loops::convert(loops::load(x, transposed ? std::vector<Expr>{var("k"), var("i")}
                                                                : std::vector<Expr>{var("i"), var("k")}),
                                      i32),
                       loops::convert(loops::load(w, {var("k"), var("j")}), i32)});
    return with_dots(nest_of(kernel({{"i", 5}, {"j", 6}}, {x, w, y}, {var("i"), var("j")}, sum)), {16, 32});
  };
  EXPECT_TRUE(nest(u8, i8, 8, false, true).has_value());
  EXPECT_FALSE(nest(u8, i8, 8, true, true).has_value());
  EXPECT_FALSE(nest(u8, i8, 7, false, true).has_value());
  EXPECT_FALSE(nest(i8, i8, 8, false, true).has_value());
  EXPECT_FALSE(nest(u8, u8, 8, false, true).has_value());
  EXPECT_FALSE(nest(u8, i16, 8, false, true).has_value());
  EXPECT_FALSE(nest(u8, i8, 8, false, false).has_value());
}

// What may not fit into words is no product of words.
TEST(Dots, WordsOnlyWhereTheyFit) {
  EXPECT_TRUE(with_word_products(nest_of(depthwise(16, 7, 3, i8, 32640))).has_value());
  EXPECT_FALSE(with_word_products(nest_of(depthwise(16, 7, 3, i8, 32641))).has_value());
  EXPECT_TRUE(with_word_products(nest_of(depthwise(16, 7, 3, i16, 0))).has_value());
  EXPECT_FALSE(with_word_products(nest_of(depthwise(16, 7, 3, u16, 0))).has_value());
  EXPECT_FALSE(with_word_products(nest_of(depthwise(16, 7, 3, u16, 1))).has_value());
  EXPECT_TRUE(with_word_products(nest_of(depthwise(16, 7, 3, u16, 32768))).has_value());
}

}  // namespace
}  // namespace tauto
