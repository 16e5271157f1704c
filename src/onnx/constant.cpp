// Constant: a tensor in one of its attributes.
#include "onnx/conversion.h"

namespace tauto::onnx::convert {

void Constant(Conversion& c) {
  if (c.has_attribute("value")) return c.out(c.b.constant(c.attr_tensor("value")));
  if (c.has_attribute("sparse_value")) return c.out(c.b.constant(c.attr_sparse_tensor("sparse_value")));
  if (c.has_attribute("value_float")) return c.out(c.b.scalar<float>(c.attr_float("value_float", 0)));
  if (c.has_attribute("value_int")) return c.out(c.b.scalar<int64_t>(c.attr_int("value_int")));
  if (c.has_attribute("value_string"))
    return c.out(c.b.scalar<std::string>(c.attr_string("value_string", "")));
  const auto list = [&](const auto& v) {
    using T = typename std::decay_t<decltype(v)>::value_type;
    c.out(c.b.constant(Tensor::of<T>({static_cast<int64_t>(v.size())}, v)));
  };
  if (c.has_attribute("value_floats")) return list(c.attr_floats("value_floats"));
  if (c.has_attribute("value_ints")) return list(c.attr_ints("value_ints"));
  if (c.has_attribute("value_strings")) return list(c.attr_strings("value_strings"));
  c.refuse("one of the value attributes is required");
}

}  // namespace tauto::onnx::convert
