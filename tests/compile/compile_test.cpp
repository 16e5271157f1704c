// Compiling: the same model gives the same bytes, and equal layers one kernel.
#include "compile/executable.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/cpu.h"

namespace tauto {
namespace {

// Four equal layers, the last of which is followed by something else.
const char* const kLayers =
    R"(func main(%0 "x": f32[5, 24], %1 "a": f32[24, 24], %2 "b": f32[24, 24]) -> ("y") {
  %3 = contract(%0, %1) {access: over {i: 5, j: 24 | k: 24} [i, k] [k, j]} : f32[5, 24]
  %4 = relu(%3) : f32[5, 24]
  %5 = contract(%4, %2) {access: over {i: 5, j: 24 | k: 24} [i, k] [k, j]} : f32[5, 24]
  %6 = relu(%5) : f32[5, 24]
  %7 = contract(%6, %1) {access: over {i: 5, j: 24 | k: 24} [i, k] [k, j]} : f32[5, 24]
  %8 = relu(%7) : f32[5, 24]
  %9 = contract(%8, %2) {access: over {i: 5, j: 24 | k: 24} [i, k] [k, j]} : f32[5, 24]
  %10 = exp(%9) : f32[5, 24]
  return %10
})";

std::shared_ptr<const Module> module_of(const std::string& functions) {
  return std::make_shared<const Module>(
      parse_module(cat("module t semantics ", kSemanticsVersion, "\n") + functions));
}

TEST(Compile, TheSameBytesEachTime) {
  const auto m = module_of(kLayers);
  const auto first = compile(m, {}), second = compile(m, {});
  ASSERT_EQ(first->code().size(), second->code().size());
  for (size_t k = 0; k < first->code().size(); ++k) {
    EXPECT_EQ(first->code().name(k), second->code().name(k));
    const auto a = first->code().code(k), b = second->code().code(k);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << first->code().name(k);
  }
}

TEST(Compile, EqualLayersShareTheirCode) {
  const auto m = module_of(kLayers);
  const auto e = compile(m, {});
  EXPECT_EQ(4u, e->functions().at("main").groups.size());
  EXPECT_EQ(2u, e->code().size());

  std::vector<Value> in;
  for (const Type& t : m->main().parameter_types()) {
    Tensor x(f32, static_shape(t));
    for (int64_t i = 0; i < x.count(); ++i)
      x.data<float>()[i] = static_cast<float>((i * 37 + 11 * x.count()) % 41 - 19) / 64;
    in.emplace_back(std::move(x));
  }
  EXPECT_TRUE(e->run(in, {}) == interpret(*m, in));
}

// A sum of nothing, 65 times: the inner sum is a constant with a name, which two accumulators begin with and every
// step reads.
TEST(Compile, ANamedConstantIsNobodysAccumulator) {
  const auto m = module_of(R"(func main(%0 "x": f64[3, 65, 0]) -> ("y") {
  %1 = f64[3] {1.0, -2.0, 3.0}
  %2 = mul(%0, %0) : f64[3, 65, 0]
  %3 = reduce_sum(%2) {axes: [1, 2], keepdims: 0} : f64[3]
  %4 = less(%3, %1) : bool[3]
  %5 = where(%4, %1, %3) : f64[3]
  return %5
})");
  for (const Isa isa : {Isa::Avx2, Isa::Avx512}) {
    if (isa == Isa::Avx512 && !this_cpu().features.avx512) continue;
    const auto e = compile(m, {.isa = isa});
    EXPECT_EQ(1u, e->functions().at("main").groups.size());
    EXPECT_TRUE(e->run({Tensor(f64, {3, 65, 0})}, {}) == interpret(*m, {Tensor(f64, {3, 65, 0})}));
  }
}

// Short rows of long chains of arithmetic are computed several at once; here there are none.
TEST(Compile, NoRowsAbreast) {
  const auto m = module_of(R"(func main(%0 "x": f32[3, 0, 7]) -> ("y") {
  %1 = asinh(%0) : f32[3, 0, 7]
  return %1
})");
  const auto e = compile(m, {.isa = Isa::Avx2});
  EXPECT_TRUE(e->run({Tensor(f32, {3, 0, 7})}, {}) == interpret(*m, {Tensor(f32, {3, 0, 7})}));
}

// Tables looked up by a byte that is computed on the way: the same in all lanes or not, lanes wide or not.
TEST(Compile, LooksUpWhatIsComputed) {
  for (const char* byte : {"u8", "i8"})
    for (const char* element : {"u8", "i8", "f32", "f64", "i64"})
      for (const Shape& shape : {Shape{5, 1}, Shape{5, 70}, Shape{1, 70}, Shape{1, 1}}) {
        const std::string dims = cat("[", shape[0], ", ", shape[1], "]");
        const auto m = module_of(cat(R"(func main(%0 "x": f32)", dims, ", %1 \"table\": ", element,
                                     "[256], %2 \"y\": ", element, R"([5, 70]) -> ("z") {
  %3 = f32[] {0.5}
  %4 = mul(%0, %3) : f32)",
                                     dims, R"(
  %5 = cast(%4) {to: )",
                                     byte, "} : ", byte, dims, R"(
  %6 = lookup(%5, %1) : )",
                                     element, dims, R"(
  %7 = add(%6, %2) : )",
                                     element, R"([5, 70]
  return %7
})"));
        std::vector<Value> in;
        for (const Type& t : m->main().parameter_types()) {
          Tensor x(t.element, static_shape(t));
          for (int64_t i = 0; i < x.bytes(); ++i)
            x.data<uint8_t>()[i] = t.element.is_float() ? uint8_t{0} : static_cast<uint8_t>(i * 37 + 11);
          for (int64_t i = 0; i < x.count(); ++i) {
            if (t.element == f32) x.data<float>()[i] = static_cast<float>((i * 37) % 500 - 250);
            if (t.element == f64) x.data<double>()[i] = static_cast<double>((i * 41) % 500 - 250);
          }
          in.emplace_back(std::move(x));
        }
        for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni}) {
          if (is_avx512(isa) && !this_cpu().features.avx512) continue;
          const auto e = compile(m, {.isa = isa});
          EXPECT_TRUE(e->run(in, {}) == interpret(*m, in))
              << byte << " " << element << dims << " " << isa_name(isa);
          EXPECT_EQ(e->functions().at("main").groups[0].group.kind, Group::Kind::Kernel);
        }
      }
}

}  // namespace
}  // namespace tauto
