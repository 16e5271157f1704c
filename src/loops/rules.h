// The simplifier's rules as data: pattern, replacement, condition. Each is exact: the same bits for every
// value the wildcards may have (NaNs being one value). The table is also its own test:
// tests/loops/rules_test.cpp makes each rule fire on random instances of every type it claims and compares
// both sides.
//
//   pattern = function "(" pattern,* ")" | number | "true" | "false" | wildcard
//   wildcard: x y z any expression, p q any bool, a b c a literal or a size; twice the same: the same
//   expression a condition may bind further letters, which the replacement uses
#pragma once

#include <map>
#include <span>
#include <string_view>

#include "loops/affine.h"
#include "loops/loops.h"

namespace tauto::loops {

using Bindings = std::map<char, Expr>;

// The types of the first argument a rule holds for. Index: i64 expressions whose ranges are known, so that
// nothing can wrap.
enum class Claim : uint8_t { Index, Integers, Floats, Signed, Numbers, Ordered, Bools, All };
bool claims(Claim claim, ElementType t);

struct Rule {
  const char* from;
  const char* to;
  Claim types;
  const char* condition = "";                                     // in words
  bool (*when)(Bindings& match, const Ranges& ranges) = nullptr;  // nullptr: always
};
std::span<const Rule> rules();

// The replacement of e, undefined if the rule does not match or its condition does not hold.
Expr apply_rule(const Rule& rule, const Expr& e, const Ranges& ranges);
// The first rule that matches.
Expr apply_rules(const Expr& e, const Ranges& ranges);

// A pattern with expressions for its wildcards; `type` is that of its numbers.
Expr instance(std::string_view pattern, ElementType type, const Bindings& bindings);

// No value of e is NaN, whatever the buffers hold (beyond what Buffer::finite promises).
bool never_nan(const Expr& e);

}  // namespace tauto::loops
