// Laws of all elementwise operators, over the table of operators: what holds for one holds for the next one
// that is added.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/evaluate.h"
#include "ops/ops.h"

namespace tauto {
namespace {

using testing::arithmetic_types;
using testing::element_text;
using testing::evaluate;
using testing::in_rep;
using testing::random_tensor;
using testing::real_at;
using testing::whole_at;

constexpr uint64_t kSeed = 20240607;

// Calls f(op, element type, inputs' types) for every elementwise operator of values of one type.
template <class F>
void for_each_case(F f) {
  int cases = 0;
  for (const Op* op : all_ops()) {
    if (!op->is(kElementwise) || op == &ops::cast || op == &ops::bit_cast) continue;
    for (ElementType e : arithmetic_types()) {
      std::vector<Type> types(static_cast<size_t>(op->arity), Type::tensor(e, {64}));
      if (op == &ops::where) types[0].element = boolean;
      try {
        testing::result_type(*op, types);
      } catch (const Error&) {
        continue;  // not defined for e
      }
      ++cases;
      f(*op, e, types);
    }
  }
  EXPECT_GT(cases, 100);
}

std::vector<Tensor> random_inputs(const std::vector<Type>& types, std::mt19937_64& random) {
  std::vector<Tensor> in;
  for (const Type& t : types) in.push_back(random_tensor(t.element, static_shape(t), random));
  return in;
}

std::string show(const Op& op, ElementType e, const std::vector<Tensor>& in, int64_t i) {
  std::string s = cat(op.name, "<", e, ">(");
  for (const Tensor& t : in) s += (&t == &in[0] ? "" : ", ") + element_text(t, i);
  return s + ")";
}

TEST(ElementwiseLaws, IntervalsOfPointsEncloseTheExactValue) {
  std::mt19937_64 random(kSeed);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    for (int round = 0; round < 8; ++round) {
      const std::vector<Tensor> in = random_inputs(types, random);
      std::vector<Tensor> points;
      for (const Tensor& t : in) points.push_back(in_rep(t, Rep::Interval));
      const Tensor exact = evaluate(op, in), enclosure = evaluate(op, points, {}, Rep::Interval);
      for (int64_t i = 0; i < exact.count(); ++i)
        ASSERT_TRUE(testing::encloses(enclosure, exact, i))
            << show(op, e, in, i) << " = " << element_text(exact, i) << " not in "
            << element_text(enclosure, i) << ", seed " << kSeed;
    }
  });
}

// Boxes with two random corners (the first of which is the tested point), or wider.
TEST(ElementwiseLaws, IntervalsEncloseTheExactValueOfEveryPointInThem) {
  std::mt19937_64 random(kSeed + 1);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    for (int round = 0; round < 8; ++round) {
      const std::vector<Tensor> in = random_inputs(types, random), other = random_inputs(types, random);
      std::vector<Tensor> boxes;
      for (size_t k = 0; k < in.size(); ++k) {
        Tensor a = in_rep(in[k], Rep::Interval);
        const Tensor b = in_rep(other[k], Rep::Interval);
        for (int64_t i = 0; i < a.count(); ++i) {
          if (random() % 3 == 0) continue;
          if (a.type().is_float())
            a.data<FInterval<double>>()[i] =
                num::hull(a.data<FInterval<double>>()[i], b.data<FInterval<double>>()[i]);
          else
            a.data<IInterval>()[i] = num::hull(a.data<IInterval>()[i], b.data<IInterval>()[i]);
        }
        boxes.push_back(a);
      }
      const Tensor exact = evaluate(op, in), enclosure = evaluate(op, boxes, {}, Rep::Interval);
      for (int64_t i = 0; i < exact.count(); ++i)
        ASSERT_TRUE(testing::encloses(enclosure, exact, i))
            << show(op, e, in, i) << " = " << element_text(exact, i) << " not in "
            << element_text(enclosure, i) << " of " << show(op, e, boxes, i) << ", seed " << kSeed + 1;
    }
  });
}

// The ideal value of one operation is the exact one before its rounding: a few ulps, but for overflow.
TEST(ElementwiseLaws, IdealIsWithinAFewUlps) {
  std::mt19937_64 random(kSeed + 2);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    for (int round = 0; round < 4; ++round) {
      const std::vector<Tensor> in = random_inputs(types, random);
      std::vector<Tensor> wide;
      for (const Tensor& t : in) wide.push_back(in_rep(t, Rep::Ideal));
      const Tensor exact = evaluate(op, in), ideal = evaluate(op, wide, {}, Rep::Ideal);
      for (int64_t i = 0; i < exact.count(); ++i) {
        const auto where = [&] { return show(op, e, in, i) + cat(", seed ", kSeed + 2); };
        if (!exact.type().is_float()) {
          ASSERT_EQ(whole_at(exact, i), whole_at(ideal, i)) << where();
          continue;
        }
        const double x = real_at(exact, i), y = real_at(ideal, i);
        const int fraction = e == f64   ? 52
                             : e == f32 ? 23
                             : e == f16 ? 10
                                        : 7,
                  largest = e == f64   ? 1023
                            : e == f16 ? 15
                                       : 127;
        const double huge = std::ldexp(1.0, largest), tiny = std::ldexp(1.0, 1 - largest - fraction);
        if (std::isinf(x) && std::fabs(y) >= huge) continue;
        if (x != x || std::isinf(x)) {
          ASSERT_TRUE(x != x ? y != y : x == y) << where() << " = " << x << ", ideal " << y;
          continue;
        }
        ASSERT_LE(std::fabs(x - y), 2.5 * std::ldexp(std::fabs(y), -fraction) + tiny)
            << where() << " = " << x << ", ideal " << y;
      }
    }
  });
}

TEST(ElementwiseLaws, CommutativeMeansToTheBit) {
  std::mt19937_64 random(kSeed + 3);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    if (!op.is(kCommutative)) return;
    const std::vector<Tensor> in = random_inputs(types, random);
    const Tensor a = canonical_nan(evaluate(op, {in[0], in[1]})),
                 b = canonical_nan(evaluate(op, {in[1], in[0]}));
    EXPECT_TRUE(a == b) << op.name << " " << text_of(e);
  });
}

TEST(ElementwiseLaws, MonotoneMeansOrderIsKept) {
  std::mt19937_64 random(kSeed + 4);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    if (!op.is(kMonotone) || !e.is_float()) return;
    for (int round = 0; round < 8; ++round) {
      std::vector<Tensor> low = random_inputs(types, random), high = random_inputs(types, random);
      const auto ordered = [&](int64_t i) {
        for (size_t k = 0; k < low.size(); ++k)
          if (!(real_at(low[k], i) <= real_at(high[k], i))) return false;
        return true;
      };
      const Tensor a = evaluate(op, low), b = evaluate(op, high);
      for (int64_t i = 0; i < a.count(); ++i)
        if (ordered(i) && real_at(a, i) == real_at(a, i) && real_at(b, i) == real_at(b, i)) {
          ASSERT_LE(real_at(a, i), real_at(b, i))
              << show(op, e, low, i) << " against " << show(op, e, high, i);
        }
    }
  });
}

// Broadcasting is expanding first; and a half computes as its f32, rounded once.
TEST(ElementwiseLaws, BroadcastEqualsExpanded) {
  std::mt19937_64 random(kSeed + 5);
  for (const Op* op : {&ops::sub, &ops::mod, &ops::less}) {
    const Tensor x = random_tensor(i32, {3, 1, 5}, random), y = random_tensor(i32, {4, 1}, random);
    const Tensor r = evaluate(*op, {x, y});
    ASSERT_EQ(r.shape(), (Shape{3, 4, 5}));
    for (int64_t a = 0; a < 3; ++a)
      for (int64_t b = 0; b < 4; ++b)
        for (int64_t c = 0; c < 5; ++c) {
          const Tensor one = evaluate(
              *op, {Tensor::scalar(x.data<int32_t>()[a * 5 + c]), Tensor::scalar(y.data<int32_t>()[b])});
          EXPECT_EQ(whole_at(r, (a * 4 + b) * 5 + c), whole_at(one, 0));
        }
  }
}

TEST(ElementwiseLaws, HalvesComputeInSingleAndRoundOnce) {
  std::mt19937_64 random(kSeed + 6);
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    if (e != f16 && e != bf16) return;
    const std::vector<Tensor> in = random_inputs(types, random);
    std::vector<Tensor> wide;
    for (const Tensor& t : in) wide.push_back(t.type() == e ? evaluate(ops::cast, {t}, {{"to", f32}}) : t);
    Tensor want = evaluate(op, wide);
    if (want.type() == f32) want = evaluate(ops::cast, {want}, {{"to", e}});
    EXPECT_TRUE(canonical_nan(evaluate(op, in)) == canonical_nan(want)) << op.name << " " << text_of(e);
  });
}

TEST(ElementwiseLaws, TermsSayWhatIsComputed) {
  const TermScope scope;
  Tensor x(f32, {1}, Rep::Term), y(f32, {1}, Rep::Term);
  x.data<Term>()[0] = term_input("x", 0, f32);
  y.data<Term>()[0] = term_input("y", 0, f32);
  const Tensor sum = evaluate(ops::add, {x, y}, {}, Rep::Term);
  EXPECT_EQ(text_of(sum.data<Term>()[0]), "add(x[0], y[0])");
  const Tensor again = evaluate(ops::add, {x, y}, {}, Rep::Term);
  EXPECT_TRUE(sum == again);
  EXPECT_EQ(text_of(evaluate(ops::relu, {sum}, {}, Rep::Term).data<Term>()[0]), "max(0, add(x[0], y[0]))");
  EXPECT_EQ(text_of(evaluate(ops::cast, {sum}, {{"to", i32}}, Rep::Term).data<Term>()[0]),
            "cast_i32(add(x[0], y[0]))");
}

// Every elementwise operator makes terms, of the result's type.
TEST(ElementwiseLaws, TermsExistForEveryOperator) {
  for_each_case([&](const Op& op, ElementType e, const std::vector<Type>& types) {
    const TermScope scope;
    std::vector<Tensor> in;
    for (const Type& t : types) {
      Tensor x(t.element, {1}, Rep::Term);
      x.data<Term>()[0] = term_input(cat("x", in.size()), 0, t.element);
      in.push_back(x);
    }
    const Tensor r = evaluate(op, in, {}, Rep::Term);
    EXPECT_EQ(term_type(r.data<Term>()[0]), r.type()) << op.name << " " << text_of(e);
  });
}

}  // namespace
}  // namespace tauto
