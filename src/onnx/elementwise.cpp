// Elementwise operators that map to one of ours.
#include "onnx/broadcast.h"

namespace tauto::onnx::convert {
namespace {

void one(Conversion& c, const Op& op) { c.out(c.add(op, {c.in(0)})); }
void two(Conversion& c, const Op& op) { c.out(c.add(op, operands(c))); }
void swapped(Conversion& c, const Op& op) { c.out(c.add(op, {second_operand(c), c.in(0)})); }

}  // namespace

void Add(Conversion& c) { two(c, ops::add); }
void Sub(Conversion& c) { two(c, ops::sub); }
void Mul(Conversion& c) { two(c, ops::mul); }
void Div(Conversion& c) { two(c, ops::div); }
void Mod(Conversion& c) { two(c, c.attr_int("fmod", 0) != 0 ? ops::rem : ops::mod); }

void Neg(Conversion& c) { one(c, ops::neg); }
void Abs(Conversion& c) { one(c, ops::abs); }
void Sign(Conversion& c) { one(c, ops::sign); }
void Sqrt(Conversion& c) { one(c, ops::sqrt); }
void Floor(Conversion& c) { one(c, ops::floor); }
void Ceil(Conversion& c) { one(c, ops::ceil); }
void Round(Conversion& c) { one(c, ops::round); }

void Exp(Conversion& c) { one(c, ops::exp); }
void Log(Conversion& c) { one(c, ops::log); }
void Sin(Conversion& c) { one(c, ops::sin); }
void Cos(Conversion& c) { one(c, ops::cos); }
void Tan(Conversion& c) { one(c, ops::tan); }
void Asin(Conversion& c) { one(c, ops::asin); }
void Acos(Conversion& c) { one(c, ops::acos); }
void Atan(Conversion& c) { one(c, ops::atan); }
void Sinh(Conversion& c) { one(c, ops::sinh); }
void Cosh(Conversion& c) { one(c, ops::cosh); }
void Tanh(Conversion& c) { one(c, ops::tanh); }
void Asinh(Conversion& c) { one(c, ops::asinh); }
void Acosh(Conversion& c) { one(c, ops::acosh); }
void Atanh(Conversion& c) { one(c, ops::atanh); }
void Erf(Conversion& c) { one(c, ops::erf); }
void Sigmoid(Conversion& c) { one(c, ops::sigmoid); }
void Relu(Conversion& c) { one(c, ops::relu); }

void Equal(Conversion& c) { two(c, ops::equal); }
void Less(Conversion& c) { two(c, ops::less); }
void LessOrEqual(Conversion& c) { two(c, ops::less_equal); }
void Greater(Conversion& c) { swapped(c, ops::less); }
void GreaterOrEqual(Conversion& c) { swapped(c, ops::less_equal); }

void And(Conversion& c) { two(c, ops::logical_and); }
void Or(Conversion& c) { two(c, ops::logical_or); }
void Xor(Conversion& c) { two(c, ops::logical_xor); }
void Not(Conversion& c) { one(c, ops::logical_not); }

void BitwiseAnd(Conversion& c) { two(c, ops::bit_and); }
void BitwiseOr(Conversion& c) { two(c, ops::bit_or); }
void BitwiseXor(Conversion& c) { two(c, ops::bit_xor); }
void BitwiseNot(Conversion& c) { one(c, ops::bit_not); }

void BitShift(Conversion& c) {
  const std::string direction = c.attr_string("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    c.refuse(cat("direction: required LEFT or RIGHT, got \"", direction, "\""));
  two(c, direction == "LEFT" ? ops::shift_left : ops::shift_right);
}

void Where(Conversion& c) { c.out(c.add(ops::where, {c.in(0), c.in(1), c.in(2)})); }

}  // namespace tauto::onnx::convert
