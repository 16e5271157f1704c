// Faults: each kind can be made, changes bits, is made again by the same seed, and leaves nothing behind.
#include "compile/faults.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/error.h"

namespace tauto {
namespace {

Tensor floats(Shape shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>(static_cast<int64_t>(random() % 20001) - 10000) / 5120;
  return t;
}

struct Program {
  std::shared_ptr<const Module> module;
  std::vector<Value> inputs;
};

Program program(const std::string& functions, std::vector<Value> inputs,
                const std::vector<Tensor>& constants) {
  std::string text = cat("module faults semantics ", kSemanticsVersion, "\n"), side;
  for (size_t i = 0; i < constants.size(); ++i) {
    text += cat("const @c", i, " : ", type_of(constants[i]), " sha256:", content_hash(constants[i]), "\n");
    side.resize((side.size() + 63) / 64 * 64);
    side.append(static_cast<const char*>(constants[i].raw()), static_cast<size_t>(constants[i].bytes()));
  }
  return {std::make_shared<const Module>(parse_module(text + functions, side)), std::move(inputs)};
}

// Convolutions with padding, biases and activations; long sums; a tail of lanes; a row and its sums; 8 bits.
const std::vector<Program>& programs() {
  static const std::vector<Program> all{
      program(R"(
func main(%0 "x": f32[1, 3, 9, 7]) -> ("y") {
  %1 = @c0
  %2 = @c1
  %3 = @c2
  %4 = contract(%0, %1) {access: over {n: 1, o: 32, y0: 9, y1: 7 | c: 3, k0: 3, k1: 3} [n, c, k0 + y0 - 1, k1 + y1 - 1] [o, c, k0, k1]} : f32[1, 32, 9, 7]
  %5 = add(%4, %3) : f32[1, 32, 9, 7]
  %6 = relu(%5) : f32[1, 32, 9, 7]
  %7 = contract(%6, %2) {access: over {n: 1, o: 32, y0: 9, y1: 7 | c: 32, k0: 3, k1: 3} [n, c, k0 + y0 - 1, k1 + y1 - 1] [o, c, k0, k1]} : f32[1, 32, 9, 7]
  %8 = add(%7, %6) : f32[1, 32, 9, 7]
  %9 = mul(%8, %3) : f32[1, 32, 9, 7]
  %10 = sigmoid(%9) : f32[1, 32, 9, 7]
  %11 = reduce_sum(%10) {axes: [2, 3], keepdims: 0} : f32[1, 32]
  return %11
}
)",
              {floats({1, 3, 9, 7}, 1)},
              {floats({32, 3, 3, 3}, 2), floats({32, 32, 3, 3}, 3), floats({1, 32, 1, 1}, 4)}),
      program(R"(
func main(%0 "x": f32[37, 301]) -> ("y") {
  %1 = @c0
  %2 = @c1
  %3 = contract(%0, %1) {access: over {i: 37, j: 45 | k: 301} [i, k] [k, j]} : f32[37, 45]
  %4 = add(%3, %2) : f32[37, 45]
  %5 = mul(%4, %2) : f32[37, 45]
  %6 = tanh(%5) : f32[37, 45]
  %7 = reduce_max(%6) {axes: [1], keepdims: 1} : f32[37, 1]
  %8 = sub(%6, %7) : f32[37, 45]
  %9 = exp(%8) : f32[37, 45]
  %10 = reduce_sum(%9) {axes: [1], keepdims: 1} : f32[37, 1]
  %11 = div(%9, %10) : f32[37, 45]
  %12 = f32[] {20.0}
  %13 = mul(%11, %12) : f32[37, 45]
  %14 = round(%13) : f32[37, 45]
  %15 = transpose(%14) {perm: [1, 0]} : f32[45, 37]
  %16 = sin(%15) : f32[45, 37]
  %17 = add(%16, %15) : f32[45, 37]
  return %17
}
)",
              {floats({37, 301}, 5)}, {floats({301, 45}, 6), floats({45}, 7)})};
  return all;
}

bool makes_a_difference(const Program& p, const Fault& f) {
  CompileOptions options;
  const std::vector<Value> want = interpret(*p.module, p.inputs);
  for (const Isa isa : {Isa::Avx2, Isa::Avx512}) {
    if (isa == Isa::Avx512 && !this_cpu().features.avx512) continue;
    options.isa = isa;
    try {
      options.fault = &f;
      const auto e = compile(p.module, options), again = compile(p.module, options);
      EXPECT_EQ(e->fault()->what, again->fault()->what);
      EXPECT_EQ(e->fault()->kernel, again->fault()->kernel);
      if (e->run(p.inputs, {}) == want) continue;
    } catch (const Error& none) {
      EXPECT_NE(std::string(none.what()).find("a place for it"), std::string::npos) << none.what();
      continue;
    }
    options.fault = nullptr;
    const auto clean = compile(p.module, options);
    EXPECT_EQ(clean->fault(), nullptr);
    EXPECT_TRUE(clean->run(p.inputs, {}) == want);
    return true;
  }
  return false;
}

TEST(Faults, OfEachKindChangeBits) {
  ASSERT_GE(all_faults().size(), 30u);
  size_t below = 0;
  for (const FaultKind kind : all_faults()) {
    const std::string stage = stage_of(kind);
    below += stage != "lowering" && stage != "schedule";
    EXPECT_EQ(fault_named(text_of(kind)), kind);
    bool differs = false;
    for (uint64_t seed = 0; seed < 12 && !differs; ++seed)
      for (const Program& p : programs()) differs = differs || makes_a_difference(p, {kind, seed, {}});
    EXPECT_TRUE(differs) << text_of(kind);
  }
  EXPECT_GE(2 * below, all_faults().size());
}

TEST(Faults, LieInGroupsThatARunComesTo) {
  const Program& p = programs()[0];
  const auto e = compile(p.module, {});
  GroupNames among = groups_run(*e, p.inputs);
  EXPECT_EQ(among.size(), e->functions().at("main").groups.size());
  among = {*among.rbegin()};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Fault fault{FaultKind::LostTerm, seed, among};
    CompileOptions options;
    options.fault = &fault;
    EXPECT_EQ(compile(p.module, options)->fault()->group, among.begin()->second);
  }
}

TEST(Faults, AreTheSameWithProbesAround) {
  const Program& p = programs()[1];
  ProbeOptions all;
  all.all = true;
  for (const FaultKind kind : {FaultKind::LostTail, FaultKind::NarrowBf16, FaultKind::FlippedWeight}) {
    const Fault fault{kind, 3, {}};
    CompileOptions options;
    options.fault = &fault;
    const auto plain = compile(p.module, options);
    options.probes = &all;
    const auto probed = compile(p.module, options);
    EXPECT_EQ(plain->fault()->what, probed->fault()->what);
    EXPECT_TRUE(plain->run(p.inputs, {}) == run_probed(*probed, p.inputs, {}).results);
  }
}

TEST(Faults, HaveNames) {
  try {
    fault_named("lost sock");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).rfind("fault: required one of \"missing activation\", ", 0), 0u)
        << e.what();
  }
}

}  // namespace
}  // namespace tauto
