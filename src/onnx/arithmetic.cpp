// Arithmetic that is a composition: n-ary operators as chains from the left, mixed types, reciprocals.
#include "onnx/broadcast.h"

namespace tauto::onnx::convert {
namespace {

// op(op(x0, x1), x2) …
Id chain(Conversion& c, const Op& op) {
  const std::vector<Id> in = c.inputs();
  if (in.empty()) c.refuse("at least one input is required");
  Id r = in[0];
  for (size_t i = 1; i < in.size(); ++i) r = c.add(op, {r, in[i]});
  return r;
}

Id cast(Conversion& c, Id x, ElementType to) {
  return c.type_of(x).element == to ? x : c.add(ops::cast, {x}, {{"to", to}});
}

}  // namespace

void Max(Conversion& c) { c.out(chain(c, ops::max)); }
void Min(Conversion& c) { c.out(chain(c, ops::min)); }
void Sum(Conversion& c) { c.out(chain(c, ops::add)); }
void Mean(Conversion& c) {
  const Id sum = chain(c, ops::add);
  c.out(c.add(ops::div, {sum, c.number(c.count(), c.element(0))}));
}

void Reciprocal(Conversion& c) { c.out(c.add(ops::div, {c.number(1, c.element(0)), c.in(0)})); }

// The result has the base's type. An exponent of another type: two integer types meet in 64 bits; a float
// base takes the exponent as its own type; an integer base with a float exponent is raised in f64.
void Pow(Conversion& c) {
  const ElementType base = c.element(0), exponent = c.element(1);
  Id x = c.in(0), y = second_operand(c);
  if (base != exponent) {
    const ElementType in = base.is_float()                            ? base
                           : exponent.is_float()                      ? f64
                           : base.is_signed() || exponent.is_signed() ? i64
                                                                      : u64;
    x = cast(c, x, in), y = cast(c, y, in);
  }
  c.out(cast(c, c.add(ops::pow, {x, y}), base));
}

// min(high, max(low, x)); a bound that is absent does nothing.
void Clip(Conversion& c) {
  Id x = c.in(0);
  const ElementType e = c.element(0);
  if (c.version >= 11) {
    if (c.has(1)) x = c.add(ops::max, {c.in(1), x});
    if (c.has(2)) x = c.add(ops::min, {c.in(2), x});
  } else {
    // Operator set 6 has defaults: the ends of f32, which cut infinities.
    constexpr float kLargest = 3.402823466e38f;
    const bool ends = c.version >= 6 && (e == f32 || e == f64);
    if (ends || c.has_attribute("min")) x = c.add(ops::max, {c.number(c.attr_float("min", -kLargest), e), x});
    if (ends || c.has_attribute("max")) x = c.add(ops::min, {c.number(c.attr_float("max", kLargest), e), x});
  }
  c.out(x);
}

void IsNaN(Conversion& c) {
  const Id x = c.element(0).is_small_float() ? cast(c, c.in(0), f32) : c.in(0);
  c.out(c.add(ops::is_nan, {x}));
}
void IsInf(Conversion& c) {
  const Id x = c.element(0).is_small_float() ? cast(c, c.in(0), f32) : c.in(0);
  c.out(c.add(
      ops::is_inf, {x},
      {{"negative", c.attr_int("detect_negative", 1)}, {"positive", c.attr_int("detect_positive", 1)}}));
}

}  // namespace tauto::onnx::convert
