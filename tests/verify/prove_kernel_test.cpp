// Kernels of every template are proved at sizes around the number of lanes, whole and in two pieces; programs
// with one instruction changed are not.
#include "verify/prove_kernel.h"

#include <gtest/gtest.h>

#include "support/error.h"

namespace tauto::proof {
namespace {

using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::Order;

Expr var(const char* name) { return loops::variable(name); }
Expr f(Function fn, std::vector<Expr> a) { return loops::apply(fn, std::move(a)); }

loops::Kernel kernel(std::vector<Axis> axes, const BufferPtr& out, std::vector<Expr> index, Expr value,
                     std::vector<BufferPtr> inputs, std::vector<std::string> symbols = {"N"}) {
  loops::Kernel k;
  k.name = "k";
  k.buffers = std::move(inputs);
  k.buffers.push_back(out);
  k.symbols = std::move(symbols);
  k.body = loops::store(out, std::move(index), std::move(value));
  for (auto a = axes.rbegin(); a != axes.rend(); ++a)
    k.body =
        loops::loop(loops::LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), k.body);
  return k;
}
BufferPtr buffer(const char* name, std::vector<Dim> dims, ElementType t = f32) {
  return loops::make_buffer(name, t, std::move(dims));
}

// relu(a b + bias), rows by N.
loops::Kernel matmul() {
  const Dim n = Dim::symbol("N");
  const auto a = buffer("a", {n, 11}), b = buffer("b", {11, 21}), bias = buffer("bias", {21}),
             c = buffer("c", {n, 21});
  const Expr product =
      loops::reduce(Order::Blocks, Function::Fma, {{"k", 11}},
                    {loops::load(a, {var("i"), var("k")}), loops::load(b, {var("k"), var("j")})});
  return kernel({{"i", n}, {"j", 21}}, c, {var("i"), var("j")},
                f(Function::Max, {loops::number(f32, 0), product + loops::load(bias, {var("j")})}),
                {a, b, bias});
}
// A function of each element, N of them.
loops::Kernel elementwise(ElementType t) {
  const Dim n = Dim::symbol("N");
  const auto x = buffer("x", {n}, t), y = buffer("y", {n}, t), z = buffer("z", {n}, t);
  const Expr a = loops::load(x, {var("i")}), b = loops::load(y, {var("i")});
  return kernel(
      {{"i", n}}, z, {var("i")},
      select(less(a, b), f(Function::Max, {f(Function::Fma, {a, b, a}), f(Function::Abs, {a - b})}), a),
      {x, y});
}
// x - max over rows of N.
loops::Kernel rows() {
  const Dim n = Dim::symbol("N");
  const auto x = buffer("x", {3, n}), y = buffer("y", {3, n});
  const Expr most =
      loops::reduce(Order::Partials, Function::Max, {{"k", n}}, {loops::load(x, {var("i"), var("k")})});
  return kernel({{"i", 3}, {"j", n}}, y, {var("i"), var("j")}, loops::load(x, {var("i"), var("j")}) - most,
                {x});
}
loops::Kernel convolution(bool finite) {
  auto weights = std::make_shared<loops::Buffer>(*buffer("w", {5, 6, 3}));
  weights->finite = finite;
  const BufferPtr w = weights;
  const Dim n = Dim::symbol("N");
  const auto x = buffer("x", {6, n}), y = buffer("y", {5, n});
  const Expr at = var("i") + var("k") - Expr(1);
  const Expr inside = both(f(Function::LessEqual, {Expr(int64_t{0}), at}), less(at, loops::size(n)));
  return kernel(
      {{"o", 5}, {"i", n}}, y, {var("o"), var("i")},
      loops::reduce(Order::Blocks, Function::Fma, {{"c", 6}, {"k", 3}},
                    {loops::load(x, {var("c"), at}), loops::load(w, {var("o"), var("c"), var("k")})}, inside),
      {x, w});
}

// Rows of a table, by indices that may count from the end.
loops::Kernel table() {
  const Dim n = Dim::symbol("N");
  const auto x = buffer("x", {n}, i64), t = buffer("t", {20, 6}), y = buffer("y", {n, 6});
  const Expr i = loops::load(x, {var("i")});
  const Expr at = select(less(i, Expr(int64_t{0})), i + Expr(20), i);
  return kernel({{"i", n}, {"j", 6}}, y, {var("i"), var("j")},
                loops::load(t, {at, var("j")}) + loops::load(t, {Expr(3), var("j")}), {x, t});
}

// Where lanes decide it, an element of a table that is the same for all of them.
loops::Kernel chosen() {
  const Dim n = Dim::symbol("N");
  const auto x = buffer("x", {n}), y = buffer("y", {n}), t = buffer("t", {20}), z = buffer("z", {n});
  const Expr a = loops::load(x, {var("i")}), b = loops::load(y, {var("i")});
  return kernel({{"i", n}}, z, {var("i")}, select(less(a, b), loops::load(t, {Expr(3)}), a), {x, y, t});
}

struct Built {
  loops::Kernel kernel;
  Scheduled scheduled;
  Generated generated;
};
Built build(const loops::Kernel& k, int lanes) {
  Built b;
  b.kernel = k;
  Nest nest = flatten(k);
  for (const BufferPtr& p : k.buffers) nest.constant.push_back(p->name == "b" || p->name == "w");
  const Target target{lanes, 32};
  b.scheduled = schedule(nest, default_plan(nest, target), target);
  b.generated = generate(b.scheduled.kernel, lanes);
  return b;
}
Env sizes(int64_t n) {
  Env env;
  env.bind("N", n);
  return env;
}

TEST(ProveKernel, AllTemplatesAtSizesAroundTheLanes) {
  const std::vector<std::pair<const char*, loops::Kernel>> kernels = {
      {"matmul", matmul()},
      {"elementwise f32", elementwise(f32)},
      {"elementwise f64", elementwise(f64)},
      {"elementwise i8", elementwise(i8)},
      {"elementwise u16", elementwise(u16)},
      {"elementwise i32", elementwise(i32)},
      {"rows", rows()},
      {"convolution", convolution(false)},
      {"convolution, finite weights", convolution(true)},
      {"table", table()},
      {"chosen", chosen()}};
  for (const auto& [name, k] : kernels)
    for (const int lanes : {4, 8}) {
      const Built b = build(k, lanes);
      for (const int64_t n :
           {1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes, 4 * lanes + 3, 13 * lanes + 1, 16 * lanes})
        for (const bool pieces : {false, true}) {
          const Proof p = prove_kernel(k, b.scheduled, b.generated, sizes(n), {pieces, {}, {}});
          EXPECT_EQ(p.verdict, Proof::Verdict::Proved)
              << name << ", " << lanes << " lanes, N = " << n << ": " << p.reason << "\n"
              << vec::text_of(b.generated.program);
          EXPECT_GT(p.elements, 0);
        }
    }
}

// With loops shortened to few of their trips the same kernels are proved at sizes of many trips.
TEST(ProveKernel, FewTripsStandForAll) {
  for (const auto& [name, k] :
       std::vector<std::pair<const char*, loops::Kernel>>{{"matmul", matmul()},
                                                          {"elementwise", elementwise(f32)},
                                                          {"elementwise i8", elementwise(i8)},
                                                          {"rows", rows()},
                                                          {"convolution", convolution(true)}})
    for (const int deviating : {-1, 0, 1, 8}) {
      const Built b = build(k, 4);
      ProofOptions o;
      o.trips.all = false;
      o.trips.deviating = deviating;
      const Proof p = prove_kernel(k, b.scheduled, b.generated, sizes(403), o);
      EXPECT_EQ(p.verdict, Proof::Verdict::Proved) << name << ": " << p.reason;
    }
  const Built b = build(elementwise(f32), 4);
  ProofOptions o;
  o.trips.all = false;
  const Proof p = prove_kernel(b.kernel, b.scheduled, b.generated, sizes(403), o);
  EXPECT_FALSE(p.whole);
  EXPECT_LT(p.elements, 403);
  // A loop that leaves trips out is not hidden by its first and last ones.
  Generated g = b.generated;
  for (vec::Instr& i : g.program.code)
    if (i.op == vec::VecOp::Loop) i.immediate *= 2;
  EXPECT_NE(prove_kernel(b.kernel, b.scheduled, g, sizes(403), o).verdict, Proof::Verdict::Proved);
}

// And in few lanes of them: the tail is looked at, wherever it ends.
TEST(ProveKernel, FewLanesStandForAll) {
  for (const auto& [name, k] : std::vector<std::pair<const char*, loops::Kernel>>{
           {"matmul", matmul()}, {"elementwise", elementwise(f32)}, {"convolution", convolution(true)}})
    for (const int64_t n : {403, 407, 416}) {
      const Built b = build(k, 16);
      ProofOptions o;
      o.trips.all = false;
      o.trips.few_lanes = true;
      o.trips.tails = count_stores(k, b.generated, sizes(n), o.trips).tails;
      const Proof few = prove_kernel(k, b.scheduled, b.generated, sizes(n), o);
      EXPECT_EQ(few.verdict, Proof::Verdict::Proved) << name << ": " << few.reason;
      o.trips.few_lanes = false;
      const Proof all = prove_kernel(k, b.scheduled, b.generated, sizes(n), o);
      EXPECT_EQ(all.verdict, Proof::Verdict::Proved) << name << ": " << all.reason;
      EXPECT_LT(few.elements, all.elements) << name;
    }
  const Built b = build(elementwise(f32), 16);
  EXPECT_TRUE(has_like_lanes(b.generated.program));
  EXPECT_FALSE(has_like_lanes(build(rows(), 16).generated.program));  // partial results meet
  // One lane too few in the tail.
  Generated g = b.generated;
  for (size_t at = 0; at < g.program.code.size(); ++at)
    if (g.program.code[at].op == vec::VecOp::First) {
      vec::Instr less;
      less.op = vec::VecOp::AddI;
      less.result = {vec::Class::Scalar, g.program.scalars++};
      less.operand[0] = g.program.code[at].operand[0];
      less.immediate = -1;
      g.program.code[at].operand[0] = less.result;
      g.program.code.insert(g.program.code.begin() + static_cast<ptrdiff_t>(at), less);
      ++at;
    }
  ASSERT_EQ(vec::check(g.program), "");
  ProofOptions o;
  o.trips.all = false;
  o.trips.few_lanes = true;
  o.trips.tails = count_stores(b.kernel, g, sizes(403), o.trips).tails;
  EXPECT_EQ(prove_kernel(b.kernel, b.scheduled, g, sizes(403), o).verdict, Proof::Verdict::Refuted);
}

// Whichever single instruction on data or memory is changed: the proof fails at some size. Of large programs
// only every so many mutants are tried.
void expect_no_proof_of_mutants(const loops::Kernel& k, int every, bool constants = true) {
  const Built b = build(k, 4);
  int mutants = 0;
  for (size_t at = 0; at < b.generated.program.code.size(); ++at) {
    Generated g = b.generated;
    vec::Instr& i = g.program.code[at];
    switch (i.op) {
      case vec::VecOp::Fma:
        std::swap(i.operand[0], i.operand[2]);
        break;
      case vec::VecOp::Sub:
        std::swap(i.operand[0], i.operand[1]);
        break;
      case vec::VecOp::Add:
        i.op = vec::VecOp::Mul;
        break;
      case vec::VecOp::Greater:
        i.op = vec::VecOp::Lesser;
        break;
      case vec::VecOp::Const:
        if (!constants) continue;
        i.immediate ^= 1;
        break;
      case vec::VecOp::Store:
      case vec::VecOp::StoreOne:
        i.address.offset += i.memory.bytes();
        break;
      case vec::VecOp::If:  // is any lane on: 1 = 1
        i.immediate = static_cast<int64_t>(vec::Compare::Less);
        break;
      case vec::VecOp::Any:
        i.operand[0].id ^= 1;
        break;
      case vec::VecOp::Select:
        std::swap(i.operand[1], i.operand[2]);
        break;
      case vec::VecOp::Load:
      case vec::VecOp::Broadcast:
        i.address.offset += i.memory.bytes();
        break;
      default:
        continue;
    }
    if (!vec::check(g.program).empty() || g.program == b.generated.program) continue;
    if (mutants++ % every != 0) continue;
    bool proved = true;
    for (const int64_t n : {1, 2, 3, 4, 5, 8, 15, 31, 48, 53})
      if (proved) proved = prove_kernel(k, b.scheduled, g, sizes(n)).verdict == Proof::Verdict::Proved;
    ProofOptions few;
    few.trips.all = false;
    for (const int64_t n : {401, 407})
      if (proved) proved = prove_kernel(k, b.scheduled, g, sizes(n), few).verdict == Proof::Verdict::Proved;
    EXPECT_FALSE(proved) << "line " << at + 2 << " was " << vec::text_of(b.generated.program.code[at]) << "\n"
                         << vec::text_of(g.program);
  }
  EXPECT_GT(mutants, 3);
}
TEST(ProveKernel, NoProofOfChangedPrograms) {
  expect_no_proof_of_mutants(elementwise(f32), 1);
  expect_no_proof_of_mutants(elementwise(i8), 1);
  expect_no_proof_of_mutants(rows(), 3);
  expect_no_proof_of_mutants(table(), 1);
  expect_no_proof_of_mutants(chosen(), 1, false);  // its constants are what no lane looks at
  expect_no_proof_of_mutants(matmul(), 7);
  expect_no_proof_of_mutants(convolution(true), 9);
}

// A part of a concatenation that is a reduction would read outside of its buffer for the other parts'
// indices.
TEST(ProveKernel, ReductionsInPartsAreNotScheduled) {
  const auto x = buffer("x", {3, 8}), z = buffer("z", {2}), y = buffer("y", {5});
  const Expr most =
      loops::reduce(Order::Chain, Function::Max, {{"k", 8}}, {loops::load(x, {var("i"), var("k")})});
  const Expr parts = select(less(var("i"), Expr(3)), most, loops::load(z, {var("i") - Expr(3)}));
  try {
    build(kernel({{"i", 5}}, y, {var("i")}, parts, {x, z}), 4);
    FAIL();
  } catch (const NotScheduled& e) {
    EXPECT_EQ(e.reason, "a reduction in one part of a concatenation or padding");
  }
  // What the condition asks for too is computed for every index anyhow.
  const auto w = buffer("w", {3});
  const Expr leaky = select(less(most, loops::number(f32, 0)), most * loops::number(f32, 0.5), most);
  const Built b = build(kernel({{"i", 3}}, w, {var("i")}, leaky, {x}), 4);
  EXPECT_EQ(prove_kernel(b.kernel, b.scheduled, b.generated, sizes(1)).verdict, Proof::Verdict::Proved);
}

TEST(ProveKernel, SaysWhatDiffers) {
  const loops::Kernel k = elementwise(f32);
  Built b = build(k, 4);
  for (vec::Instr& i : b.generated.program.code)
    if (i.op == vec::VecOp::Select) std::swap(i.operand[1], i.operand[2]);
  const Proof p = prove_kernel(k, b.scheduled, b.generated, sizes(1));
  EXPECT_EQ(p.verdict, Proof::Verdict::Undecided);
  EXPECT_EQ(p.reason.substr(0, 44), "z[0]: required select(less(x[0], y[0]), max(");
}

}  // namespace
}  // namespace tauto::proof
