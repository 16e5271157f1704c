// Tensors as NumPy's arrays, see npy_tensor.h.
#include "graph/npy_tensor.h"

namespace tauto {
namespace {

// The element type whose elements .npy files hold as they are, for any of ours.
ElementType stored_as(ElementType t) {
  if (t == bf16) return u16;
  if (t.is_integer() && t.bits < 8) return t.is_signed() ? i8 : u8;
  if (t.is_small_float()) return u8;
  return t;
}

std::string descr_of(ElementType t) {
  if (t.is_string()) return "<U";
  const char kind = t.is_bool()               ? 'b'
                    : t.kind == Kind::Complex ? 'c'
                    : t.is_float()            ? 'f'
                    : t.is_signed()           ? 'i'
                                              : 'u';
  return cat(t.bytes() == 1 ? '|' : '<', kind, t.bytes());
}

}  // namespace

ElementType element_of(const NpyArray& a) {
  if (a.is_text()) return text;
  const auto bits = static_cast<uint8_t>(8 * std::stoi(a.descr.substr(2)));
  switch (a.descr[1]) {
    case 'b':
      return boolean;
    case 'i':
      return {Kind::Signed, bits};
    case 'u':
      return {Kind::Unsigned, bits};
    case 'c':
      return {Kind::Complex, bits};
    default:
      return {Kind::Float, bits};
  }
}

Tensor tensor_of(const NpyArray& a, const Type& declared, const std::string& where) {
  const ElementType element = element_of(a);
  if (a.is_text()) {
    Tensor t(text, a.shape);
    for (size_t i = 0; i < a.strings.size(); ++i) t.data<std::string>()[i] = a.strings[i];
    return t;
  }
  const Bytes bytes = aligned(a.data, 8);
  Tensor t(element, a.shape, bytes.owner, bytes.data());
  if (t.count() == 0) t = Tensor(element, a.shape);
  if (element.is_bool()) {
    Tensor clean(boolean, a.shape);
    for (int64_t i = 0; i < t.count(); ++i)
      static_cast<uint8_t*>(clean.raw())[i] = static_cast<const uint8_t*>(t.raw())[i] != 0;
    return clean;
  }
  const ElementType wanted = declared.is_tensor() ? declared.element : element;
  if (wanted == element || stored_as(wanted) != element) return t;
  if (wanted.bits < 8) {
    const int64_t least = wanted.is_integer() ? wanted.min_value() : 0;
    const int64_t most = wanted.is_integer() ? static_cast<int64_t>(wanted.max_value()) : 15;
    for (const int64_t v : t.as_ints())
      if (v < least || v > most)
        fail(where, ": required elements of ", wanted, ", ", least, " to ", most, ", got ", v);
  }
  return t.retyped(wanted);
}

NpyArray array_of(const Tensor& t) {
  const bool ideal = t.rep() == Rep::Ideal && t.type().is_float();
  NpyArray a;
  a.descr = descr_of(ideal ? f64 : stored_as(t.type()));
  a.shape = t.shape();
  if (t.type().is_string()) {
    const auto v = t.values<std::string>();
    a.strings.assign(v.begin(), v.end());
  } else {
    const auto keep = std::make_shared<Tensor>(t);
    a.data = {keep, {static_cast<const uint8_t*>(t.raw()), static_cast<size_t>(t.count() ? t.bytes() : 0)}};
  }
  return a;
}

}  // namespace tauto
