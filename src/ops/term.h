// Symbolic terms: every value is the expression that made it, hash-consed, each rounding operation
// uninterpreted. Two programs whose outputs are the same terms compute the same bits for all inputs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "graph/element_type.h"

namespace tauto {

struct Term {
  uint32_t id = 0;  // in the table of this thread; equal terms have equal ids
  friend bool operator==(Term, Term) = default;
};

// What a term was made by: a function, "" for a literal, "x[" for an input called x. Names are numbered once
// for the process, so that proofs, which make terms by the million, compare numbers.
struct TermName {
  uint32_t id = 0;
  friend bool operator==(TermName, TermName) = default;
};
TermName term_name(std::string_view name);
std::string_view text_of(TermName name);

class TermArguments {
 public:
  static constexpr size_t kMost = 4;
  TermArguments() = default;
  TermArguments(const uint32_t* ids, size_t count) : count_(count) {
    for (size_t i = 0; i < count; ++i) terms_[i] = Term{ids[i]};
  }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Term operator[](size_t i) const { return terms_[i]; }
  const Term* begin() const { return terms_; }
  const Term* end() const { return terms_ + count_; }

 private:
  Term terms_[kMost];
  size_t count_ = 0;
};

// The table lives as long as the scope; terms of different scopes must not meet.
class TermScope {
 public:
  TermScope();
  ~TermScope();
  TermScope(const TermScope&) = delete;
  TermScope& operator=(const TermScope&) = delete;

 private:
  void* outer_;
};

Term term_input(std::string_view name, int64_t index, ElementType type);
Term term_input(TermName name_and_bracket, int64_t index, ElementType type);
Term term_literal(ElementType type, uint64_t bits);
Term term_number(ElementType type, double value);  // value rounded to the type
Term term_apply(std::string_view function, ElementType type, std::initializer_list<Term> arguments);
Term term_apply(TermName function, ElementType type, std::initializer_list<Term> arguments);
ElementType term_type(Term t);
std::optional<uint64_t> term_literal_of(Term t);  // the bits, when it is a literal
TermName term_name_of(Term t);
std::string_view term_function(Term t);  // as text
TermArguments term_arguments(Term t);
Term term_argument(Term t, size_t i);
int64_t term_input_index(Term t);
std::string text_of(Term t);  // fma(x[3], w[7], 0)
size_t term_count();          // terms made in this scope

}  // namespace tauto

namespace tauto::num {

Term like(Term x, double v);
#define TAUTO_TERM_UNARY(name) \
  inline Term name(Term a) { return term_apply(#name, term_type(a), {a}); }
#define TAUTO_TERM_BINARY(name) \
  inline Term name(Term a, Term b) { return term_apply(#name, term_type(a), {a, b}); }
#define TAUTO_TERM_TEST(name) \
  inline Term name(Term a, Term b) { return term_apply(#name, boolean, {a, b}); }
TAUTO_TERM_UNARY(abs)
TAUTO_TERM_UNARY(negate)
TAUTO_TERM_UNARY(sign)
TAUTO_TERM_UNARY(sqrt)
TAUTO_TERM_UNARY(floor)
TAUTO_TERM_UNARY(ceil)
TAUTO_TERM_UNARY(truncate)
TAUTO_TERM_UNARY(round_even)
TAUTO_TERM_UNARY(bit_not)
TAUTO_TERM_UNARY(count_bits)
TAUTO_TERM_UNARY(logical_not)
TAUTO_TERM_BINARY(max)
TAUTO_TERM_BINARY(min)
TAUTO_TERM_BINARY(divide)
TAUTO_TERM_BINARY(remainder)
TAUTO_TERM_BINARY(modulo)
TAUTO_TERM_BINARY(bit_and)
TAUTO_TERM_BINARY(bit_or)
TAUTO_TERM_BINARY(bit_xor)
TAUTO_TERM_BINARY(shift_left)
TAUTO_TERM_BINARY(shift_right)
TAUTO_TERM_BINARY(logical_and)
TAUTO_TERM_BINARY(logical_or)
TAUTO_TERM_BINARY(logical_xor)
TAUTO_TERM_TEST(less)
TAUTO_TERM_TEST(less_equal)
TAUTO_TERM_TEST(equal)
#undef TAUTO_TERM_UNARY
#undef TAUTO_TERM_BINARY
#undef TAUTO_TERM_TEST
inline Term fma(Term a, Term b, Term c) { return term_apply("fma", term_type(c), {a, b, c}); }
inline Term select(Term c, Term a, Term b) { return term_apply("select", term_type(a), {c, a, b}); }
inline Term is_nan(Term a) { return term_apply("is_nan", boolean, {a}); }
inline Term is_infinite(Term a) { return term_apply("is_infinite", boolean, {a}); }

}  // namespace tauto::num

namespace tauto {
inline Term operator+(Term a, Term b) { return term_apply("add", term_type(a), {a, b}); }
inline Term operator-(Term a, Term b) { return term_apply("sub", term_type(a), {a, b}); }
inline Term operator*(Term a, Term b) { return term_apply("mul", term_type(a), {a, b}); }
}  // namespace tauto
