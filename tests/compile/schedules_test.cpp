// Schedules from outside: print → parse is the same; a plan changes speed, never a bit; one that cannot be
// carried out is refused by name.
#include "compile/schedules.h"

#include <gtest/gtest.h>

#include <random>

#include "compile/stages.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/error.h"

namespace tauto {
namespace {

const char* const kGraphs[] = {
    R"(func main(%0 "x": f32[9, 40], %1 "w": f32[40, 37], %2 "b": f32[37]) -> ("y") {
  %3 = contract(%0, %1) {access: over {i: 9, j: 37 | k: 40} [i, k] [k, j]} : f32[9, 37]
  %4 = add(%3, %2) : f32[9, 37]
  %5 = relu(%4) : f32[9, 37]
  return %5
})",
    R"(func main(%0 "x": f32[N, 21], %1 "s": f32[21]) -> ("y", "z") {
  %2 = mul(%0, %1) : f32[N, 21]
  %3 = exp(%2) : f32[N, 21]
  %4 = reduce_sum(%3) {axes: [1], keepdims: 1} : f32[N, 1]
  %5 = div(%3, %4) : f32[N, 21]
  %6 = transpose(%5) {perm: [1, 0]} : f32[21, N]
  return %5, %6
})",
    // Two convolutions; between them the channels lie in blocks.
    R"(func main(%0 "x": f32[1, 16, 7, 9]) -> ("y") {
  %1 = i64[] {0}
  %2 = i64[] {4608}
  %3 = i64[] {1}
  %4 = range(%1, %2, %3) : i64[4608]
  %5 = cast(%4) {to: f32} : f32[4608]
  %6 = sin(%5) : f32[4608]
  %7 = i64[4] {32, 16, 3, 3}
  %8 = reshape(%6, %7) : f32[32, 16, 3, 3]
  %9 = contract(%0, %8) {access: over {n: 1, o: 32, y: 7, x: 9 | c: 16, k: 3, l: 3} [n, c, k + y - 1, l + x - 1] [o, c, k, l]} : f32[1, 32, 7, 9]
  %10 = relu(%9) : f32[1, 32, 7, 9]
  %11 = i64[4] {16, 32, 3, 3}
  %12 = reshape(%6, %11) : f32[16, 32, 3, 3]
  %13 = contract(%10, %12) {access: over {n: 1, o: 16, y: 7, x: 9 | c: 32, k: 3, l: 3} [n, c, k + y - 1, l + x - 1] [o, c, k, l]} : f32[1, 16, 7, 9]
  return %13
})",
};

std::shared_ptr<const Module> module_of(const std::string& functions) {
  return std::make_shared<const Module>(
      parse_module(cat("module t semantics ", kSemanticsVersion, "\n") + functions));
}

std::vector<Value> inputs_of(const Module& m, std::mt19937& random) {
  Env env;
  env.bind("N", 13);
  std::vector<Value> in;
  for (const Type& t : m.main().parameter_types()) {
    Tensor x(f32, static_shape(substitute(t, env)));
    for (int64_t i = 0; i < x.count(); ++i)
      x.data<float>()[i] = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 256;
    in.emplace_back(std::move(x));
  }
  return in;
}

std::string bits(const std::vector<Value>& values) {
  std::string s;
  for (const Value& v : values) s += content_hash(v.tensor) + "\n";
  return s;
}

std::string emitted(const Executable& e) {
  std::string s;
  for (const auto& [name, f] : e.functions())
    for (const CompiledGroup& g : f.groups) s += text_of(f, g, Stage::Schedule);
  return s;
}

Plan random_plan(const Nest& n, std::mt19937& random) {
  const auto axis = [&]() -> std::string {
    if (n.axes.empty() || random() % 6 == 0) return "";
    return n.axes[random() % n.axes.size()].variable;
  };
  Plan p;
  p.lanes = axis();
  if (!p.lanes.empty()) p.vectors = 1 + static_cast<int>(random() % 5);
  p.rows = random() % 2 ? axis() : "";
  if (!p.rows.empty()) p.row_count = 1 + static_cast<int>(random() % 8);
  p.parallel = axis();
  if (!p.lanes.empty() && !p.rows.empty() && random() % 2) p.block = 2 + static_cast<int>(random() % 2);
  return p;
}

TEST(Schedules, RandomPlansChangeNoBit) {
  const unsigned seed = 20;
  std::mt19937 random(seed);
  SCOPED_TRACE(cat("seed ", static_cast<int64_t>(seed)));
  int carried_out = 0, refused = 0, blocks = 0;
  for (const char* graph : kGraphs) {
    const auto m = module_of(graph);
    const std::vector<Value> in = inputs_of(*m, random);
    const std::string expected = bits(interpret(*m, in));
    for (const Isa isa : {Isa::Avx2, Isa::Avx512}) {
      if (isa == Isa::Avx512 && !this_cpu().features.avx512) continue;
      CompileOptions options;
      options.isa = isa;
      const auto first = compile(m, options);
      for (int i = 0; i < 40; ++i) {
        Schedules s;
        for (const auto& [name, f] : first->functions())
          for (const CompiledGroup& g : f.groups)
            if (g.group.kind == Group::Kind::Kernel)
              s[{name, g.group.kernel.name}] = random_plan(g.built->nest, random);
        options.schedules = &s;
        try {
          const auto e = compile(m, options);
          const std::string text = emitted(*e);
          EXPECT_EQ(parse_schedules(text), s) << text;
          ++carried_out;
          blocks += text.find("\nblock ") != std::string::npos;
          for (const int threads : {1, 3}) {
            ExecuteOptions run;
            run.threads = threads;
            EXPECT_EQ(bits(e->run(in, run)), expected) << isa_name(isa) << "\n" << text;
          }
        } catch (const Error& e) {
          ++refused;
          EXPECT_EQ(std::string(e.what()).rfind("schedule @main ", 0), 0u) << e.what();
        }
      }
    }
  }
  EXPECT_GT(carried_out, 20) << refused;
  EXPECT_GT(blocks, 0);
}

std::string refusal(const std::string& text) {
  const auto m = module_of(kGraphs[0]);
  try {
    const Schedules s = parse_schedules(text);
    CompileOptions options;
    options.schedules = &s;
    compile(m, options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Schedules, RefusalsNameTheKernelAndTheReason) {
  EXPECT_EQ(refusal("schedule @main relu_5\nlanes i7 1\n"), "schedule @main relu_5: no axis i7");
  EXPECT_EQ(refusal("schedule @main conv_1\n"),
            "schedule @main conv_1: the program has no kernel of that name");
  EXPECT_EQ(refusal("# nothing\nlanes i0 1\n"),
            "schedule: line 2: required \"schedule @FUNCTION KERNEL\", got \"lanes i0 1\"");
  EXPECT_EQ(refusal("schedule @main\n"),
            "schedule: line 1: required \"schedule @FUNCTION KERNEL\", got \"schedule @main\"");
  EXPECT_EQ(refusal("schedule @main relu_5\nschedule @main relu_5\n"),
            "schedule @main relu_5: stands there twice");
  EXPECT_EQ(refusal("schedule @main relu_5\n\nlane i0 1\n").rfind("schedule: line 3: required ", 0), 0u);
}

}  // namespace
}  // namespace tauto
