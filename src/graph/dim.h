// A dimension: an integer, or an integer expression over named symbols, always in canonical form.
//
//   dim    := term (('+' | '-') term)*                      2*N + 1
//   term   := integer | [integer '*'] factor ('*' factor)*  -3*N*floor(M/2)
//   factor := symbol | 'floor(' n '/' d ')' | 'mod(' dim ',' dim ')'
//           | ('max' | 'min' | 'bcast') '(' dim (',' dim)+ ')'
//
// Two dimensions that are equal as polynomials over these factors compare equal (N*2+1 == 1+N+N), and the
// factors are rewritten by laws that hold for every integer: floor((4*N + 5)/2) = 2*N + 2, nested floors
// join. Symbols stand for sizes >= 0; this decides max and min where a difference has a definite sign.
// Wherever an expression as written has a value, its canonical form has the same value. (The converse may
// fail: 0*floor(N/M) is 0 also at M = 0.)
//
// bcast(a, b) is the size two broadcast axes have together: a == 1 ? b : a, supposing that the broadcast is
// legal (a == b or one of them is 1). It is therefore symmetric: bcast(N, M) == bcast(M, N).
//
// Errors (tauto::Error): overflow of 64 bits, division by zero, an illegal broadcast of two literals, and
// expressions of more than kMaxTerms terms, kMaxDepth nesting, kMaxArgs arguments or kMaxSize atoms in all.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tauto {

class Dim {
 public:
  struct Poly;  // the expression of a dimension that is no literal: dim_form.h
  static constexpr size_t kMaxTerms = 64;
  static constexpr int kMaxDepth = 32;
  static constexpr size_t kMaxSize = 1024;
  static constexpr size_t kMaxArgs = 32;

  Dim() = default;
  Dim(int64_t value) : value_(value) {}
  static Dim symbol(std::string name);

  bool is_literal() const { return !poly_; }
  int64_t literal() const;  // CHECKs is_literal()
  std::optional<int64_t> as_literal() const { return poly_ ? std::nullopt : std::optional(value_); }
  bool is_symbol() const;
  const std::string& symbol_name() const;  // CHECKs is_symbol()

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a);
  Dim& operator+=(const Dim& b) { return *this = *this + b; }
  Dim& operator-=(const Dim& b) { return *this = *this - b; }
  Dim& operator*=(const Dim& b) { return *this = *this * b; }

  // Found by their Dim argument only, so that they never catch max(float, float).
  friend Dim floor_div(const Dim& a, const Dim& b);  // rounds towards minus infinity
  friend Dim ceil_div(const Dim& a, const Dim& b);   // rounds towards plus infinity
  friend Dim trunc_div(const Dim& a, const Dim& b);  // rounds towards zero
  friend Dim mod(const Dim& a, const Dim& b);        // a - b*floor_div(a, b): the sign of b
  friend Dim max(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim broadcast(const Dim& a, const Dim& b);

  // a / b where the caller knows that b is not 0 and divides a: common factors cancel,
  // exact_div(N*12*64, 64*N) == 12. Literals that break the promise are an Error.
  friend Dim exact_div(const Dim& a, const Dim& b);

  friend bool operator==(const Dim& a, const Dim& b) {
    return a.poly_ || b.poly_ ? compare(a, b) == 0 : a.value_ == b.value_;
  }
  friend std::strong_ordering operator<=>(const Dim& a, const Dim& b) { return compare(a, b) <=> 0; }
  size_t hash() const;  // the same in every run

  // A total order by structure: expressions first, then literals by value. Negative, 0 or positive.
  static int compare(const Dim& a, const Dim& b);

  const Poly* poly() const { return poly_.get(); }
  static Dim of(Poly&& poly);  // dim_form.h

 private:
  int64_t value_ = 0;
  std::shared_ptr<const Poly> poly_;
};

// Values of symbols, in the order of their names.
class Env {
 public:
  // False, and no change, if `name` is bound to another value. Error if value < 0.
  bool bind(const std::string& name, int64_t value);
  std::optional<int64_t> lookup(std::string_view name) const;
  const std::map<std::string, int64_t, std::less<>>& values() const { return values_; }
  friend bool operator==(const Env&, const Env&) = default;

 private:
  std::map<std::string, int64_t, std::less<>> values_;
};

// The value; nothing if a symbol is unbound.
std::optional<int64_t> evaluate(const Dim& dim, const Env& env);

// All symbols at once; those that are not bound stay.
Dim substitute(const Dim& dim, const Env& env);
Dim substitute(const Dim& dim, const std::map<std::string, Dim>& map);

// Adds the symbols of `dim` that are not yet in `out`, by first appearance in the printed text.
void symbols_of(const Dim& dim, std::vector<std::string>& out);

// Makes pattern == value: if it is a*S + b in its only unbound symbol S, binds S. False, and no change, if no
// value of S >= 0 can do it (or if the pattern has no value here). True without binding where it cannot tell.
bool unify(const Dim& pattern, int64_t value, Env& env);

// Sound bounds over all symbols >= 0, not always the best ones.
std::optional<int64_t> lower_bound(const Dim& dim);
std::optional<int64_t> upper_bound(const Dim& dim);

// The grammar above. Symbols that are not [A-Za-z_?][A-Za-z0-9_.?]* (or are a function's name) are printed
// "in quotes" with \" \\ \xHH. The parser accepts any spacing, parentheses and order, and takes quoted names
// anywhere.
std::string text_of(const Dim& dim);
Dim parse_dim(std::string_view text);          // all of the text, or Error
Dim parse_dim_prefix(std::string_view& text);  // the longest dimension at its start; removes it from text

}  // namespace tauto

template <>
struct std::hash<tauto::Dim> {
  size_t operator()(const tauto::Dim& dim) const { return dim.hash(); }
};
