// Probes: the program keeps its bits, its groups, plans and memory; every value is the interpreter's.
#include "compile/probes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "compile/bound.h"
#include "compile/compiled_model.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/error.h"

namespace tauto {
namespace {

using testing::random_floats;

struct Program {
  std::string functions;
  std::vector<Value> inputs;
  std::vector<Tensor> constants = {};  // @c0 …
};

std::shared_ptr<const Module> module_of(const Program& p) {
  std::string text = cat("module probes semantics ", kSemanticsVersion, "\n"), side;
  for (size_t i = 0; i < p.constants.size(); ++i) {
    const Tensor& t = p.constants[i];
    text += cat("const @c", i, " : ", type_of(t), " sha256:", content_hash(t), "\n");
    side.resize((side.size() + 63) / 64 * 64);
    side.append(static_cast<const char*>(t.raw()), static_cast<size_t>(t.bytes()));
  }
  return std::make_shared<const Module>(parse_module(text + p.functions, side));
}

using Values = std::map<std::pair<std::string, Id>, std::vector<Tensor>>;

Values interpreted(const Module& m, const std::vector<Value>& inputs) {
  Values r;
  InterpretOptions o;
  o.watch = [&](const Function& f, Id id, const Value& v) {
    Value canonical = v;
    canonicalise(canonical);
    if (v.is_tensor()) r[{f.name, id}].push_back(canonical.tensor);
  };
  interpret(m, inputs, o);
  return r;
}

void expect_computed(const ProbedValue& got, const Tensor& want) {
  ASSERT_EQ(type_of(got.value), type_of(want)) << got.node;
  const auto *x = static_cast<const char*>(got.value.raw()), *y = static_cast<const char*>(want.raw());
  const auto bytes = static_cast<size_t>(want.element_bytes());
  for (size_t i = 0; i < static_cast<size_t>(want.count()); ++i) {
    if (got.computed.defined() && !got.computed.data<bool>()[i]) continue;
    ASSERT_EQ(std::memcmp(x + i * bytes, y + i * bytes, bytes), 0)
        << "@" << got.function << " %" << got.node << " element " << i;
  }
}

int64_t memory_of(const Executable& e, const std::vector<Value>& inputs) {
  std::vector<TensorType> types;
  for (const Value& v : inputs) types.push_back({v.tensor.type(), v.tensor.shape()});
  return BoundFunction(e, e.functions().at("main"), types, {}).bytes();
}

// How many values there were, and how many of them with elements that are not computed.
std::pair<int, int> expect_probed(const Program& p) {
  const auto m = module_of(p);
  int values = 0, partly = 0;
  for (const Isa isa : {Isa::Avx2, Isa::Avx512}) {
    if (isa == Isa::Avx512 && !this_cpu().features.avx512) continue;
    CompileOptions plain, with;
    plain.isa = with.isa = isa;
    ProbeOptions all;
    all.all = true;
    with.probes = &all;
    const auto e = compile(m, plain), probed = compile(m, with);
    EXPECT_EQ(memory_of(*e, p.inputs), memory_of(*probed, p.inputs));
    for (const auto& [name, f] : e->functions()) {
      const CompiledFunction& g = probed->functions().at(name);
      EXPECT_EQ(f.blocked, g.blocked);
      EXPECT_TRUE(g.not_probed.empty());
      EXPECT_EQ(f.groups.size(), g.groups.size());
      for (size_t k = 0; k < f.groups.size() && k < g.groups.size(); ++k) {
        EXPECT_EQ(f.groups[k].group.nodes, g.groups[k].group.nodes);
        if (!f.groups[k].built) continue;
        EXPECT_EQ(text_of(f.groups[k].built->plan), text_of(g.groups[k].built->plan));
      }
    }
    const Values want = interpreted(probed->module(), p.inputs);
    for (const int threads : {1, 2, 3}) {
      ExecuteOptions o;
      o.threads = threads;
      const std::vector<Value> results = e->run(p.inputs, o);
      const ProbedRun run = run_probed(*probed, p.inputs, o);
      EXPECT_TRUE(run.results == results) << p.functions;
      std::map<std::pair<std::string, Id>, size_t> seen;
      values = partly = 0;
      for (const ProbedValue& v : run.values) {
        const std::vector<Tensor>& of_node = want.at({v.function, v.node});
        size_t& trip = seen[{v.function, v.node}];
        if (trip >= of_node.size()) {
          ADD_FAILURE() << "@" << v.function << " %" << v.node << " has more values than trips";
          continue;
        }
        expect_computed(v, of_node[trip++]);
        ++values;
        partly += v.computed.defined();
      }
      for (const auto& [node, trips] : seen) EXPECT_EQ(trips, want.at(node).size()) << node.second;
    }
  }
  return {values, partly};
}

using Count = std::pair<int, int>;

TEST(Probes, OfConvolutionsInBlocksOfChannels) {
  for (const int64_t c : {8, 16, 32}) {  // one block, or several
    std::string functions = R"(
func main(%0 "x": f32[N, 3, 9, 7]) -> ("y") {
  %1 = @c0
  %2 = @c1
  %3 = contract(%0, %1) {access: over {n: N, o: CC, y0: 9, y1: 7 | c: 3, k0: 3, k1: 3} [n, c, k0 + y0 - 1, k1 + y1 - 1] [o, c, k0, k1]} : f32[N, CC, 9, 7]
  %4 = relu(%3) : f32[N, CC, 9, 7]
  %5 = contract(%4, %2) {access: over {n: N, o: CC, y0: 9, y1: 7 | c: CC, k0: 3, k1: 3} [n, c, k0 + y0 - 1, k1 + y1 - 1] [o, c, k0, k1]} : f32[N, CC, 9, 7]
  %6 = add(%5, %4) : f32[N, CC, 9, 7]
  %7 = tanh(%6) : f32[N, CC, 9, 7]
  %8 = relu(%7) : f32[N, CC, 9, 7]
  %9 = transpose(%8) {perm: [0, 2, 3, 1]} : f32[N, 9, 7, CC]
  %10 = exp(%9) : f32[N, 9, 7, CC]
  %11 = reduce_sum(%10) {axes: [1, 2], keepdims: 0} : f32[N, CC]
  return %11
}
)";
    for (size_t at = 0; (at = functions.find("CC", at)) != std::string::npos; ++at)
      functions.replace(at, 2, std::to_string(c));
    const Program p{functions,
                    {random_floats({2, 3, 9, 7}, 1)},
                    {random_floats({c, 3, 3, 3}, 2), random_floats({c, c, 3, 3}, 3)}};
    EXPECT_EQ(expect_probed(p), Count(9, 0)) << c;
  }
}

TEST(Probes, OfRowsWithTheirSums) {
  for (const int64_t n : {5, 131, 600}) {
    const Program p{R"(
func main(%0 "x": f32[N, M]) -> ("y") {
  %1 = reduce_max(%0) {axes: [1], keepdims: 1} : f32[N, 1]
  %2 = sub(%0, %1) : f32[N, M]
  %3 = exp(%2) : f32[N, M]
  %4 = reduce_sum(%3) {axes: [1], keepdims: 1} : f32[N, 1]
  %5 = f32[] {1.0}
  %6 = div(%5, %4) : f32[N, 1]
  %7 = mul(%3, %6) : f32[N, M]
  %8 = mul(%7, %7) : f32[N, M]
  %9 = transpose(%8) {perm: [1, 0]} : f32[M, N]
  return %9
}
)",
                    {random_floats({4, n}, 1)}};
    EXPECT_EQ(expect_probed(p), Count(8, 0)) << n;
  }
}

// Axes that a reshape takes apart, conditions, narrow and 64-bit elements.
TEST(Probes, OfWhatIsReshapedChosenAndNarrow) {
  const Program p{R"(
func main(%0 "x": f32[6, 35], %1 "i": i64[6, 35]) -> ("y", "z") {
  %2 = exp(%0) : f32[6, 35]
  %3 = i64[3] {2, 3, 35}
  %4 = reshape(%2, %3) : f32[2, 3, 35]
  %5 = transpose(%4) {perm: [1, 0, 2]} : f32[3, 2, 35]
  %6 = cast(%5) {to: f16} : f16[3, 2, 35]
  %7 = cast(%6) {to: f32} : f32[3, 2, 35]
  %8 = i64[1] {-1}
  %9 = reshape(%7, %8) : f32[210]
  %10 = tanh(%9) : f32[210]
  %11 = i64[] {1}
  %12 = add(%1, %11) : i64[6, 35]
  %13 = mul(%12, %1) : i64[6, 35]
  %14 = less(%13, %12) : bool[6, 35]
  %15 = logical_not(%14) : bool[6, 35]
  %16 = sin(%0) : f32[6, 35]
  %17 = where(%15, %16, %0) : f32[6, 35]
  return %10, %17
}
)",
                  {random_floats({6, 35}, 1), Value()}};
  Tensor whole(i64, {6, 35});
  for (int64_t i = 0; i < whole.count(); ++i) whole.data<int64_t>()[i] = (i * 37) % 11 - 5;
  Program q = p;
  q.inputs[1] = whole;
  EXPECT_EQ(expect_probed(q), Count(13, 1));  // sin, where it is chosen
}

TEST(Probes, TellWhichElementsAreComputed) {
  const Program p{R"(
func main(%0 "x": f32[50, 4]) -> ("y") {
  %1 = transpose(%0) {perm: [1, 0]} : f32[4, 50]
  %2 = i64[2] {1, 3}
  %3 = i64[2] {4, 40}
  %4 = i64[2] {1, 2}
  %5 = slice(%1, %2, %3, %4) : f32[3, 19]
  %6 = sin(%5) : f32[3, 19]
  return %6
}
)",
                  {random_floats({50, 4}, 1)}};
  EXPECT_EQ(expect_probed(p), Count(3, 1));
  ProbeOptions one;
  one.nodes["main"] = {1};
  CompileOptions with;
  with.probes = &one;
  const ProbedRun run = run_probed(*compile(module_of(p), with), p.inputs, {});
  ASSERT_EQ(run.values.size(), 1u);
  ASSERT_TRUE(run.values[0].computed.defined());
  for (int64_t i = 0; i < 200; ++i)
    EXPECT_EQ(run.values[0].computed.data<bool>()[i], i / 50 >= 1 && i % 50 >= 3 && i % 50 < 40 && i % 2 == 1)
        << i;
}

TEST(Probes, OfTripsAndOfWhatGoesNodeByNode) {
  const Program loops{R"(
func body(%0 "i": i64[], %1 "c": bool[], %2 "x": f32[N]) -> ("c", "x") {
  %3 = cast(%0) {to: f32} : f32[]
  %4 = add(%2, %3) : f32[N]
  %5 = sin(%4) : f32[N]
  return %1, %5
}
func main(%0 "x": f32[N]) -> ("x") {
  %1 = i64[] {5}
  %2 = bool[] {true}
  %3 = loop(%1, %2, %0) {body: @body, carried: 1} : (f32[N])
  %4 = item(%3) {index: 0} : f32[N]
  %5 = exp(%4) : f32[N]
  return %5
}
)",
                      {random_floats({19}, 1)}};
  EXPECT_EQ(expect_probed(loops), Count(5 * 3 + 2, 0));
  const Program sizes{R"(
func main(%0 "x": f32[N], %1 "k": i64[2]) -> ("y", "z") {
  %2 = relu(%0) : f32[N]
  %3 = nonzero(%2) : i64[1, ?0]
  %4 = cast(%3) {to: f32} : f32[1, ?0]
  %5 = exp(%4) : f32[1, ?0]
  %6 = sqrt(%5) : f32[1, ?0]
  %7 = neg(%0) : f32[N]
  %8 = gather(%7, %1) {axis: 0} : f32[2]
  return %6, %8
}
)",
                      {random_floats({37}, 1), Tensor(i64, {2})}};
  EXPECT_EQ(expect_probed(sizes), Count(7, 0));
}

TEST(Probes, MayBeComputedApart) {
  const Program p{R"(
func main(%0 "x": f32[40, 8]) -> ("y") {
  %1 = exp(%0) : f32[40, 8]
  %2 = mul(%1, %1) : f32[40, 8]
  return %2
}
)",
                  {random_floats({40, 8}, 1)}};
  const auto m = module_of(p);
  ProbeOptions apart;
  apart.apart["main"] = apart.nodes["main"] = {1};
  CompileOptions with;
  with.probes = &apart;
  const auto e = compile(m, with);
  EXPECT_EQ(e->functions().at("main").groups.size(), 2u);
  EXPECT_EQ(compile(m, {})->functions().at("main").groups.size(), 1u);
  const ProbedRun run = run_probed(*e, p.inputs, {});
  EXPECT_TRUE(run.results == interpret(*m, p.inputs));
  ASSERT_EQ(run.values.size(), 1u);
  expect_computed(run.values[0], interpreted(*m, p.inputs).at({"main", 1})[0]);
}

// Both sides of a choice of indices are computed: what would be stored from the side that was not chosen may
// lie anywhere.
TEST(Probes, AreRefusedWhereTheyWouldStoreWhatNobodyAsksFor) {
  const loops::Kernel k = loops::parse_kernel(R"(kernel k(x: f32[8], i: i64[8], p: i64[8], out: f32[8])
  for a in 0 .. 8
    out[a] = x[select(less(a, 4), probe(i[a], p[a]), 0)]
)");
  try {
    generate(k, 8, 16);
    FAIL() << "generated";
  } catch (const NotGenerated& e) {
    EXPECT_EQ(e.reason, "a value that decides indices, in one side of a choice");
  }
}

}  // namespace
}  // namespace tauto
