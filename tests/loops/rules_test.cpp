// The table of rules tests itself: every rule is made to fire on random instances of every type it claims,
// and both sides are evaluated on random values. They must agree to the bit.
#include "loops/rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "loops/run_kernel.h"
#include "ops/evaluate.h"

namespace tauto::testing {
namespace {

using namespace loops;  // the text of this test is made of its words

constexpr int64_t kElements = 48;
constexpr int kInstances = 12;  // of each rule and type

const std::vector<ElementType> kTypes = {f32, f64, i8, i32, i64, u8, u32, u64, boolean, f16};

struct Drawn {
  std::vector<BufferPtr> inputs;
  Bindings bindings;
};

class Draw {
 public:
  Draw(uint64_t seed, ElementType type) : random(seed), type_(type) {}
  std::mt19937_64 random;

  int64_t between(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
  }

  Drawn wildcards(bool index) {
    Drawn d;
    for (const char letter : {'x', 'y', 'z'}) d.bindings[letter] = index ? any_index(2) : element(d, letter);
    for (const char letter : {'p', 'q'}) d.bindings[letter] = load_of(d, letter, boolean, false);
    for (const char letter : {'a', 'b', 'c'}) d.bindings[letter] = index ? divisor() : constant();
    return d;
  }

  // i in 0..kElements, j in 0..N, both of any sign in an expression.
  Expr any_index(int depth) {
    const Expr leaves[] = {variable("i"), variable("j"), Expr(between(-9, 40)), Expr(Dim::symbol("N"))};
    if (depth == 0 || between(0, 3) == 0) return leaves[between(0, 3)];
    const Expr a = any_index(depth - 1);
    switch (between(0, 4)) {
      case 0:
        return floor_div(a, between(1, 12));
      case 1:
        return floor_mod(a, between(1, 12));
      case 2:
        return a * Expr(between(-4, 16));
      default:
        return a + any_index(depth - 1);
    }
  }

 private:
  Expr divisor() {
    if (between(0, 4) == 0) return Dim::symbol("N") * between(1, 3);
    return between(0, 9) == 0 ? between(-4, 0) : int64_t{1} << between(0, 4) << (between(0, 2) ? 0 : 1);
  }
  Expr load_of(Drawn& d, char letter, ElementType t, bool finite) {
    Buffer b = *make_buffer(std::string(1, letter), t, {kElements});
    b.finite = finite;
    d.inputs.push_back(std::make_shared<const Buffer>(b));
    return load(d.inputs.back(), {variable("i")});
  }
  Expr element(Drawn& d, char letter) {
    if (between(0, 5) == 0) return constant();
    const Expr e = load_of(d, letter, type_, type_.is_float() && between(0, 1));
    return has_arithmetic_type() && between(0, 5) == 0 ? apply(Function::Negate, {e}) : e;
  }
  bool has_arithmetic_type() const { return !type_.is_bool() && type_ != f16; }
  Expr constant() {
    if (type_.is_float() && between(0, 2) == 0)
      return number(type_, std::ldexp(between(0, 1) ? 1 : -1, static_cast<int>(between(-130, 130))));
    const Tensor t = random_tensor(type_, {1}, random);
    uint64_t bits = 0;
    std::memcpy(&bits, t.raw(), static_cast<size_t>(t.element_bytes()));
    return literal(type_, bits);
  }

  ElementType type_;
};

Kernel kernel_of(const Drawn& d, const Expr& e) {
  Kernel k;
  k.name = "rule";
  k.symbols = {"N"};
  k.buffers = d.inputs;
  k.buffers.push_back(make_buffer("out", e.type(), {kElements, Dim::symbol("N")}));
  k.body = loop(LoopKind::Serial, "i", 0, kElements,
                loop(LoopKind::Serial, "j", 0, Dim::symbol("N"),
                     store(k.buffers.back(), {variable("i"), variable("j")}, e)));
  return k;
}

// Random, a third of the elements equal to those of another buffer up to the sign (-0 beside +0); no NaN or
// infinity in finite buffers.
std::vector<Tensor> memory_for(const Kernel& k, int64_t n, std::mt19937_64& random) {
  std::vector<Tensor> memory = random_memory(k, {n}, random);
  for (size_t i = 0; i + 1 < memory.size(); ++i) {
    Tensor& t = memory[i];
    const auto bytes = static_cast<size_t>(t.element_bytes());
    const auto element = [bytes](Tensor& of, int64_t at) {
      return static_cast<char*>(of.raw()) + at * static_cast<int64_t>(bytes);
    };
    for (int64_t at = 0; at < t.count(); ++at) {
      if (random() % 3 == 0 && memory[0].type() == t.type()) {
        std::memcpy(element(t, at), element(memory[0], at), bytes);
        if (t.type().is_float() && random() % 2) element(t, at)[bytes - 1] ^= static_cast<char>(0x80);
      }
      if (!k.buffers[i]->finite || std::fabs(real_at(t, at)) < HUGE_VAL) continue;
      const Expr ordinary = number(t.type(), random() % 2 ? 0.0 : 1.5);
      std::memcpy(element(t, at), &ordinary.as<Literal>()->bits, bytes);
    }
    t = canonical_nan(t);
  }
  return memory;
}

TEST(LoopsRules, EachRuleIsExactOnEveryTypeItClaims) {
  uint64_t seed = 0;
  for (const Rule& rule : rules()) {
    int types = 0;
    for (ElementType t : kTypes) {
      if (!claims(rule.types, t)) continue;
      ++types;
      const bool index = rule.types == Claim::Index;
      int fired = 0;
      for (int attempt = 0; attempt < 6000 && fired < kInstances; ++attempt) {
        Draw draw(++seed, t);
        const int64_t n = draw.between(1, 5);
        const Drawn d = draw.wildcards(index);
        const Ranges ranges{{"i", below(kElements)}, {"j", below(Dim::symbol("N"))}};
        Expr from;
        try {
          from = instance(rule.from, t, d.bindings);
        } catch (const InternalError&) {
          break;  // the function is not defined for this type
        }
        Expr to = apply_rule(rule, from, ranges);
        // Of index integers the constructors leave no such node; what they say must be right all the same.
        if (!to.defined() && t == i64 && !index && !rule.when) to = instance(rule.to, t, d.bindings);
        if (!to.defined()) continue;
        ++fired;
        ASSERT_EQ(to.type(), from.type());
        const Kernel a = kernel_of(d, from), b = kernel_of(d, to);
        std::vector<Tensor> memory = memory_for(a, n, draw.random);
        const Tensor x = run_kernel(a, memory, {n}).back(), y = run_kernel(b, memory, {n}).back();
        ASSERT_TRUE(x == y) << rule.from << " -> " << rule.to << "  " << rule.condition << "\non "
                            << text_of(t) << ", seed " << seed << ", N = " << n << "\n"
                            << text_of(a) << text_of(b);
      }
      EXPECT_EQ(fired, kInstances) << rule.from << " -> " << rule.to << " does not fire on " << text_of(t);
    }
    EXPECT_GT(types, 0) << rule.from;
  }
}

TEST(LoopsRules, MaximaNeedNoTestForNanWhereNoneCanBe) {
  const Expr x = load(make_buffer("x", f32, {4}), {variable("i")});
  EXPECT_EQ(text_of(apply_rules(apply(Function::Max, {number(f32, 0), x}), {})), "greater2(0.0:f32, x[i])");
  EXPECT_EQ(text_of(apply_rules(apply(Function::Min, {x, number(f32, 6)}), {})), "lesser2(6.0:f32, x[i])");
  EXPECT_FALSE(apply_rules(apply(Function::Max, {x, number(f32, 0)}), {}).defined());  // -0 and +0 differ
  EXPECT_FALSE(apply_rules(apply(Function::Max, {x, number(f32, NAN)}), {}).defined());
}

}  // namespace
}  // namespace tauto::testing
