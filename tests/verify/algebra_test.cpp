// Rules of the algebra hold for all inputs: random terms, which the rules have rewritten on the way, are given
// numbers, and are what the functions compute on these numbers.
#include "verify/algebra.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "loops/arithmetic.h"
#include "loops/values.h"
#include "support/error.h"

namespace tauto::proof {
namespace {

using loops::Function;

constexpr ElementType kTypes[] = {boolean, i8, u8, i16, u16, i32, u32, i64, u64, f32, f64};
constexpr size_t kDraws = 6;  // of numbers for the inputs

bool is_nan(ElementType t, uint64_t bits) {
  return t.is_float() &&
         (t == f32 ? std::isnan(loops::as<float>(bits)) : std::isnan(loops::as<double>(bits)));
}

// Terms share their parts: written out whole they would not end.
std::string short_text(Term x, int depth = 5) {
  if (term_arguments(x).empty()) return text_of(x);
  if (depth == 0) return "…";
  std::string s;
  for (const Term a : term_arguments(x)) s += cat(s.empty() ? "" : ", ", short_text(a, depth - 1));
  return cat(term_function(x), "(", s, ")");
}

// A term, and beside it what it is for each draw.
struct Value {
  Term term;
  std::vector<Term> numbers;
};

class Fuzz {
 public:
  explicit Fuzz(uint64_t seed) : random_(seed) {
    for (const ElementType t : kTypes)
      for (int i = 0; i < 3; ++i) {
        Value v{term_input("x", static_cast<int64_t>(pool_.size()), t), {}};
        for (size_t k = 0; k < kDraws; ++k) v.numbers.push_back(literal(t, special(t)));
        pool_.push_back(v);
      }
  }

  // What goes wrong, or "".
  std::string step() {
    const ElementType t = kTypes[below(std::size(kTypes))];
    const Value v = made(t);
    if (v.numbers.empty()) return "";
    simplified += term_literal_of(v.term) || !term_arguments(v.term).size();
    for (size_t k = 0; k < kDraws; ++k) {
      std::map<uint32_t, Term> done;
      const auto got = term_literal_of(given(v.term, k, done)), expected = term_literal_of(v.numbers[k]);
      const ElementType type = term_type(v.term);
      const bool same =
          got && expected && (got == expected || (is_nan(type, *got) && is_nan(type, *expected)));
      if (same && type == term_type(v.numbers[k])) continue;
      std::string text =
          cat(type, " ", short_text(v.term), ", required ", text_of(v.numbers[k]), ", made of");
      for (const Value& x : from_) text += cat(" ", short_text(x.term), " = ", text_of(x.numbers[k]));
      for (size_t i = 0; i < kInputs; ++i) text += cat("; ", i, ": ", text_of(pool_[i].numbers[k]));
      return text;
    }
    if (pool_.size() < 150)
      pool_.push_back(v);
    else
      pool_[kInputs + below(pool_.size() - kInputs)] = v;
    return "";
  }
  int simplified = 0;

 private:
  static constexpr size_t kInputs = 3 * std::size(kTypes);
  size_t below(size_t n) { return random_() % n; }

  // Numbers at which rules could go wrong.
  uint64_t special(ElementType t) {
    if (t.is_bool()) return below(2);
    if (t.is_float()) {
      constexpr double kNumbers[] = {0.0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.5,
                                     2.5,
                                     -3,
                                     127,
                                     128,
                                     -129,
                                     255.5,
                                     65535,
                                     2147483648.0,
                                     -2147483648.0,
                                     4294967296.0,
                                     9223372036854775808.0,
                                     1e300,
                                     -1e-310,
                                     __builtin_inf(),
                                     -__builtin_inf(),
                                     __builtin_nan("")};
      return *term_literal_of(term_number(t, kNumbers[below(std::size(kNumbers))]));
    }
    const uint64_t sign = uint64_t{1} << (t.bits - 1);
    const uint64_t numbers[] = {0,    1,        2,        3,   7,   ~uint64_t{0}, ~uint64_t{1},
                                sign, sign - 1, sign + 1, 127, 128, 255,          random_()};
    return *term_literal_of(literal(t, numbers[below(std::size(numbers))]));
  }
  Value any(ElementType t) {
    if (below(4) == 0) {
      const Term x = literal(t, special(t));
      return {x, std::vector<Term>(kDraws, x)};
    }
    for (;;) {
      const Value& v = pool_[below(pool_.size())];
      if (term_type(v.term) == t) return v;
    }
  }
  static bool has_nan(const Value& v) {  // whose bits differ between machines
    return std::any_of(v.numbers.begin(), v.numbers.end(),
                       [](Term n) { return is_nan(term_type(n), *term_literal_of(n)); });
  }
  template <class F>
  Value each(const std::vector<Value>& a, F f) {
    Value v;
    std::vector<Term> terms;
    for (const Value& x : a) terms.push_back(x.term);
    from_ = a;
    v.term = f(terms);
    for (size_t k = 0; k < kDraws; ++k) {
      std::vector<Term> numbers;
      for (const Value& x : a) numbers.push_back(x.numbers[k]);
      v.numbers.push_back(f(numbers));
    }
    return v;
  }

  Value made(ElementType t) {
    const size_t how = below(10);
    if (how < 3) {
      const ElementType from = kTypes[below(std::size(kTypes))];
      return each({any(from)}, [&](const std::vector<Term>& a) { return converted(a[0], t); });
    }
    if (how == 3)
      return each({any(boolean), any(t), any(t)},
                  [&](const std::vector<Term>& a) { return apply(Function::Choose, a[0], a[1], a[2]); });
    if (how == 4 && t.bits >= 32) {
      const ElementType same[] = {i32, u32, f32, i64, u64, f64};
      const ElementType from = same[below(3) + (t.bits == 64 ? 3 : 0)];
      const Value v = any(from);
      if (has_nan(v)) return {};
      return each({v}, [&](const std::vector<Term>& a) { return same_bits(a[0], t); });
    }
    if (how == 5 && t.is_signed() && t.bits >= 32)
      return each({any(below(2) ? f32 : f64)},
                  [&](const std::vector<Term>& a) { return truncated(a[0], t); });
    if (t == i64 && how == 6) {
      const auto plus = static_cast<int64_t>(below(5)) - 2;
      return each({any(t)}, [&](const std::vector<Term>& a) {
        return apply(Function::Sub, in_linear_form(a[0], plus), literal(i64, static_cast<uint64_t>(plus)));
      });
    }
    using enum Function;
    constexpr Function kOften[] = {Greater2,  Lesser2, Max, Min,    Equal, Less,
                                   LessEqual, Add,     Sub, BitXor, BitAnd};
    const Function f = below(2) ? kOften[below(std::size(kOften))]
                                : static_cast<Function>(below(static_cast<size_t>(Choose)));
    const ElementType of = loops::gives_bool(f) ? kTypes[below(std::size(kTypes))] : t;
    if (!loops::is_defined(f, of)) return {};
    const bool shifts = f == ShiftLeft || f == ShiftRight || f == ShiftRightLogical;
    std::vector<Value> a;
    for (int i = 0; i < loops::arity_of(f); ++i) a.push_back(any(of));
    if (f == CopySign && has_nan(a[1])) return {};
    if (shifts || f == FloorDiv || f == FloorMod) {  // by what programs have there
      const Term by = literal(of, shifts ? below(of.bits) : 1 + below(100));
      a[1] = {by, std::vector<Term>(kDraws, by)};
    }
    Value v = each(a, [&](const std::vector<Term>& x) {
      return apply(f, x[0], x.size() > 1 ? x[1] : Term{}, x.size() > 2 ? x[2] : Term{});
    });
    return v;
  }

  Term given(Term x, size_t draw, std::map<uint32_t, Term>& done) {
    if (term_literal_of(x)) return x;
    if (term_arguments(x).empty()) return pool_[static_cast<size_t>(term_input_index(x))].numbers[draw];
    if (const auto at = done.find(x.id); at != done.end()) return at->second;
    Term a[TermArguments::kMost];
    for (size_t i = 0; i < term_arguments(x).size(); ++i) a[i] = given(term_argument(x, i), draw, done);
    return done[x.id] = with_arguments(x, a);
  }

  std::mt19937_64 random_;
  std::vector<Value> pool_;  // the inputs first
  std::vector<Value> from_;  // what the last one was made of
};

TEST(Algebra, TermsAreWhatTheFunctionsCompute) {
  int simplified = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const TermScope scope;
    Fuzz fuzz(seed);
    for (int step = 0; step < 400; ++step) {
      const std::string wrong = fuzz.step();
      ASSERT_EQ(wrong, "") << "seed " << seed << ", step " << step;
    }
    simplified += fuzz.simplified;
  }
  EXPECT_GT(simplified, 1000);
}

// What two programs write in two ways is one term.
TEST(Algebra, TwoSpellingsAreOneTerm) {
  const TermScope scope;
  const auto x = [](ElementType t) { return term_input("x", 0, t); };
  const auto y = [](ElementType t) { return term_input("y", 0, t); };
  const auto n = [](ElementType t, int64_t v) { return literal(t, static_cast<uint64_t>(v)); };
  using enum Function;
  // Unsigned numbers are compared as signed ones with the sign bit flipped, numbers among them.
  EXPECT_EQ(apply(Equal, apply(BitXor, x(i64), n(i64, INT64_MIN)), n(i64, INT64_MIN)),
            apply(Equal, x(i64), n(i64, 0)));
  EXPECT_NE(apply(Equal, apply(BitXor, x(i64), n(i64, INT64_MIN)), n(i64, 0)),
            apply(Equal, x(i64), n(i64, 0)));
  // Truth as a number.
  EXPECT_EQ(apply(Equal, converted(x(boolean), i64), n(i64, 1)), x(boolean));
  EXPECT_EQ(apply(Equal, converted(x(boolean), i64), n(i64, 2)), truth(false));
  // Limits, in any order, and of what lies inside anyhow.
  EXPECT_EQ(apply(Greater2, x(i32), y(i32)), apply(Greater2, y(i32), x(i32)));
  EXPECT_NE(apply(Greater2, x(f32), y(f32)), apply(Greater2, y(f32), x(f32)));
  EXPECT_EQ(apply(Greater2, apply(Greater2, x(i32), n(i32, 3)), n(i32, 5)),
            apply(Greater2, x(i32), n(i32, 5)));
  EXPECT_NE(apply(Lesser2, apply(Greater2, x(i32), n(i32, 3)), n(i32, 5)), apply(Lesser2, x(i32), n(i32, 5)));
  EXPECT_EQ(apply(Greater2, converted(x(u8), i32), n(i32, 0)), converted(x(u8), i32));
  EXPECT_NE(apply(Greater2, converted(x(u8), i32), n(i32, 1)), converted(x(u8), i32));
  const Term limited = apply(Lesser2, apply(Greater2, x(i32), n(i32, -128)), n(i32, 127));
  EXPECT_EQ(converted(converted(limited, i8), i32), limited);
  EXPECT_NE(converted(converted(limited, u8), i32), limited);
  const Term wider = apply(Lesser2, apply(Greater2, x(i32), n(i32, -128)), n(i32, 128));
  EXPECT_NE(converted(converted(wider, i8), i32), wider);
  EXPECT_NE(converted(converted(x(u64), i64), f32), converted(x(u64), f32));
}

}  // namespace
}  // namespace tauto::proof
