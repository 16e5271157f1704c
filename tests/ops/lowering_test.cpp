// The law of lowering: the loops which a node is lowered to, and what they are simplified to, return the bits
// of its reference.
//
// Every operator of the table is met with random cases, their extents as literals and as symbols that are
// bound when the kernel runs.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "loops/evaluate.h"
#include "loops/simplify.h"
#include "ops/evaluate.h"
#include "ops/lower_node.h"
#include "ops/lowering_cases.h"

namespace tauto::testing {
namespace {

Tensor run(NodeLowering& l, const loops::Kernel& k, const OpCase& c, const Type& result) {
  Env env;
  for (size_t i = 0; i < c.in.size(); ++i)
    EXPECT_EQ(unify(l.type(static_cast<int>(i)), type_of(c.in[i]), env), "");
  EXPECT_EQ(unify(l.type(), result, env), "");
  std::vector<int64_t> symbols;
  for (const std::string& s : k.symbols) symbols.push_back(env.lookup(s) ? *env.lookup(s) : value_of(s));
  std::vector<Tensor> memory;
  for (size_t i = 0; i < l.buffers.size(); ++i)
    if (l.buffers[i]) memory.push_back(c.in[i]);
  for (const auto& [buffer, tensor] : l.tables) memory.push_back(tensor);
  memory.emplace_back(result.element, static_shape(result));
  std::vector<void*> addresses;
  for (Tensor& t : memory) addresses.push_back(t.raw());
  loops::evaluate(k, addresses, symbols);
  return canonical_nan(memory.back());
}

struct Count {
  int met = 0, lowered = 0;
  std::map<std::string, int> refused;
};

void check(const OpCase& c, Sizes sizes, Count& count) {
  Module m;
  Builder b(m, "main");
  Tensor want;
  Id id = 0;
  try {
    want = canonical_nan(evaluate(*c.op, c.in, c.attributes));
    id = build(b, c, sizes);
  } catch (const Error&) {
    return;  // not defined for these
  }
  const Node& n = b.node(id);
  if (n.op != c.op) return;  // folded
  ++count.met;
  std::vector<Type> types;
  std::vector<std::optional<Dims>> values;
  for (Id i : n.inputs) {
    types.push_back(b.type(i));
    values.push_back(b.known(i));
  }
  NodeLowering l(n, types, values);
  for (size_t i = 0; i < n.inputs.size(); ++i) l.constants[i] = b.constant_of(n.inputs[i]);
  loops::Kernel k;
  try {
    k = l.kernel();
  } catch (const NotLowered& e) {
    ++count.refused[e.reason];
    return;
  }
  ++count.lowered;
  for (const loops::Kernel& form : {k, loops::simplify(k)}) {
    ASSERT_EQ(loops::verify(form), "") << c.text() << "\n" << text_of(form);
    Tensor got;
    try {
      got = run(l, form, c, type_of(want));
    } catch (const Error& e) {
      FAIL() << c.text() << ": " << e.what() << "\n" << text_of(form);
    }
    if (got == want) continue;
    for (int64_t i = 0; i < want.count(); ++i) {
      const auto at = [&](const Tensor& t) {
        return static_cast<const char*>(t.raw()) + i * t.element_bytes();
      };
      ASSERT_EQ(std::memcmp(at(got), at(want), static_cast<size_t>(want.element_bytes())), 0)
          << c.text() << " element " << i << ": " << element_text(got, i) << ", required "
          << element_text(want, i) << "\n"
          << text_of(form);
    }
  }
}

TEST(Lowering, ReturnsTheBitsOfTheReference) {
  int lowered = 0, operators = 0, cases = 0;
  for (const Op* op : all_ops()) {
    ++operators;
    Count count;
    for (uint64_t seed = 1; seed <= 2; ++seed)
      for (const OpCase& c : lowering_cases(*op, seed))
        for (Sizes sizes : {Sizes::Literal, Sizes::Shared, Sizes::Apart}) {
          SCOPED_TRACE(cat("seed ", seed, ", sizes ", static_cast<int>(sizes)));
          check(c, sizes, count);
          if (HasFatalFailure()) return;
        }
    lowered += count.lowered > 0;
    cases += count.lowered;
    for (const auto& [why, n] : count.refused) std::printf("  %s: %d x %s\n", op->name, n, why.c_str());
    EXPECT_TRUE(count.lowered > 0 || (count.met == 0 && !op->lower)) << op->name << " was never lowered";
  }
  std::printf("lowered %d of %d operators, %d cases\n", lowered, operators, cases);
}

// out[i] = x[index[i]]: what is not known to be inside has its range stated, and only that.
TEST(Lowering, StatesTheRangeOfIndices) {
  const auto ranges = [](std::optional<Ints> known, const Dim& extent) {
    Module m;
    Builder b(m, "main");
    const Id x = b.parameter("x", Type::tensor(f32, {extent}));
    const Id i = known ? b.constant(Tensor::ints(*known)) : b.parameter("i", Type::tensor(i64, {3}));
    const Node& n = b.node(b.add(ops::gather, {x, i}, {{"axis", int64_t{0}}}));
    NodeLowering l(n, {b.type(x), b.type(i)}, {b.known(x), b.known(i)});
    l.kernel();
    std::string s;
    for (const auto& r : l.ranges) s += cat("input ", r.input, " in ", r.least, " .. ", r.end);
    return s;
  };
  const Dim n = Dim::symbol("N");
  EXPECT_EQ(ranges(std::nullopt, 5), "input 1 in -5 .. 5");
  EXPECT_EQ(ranges(std::nullopt, n), "input 1 in -N .. N");
  EXPECT_EQ(ranges(Ints{0, 4, 1}, 5), "");
  EXPECT_EQ(ranges(Ints{0, -5, 4}, 5), "");
  EXPECT_EQ(ranges(Ints{0, 4, 1}, n), "input 1 in -N .. N");
  EXPECT_EQ(ranges(Ints{0, 5, 1}, 5), "input 1 in -5 .. 5");
}

}  // namespace
}  // namespace tauto::testing
