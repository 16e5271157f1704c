// Conversions of element types, and operators that change nothing.
#include <algorithm>

#include "onnx/conversion.h"

namespace tauto::onnx::convert {
namespace {

void convert_to(Conversion& c, ElementType to) {
  if (to == c.element(0)) return c.out(c.in(0));
  Attributes a{{"to", to}};
  if (to.is_small_float()) {
    a.set("saturate", c.attr_int("saturate", 1));
    if (to.kind == Kind::F8E8M0) a.set("round_mode", c.attr_string("round_mode", "up"));
  }
  c.out(c.add(ops::cast, {c.in(0)}, std::move(a)));
}

// Before operator set 6 the type is a name as in TensorProto.DataType.
ElementType named_type(Conversion& c, const std::string& name) {
  static constexpr std::pair<const char*, ElementType> kNames[] = {
      {"FLOAT", f32},  {"UINT8", u8},   {"INT8", i8},     {"UINT16", u16},   {"INT16", i16},
      {"INT32", i32},  {"INT64", i64},  {"STRING", text}, {"BOOL", boolean}, {"FLOAT16", f16},
      {"DOUBLE", f64}, {"UINT32", u32}, {"UINT64", u64},
  };
  for (const auto& [n, type] : kNames)
    if (name == n) return type;
  c.refuse(cat("to: required the name of a type, got \"", name, "\""));
}

bool is_zero(const Tensor& t) {
  const char* p = static_cast<const char*>(t.raw());
  return std::all_of(p, p + t.bytes(), [](char byte) { return byte == 0; });
}

}  // namespace

void Cast(Conversion& c) {
  convert_to(c, c.version >= 6 ? c.element_type(c.attr_int("to")) : named_type(c, c.attr_string("to", "")));
}
void CastLike(Conversion& c) { convert_to(c, c.element(1)); }
void BitCast(Conversion& c) {
  c.out(c.add(ops::bit_cast, {c.in(0)}, {{"to", c.element_type(c.attr_int("to"))}}));
}

void Identity(Conversion& c) { c.out(c.in(0)); }

// Inference: the input itself, and a mask that keeps everything. Training is the same when the ratio is 0.
void Dropout(Conversion& c) {
  const bool trains = c.version < 7    ? c.attr_int("is_test", 0) == 0
                      : c.version < 12 ? false
                                       : c.has(2) && !is_zero(c.required_tensor(2));
  const auto drops = [&] {
    if (c.version < 12) return c.attr_float("ratio", 0.5f) != 0;
    return !c.has(1) || !is_zero(c.required_tensor(1));  // absent: 1/2
  };
  if (trains && drops())
    c.refuse("training with a ratio other than 0 is not supported: it draws random numbers");
  c.out(c.in(0));
  if (!c.wants(1)) return;
  const ElementType e = c.version >= 10 ? boolean : c.element(0);
  // true at every point of x, whatever its shape is.
  const Id all = c.add(ops::logical_or, {c.add(ops::equal, {c.in(0), c.in(0)}), c.number(1, boolean)});
  c.out(1, e == boolean ? all : c.add(ops::cast, {all}, {{"to", e}}));
}

}  // namespace tauto::onnx::convert
