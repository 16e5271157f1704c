// Export of elementwise operators.
#include "onnx/exporter.h"
#include "onnx/import.h"
#include "ops/ops.h"

namespace tauto::onnx {
namespace {

struct Plain {
  const Op* op;
  const char* onnx;
};

constexpr Plain kPlain[] = {
    {&ops::abs, "Abs"},
    {&ops::acos, "Acos"},
    {&ops::acosh, "Acosh"},
    {&ops::add, "Add"},
    {&ops::asin, "Asin"},
    {&ops::asinh, "Asinh"},
    {&ops::atan, "Atan"},
    {&ops::atanh, "Atanh"},
    {&ops::bit_and, "BitwiseAnd"},
    {&ops::bit_not, "BitwiseNot"},
    {&ops::bit_or, "BitwiseOr"},
    {&ops::bit_xor, "BitwiseXor"},
    {&ops::ceil, "Ceil"},
    {&ops::cos, "Cos"},
    {&ops::cosh, "Cosh"},
    {&ops::div, "Div"},
    {&ops::equal, "Equal"},
    {&ops::erf, "Erf"},
    {&ops::exp, "Exp"},
    {&ops::floor, "Floor"},
    {&ops::is_nan, "IsNaN"},
    {&ops::less, "Less"},
    {&ops::less_equal, "LessOrEqual"},
    {&ops::log, "Log"},
    {&ops::logical_and, "And"},
    {&ops::logical_not, "Not"},
    {&ops::logical_or, "Or"},
    {&ops::logical_xor, "Xor"},
    {&ops::max, "Max"},
    {&ops::min, "Min"},
    {&ops::mul, "Mul"},
    {&ops::neg, "Neg"},
    {&ops::pow, "Pow"},
    {&ops::relu, "Relu"},
    {&ops::round, "Round"},
    {&ops::sigmoid, "Sigmoid"},
    {&ops::sign, "Sign"},
    {&ops::sin, "Sin"},
    {&ops::sinh, "Sinh"},
    {&ops::sqrt, "Sqrt"},
    {&ops::sub, "Sub"},
    {&ops::tan, "Tan"},
    {&ops::tanh, "Tanh"},
    {&ops::where, "Where"},
};

}  // namespace

std::string export_elementwise(Exporter& e) {
  const Op* op = e.node().op;
  const Attributes& a = e.node().attributes;
  const ElementType x = e.input_type(0).element;
  for (const Plain& p : kPlain)
    if (op == p.op) return e.add(p.onnx, e.inputs());
  if (op == &ops::cast) {
    const ElementType to = a.get<ElementType>("to");
    std::vector<AttributeProto> attributes{e.attribute("to", int64_t{data_type_of(to)})};
    if (to.is_small_float()) attributes.push_back(e.attribute("saturate", a.get_or<int64_t>("saturate", 1)));
    return e.add("Cast", e.inputs(), std::move(attributes));
  }
  if (op == &ops::is_inf)
    return e.add("IsInf", e.inputs(),
                 {e.attribute("detect_negative", a.get_or<int64_t>("negative", 1)),
                  e.attribute("detect_positive", a.get_or<int64_t>("positive", 1))});
  if (op == &ops::rem) return e.add("Mod", e.inputs(), {e.attribute("fmod", int64_t{1})});
  if (op == &ops::mod && x.is_integer()) return e.add("Mod", e.inputs());
  if ((op == &ops::shift_left || op == &ops::shift_right) && !x.is_signed())
    return e.add("BitShift", e.inputs(),
                 {e.attribute("direction", op == &ops::shift_left ? "LEFT" : "RIGHT")});
  if (op == &ops::trunc) {  // floor or ceil, by the sign
    const std::string negative = e.add("Less", {e.input(0), e.constant(Tensor(x, {}))});
    return e.add("Where", {negative, e.add("Ceil", {e.input(0)}), e.add("Floor", {e.input(0)})});
  }
  e.refuse("the operator cannot be said in ONNX with the same bits");
}

}  // namespace tauto::onnx
