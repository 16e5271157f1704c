// numpy ⇄ Value, see values.h.
#include "python/values.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>

#include "ops/interval.h"

namespace nb = nanobind;
using namespace nanobind::literals;  // "name"_a

namespace tauto::python {
namespace {

// How the elements lie in numpy's memory, compared with ours.
enum class Form : uint8_t { Same, Nibble, Strings };

struct Row {
  ElementType ours;
  const char* numpy;
  bool in_ml_dtypes = false;
  Form form = Form::Same;
};
constexpr Row kRows[] = {
    {f32, "float32"},
    {f64, "float64"},
    {f16, "float16"},
    {i8, "int8"},
    {i16, "int16"},
    {i32, "int32"},
    {i64, "int64"},
    {u8, "uint8"},
    {u16, "uint16"},
    {u32, "uint32"},
    {u64, "uint64"},
    {boolean, "bool"},
    {text, "str", false, Form::Strings},
    {{Kind::Complex, 64}, "complex64"},
    {{Kind::Complex, 128}, "complex128"},
    {bf16, "bfloat16", true},
    {{Kind::F8E4M3FN, 8}, "float8_e4m3fn", true},
    {{Kind::F8E4M3FNUZ, 8}, "float8_e4m3fnuz", true},
    {{Kind::F8E5M2, 8}, "float8_e5m2", true},
    {{Kind::F8E5M2FNUZ, 8}, "float8_e5m2fnuz", true},
    {{Kind::F8E8M0, 8}, "float8_e8m0fnu", true},
    {{Kind::F4E2M1, 4}, "float4_e2m1fn", true, Form::Nibble},
    {i4, "int4", true, Form::Nibble},
    {u4, "uint4", true, Form::Nibble},
    {i2, "int2", true, Form::Nibble},
    {u2, "uint2", true, Form::Nibble},
};

const Row& row_of(ElementType t) {
  for (const Row& r : kRows)
    if (r.ours == t) return r;
  fail("elements ", t, " have no numpy type");
}

const Row* row_named(std::string_view name) {
  for (const Row& r : kRows)
    if (r.form != Form::Strings && name == r.numpy) return &r;
  return nullptr;
}

nb::module_ numpy() { return nb::module_::import_("numpy"); }

// numpy's dtype for these elements; where ml_dtypes is missing, the unsigned integers of the same size.
nb::object dtype_of(const Row& r) {
  if (r.form == Form::Strings) return numpy().attr("dtype")("O");
  if (!r.in_ml_dtypes) return numpy().attr("dtype")(r.numpy);
  try {
    return numpy().attr("dtype")(nb::module_::import_("ml_dtypes").attr(r.numpy));
  } catch (nb::python_error& e) {
    if (!e.matches(PyExc_ImportError) && !e.matches(PyExc_AttributeError)) throw;
    return numpy().attr("dtype")(r.ours.bytes() == 2 ? "uint16" : "uint8");
  }
}

// Keeps a Python object alive from threads that do not hold the GIL.
std::shared_ptr<const void> owner_of(nb::object object) {
  return {object.release().ptr(), [](PyObject* p) {
            if (!Py_IsInitialized()) return;
            const nb::gil_scoped_acquire gil;
            Py_DECREF(p);
          }};
}

std::string class_of(nb::handle object) { return nb::cast<std::string>(object.type().attr("__name__")); }

Shape shape_of(nb::handle array) {
  Shape shape;
  for (nb::handle d : nb::cast<nb::tuple>(array.attr("shape"))) shape.push_back(nb::cast<int64_t>(d));
  return shape;
}

std::string text_of_array(nb::handle array) {
  const nb::object name = array.attr("dtype").attr("name");
  return cat(nb::cast<std::string>(name), std::span<const int64_t>(shape_of(array)));
}

// Sign- or zero-extends the low bits of each byte.
Tensor from_nibbles(const Tensor& raw, ElementType type) {
  Tensor t(type, raw.shape());
  const int shift = 8 - type.bits;
  for (int64_t i = 0; i < raw.count(); ++i) {
    const auto high = static_cast<uint8_t>(raw.data<uint8_t>()[i] << shift);
    t.data<uint8_t>()[i] = type.is_signed() ? static_cast<uint8_t>(static_cast<int8_t>(high) >> shift)
                                            : static_cast<uint8_t>(high >> shift);
  }
  return t;
}

Tensor from_strings(nb::handle array, const std::string& where) {
  Tensor t(text, shape_of(array));
  int64_t i = 0;
  for (nb::handle item : array.attr("ravel")()) {
    if (nb::isinstance<nb::bytes>(item)) {
      const auto bytes = nb::cast<nb::bytes>(item);
      t.data<std::string>()[i++] = std::string(bytes.c_str(), bytes.size());
    } else if (nb::isinstance<nb::str>(item)) {
      t.data<std::string>()[i++] = nb::cast<std::string>(item);
    } else {
      fail(where, ": required strings, got ", class_of(item));
    }
  }
  return t;
}

bool is_true(nb::handle h) { return PyObject_IsTrue(h.ptr()) == 1; }

Tensor tensor_of(nb::object array, const Type& declared, const std::string& where) {
  const nb::object dtype = array.attr("dtype");
  const auto kind = nb::cast<std::string>(dtype.attr("kind"));
  if (kind == "O" || kind == "U" || kind == "S" || kind == "T") return from_strings(array, where);
  const Row* row = row_named(nb::cast<std::string>(dtype.attr("name")));
  if (!row) fail(where, ": required ", declared, ", got ", text_of_array(array));
  if (!is_true(dtype.attr("isnative"))) array = array.attr("astype")(dtype.attr("newbyteorder")("="));
  const nb::object flags = array.attr("flags");
  if (!is_true(flags.attr("c_contiguous")) || !is_true(flags.attr("aligned"))) {
    nb::list wanted;
    wanted.append("C");
    wanted.append("A");
    array = numpy().attr("require")(array, nb::none(), wanted);
  }
  Shape shape = shape_of(array);
  const auto address = nb::cast<uintptr_t>(array.attr("ctypes").attr("data"));
  const ElementType stored = row->form == Form::Nibble ? u8 : row->ours;
  Tensor t(stored, std::move(shape), owner_of(std::move(array)), reinterpret_cast<const void*>(address));
  if (t.count() == 0) return Tensor(row->ours, t.shape());
  if (row->form == Form::Nibble) return from_nibbles(t, row->ours);
  if (row->ours.is_bool()) {
    const uint8_t* bytes = static_cast<const uint8_t*>(t.raw());
    bool clean = true;
    for (int64_t i = 0; i < t.count(); ++i) clean = clean && bytes[i] <= 1;
    if (!clean) {
      Tensor copy(boolean, t.shape());
      for (int64_t i = 0; i < t.count(); ++i) static_cast<uint8_t*>(copy.raw())[i] = bytes[i] != 0;
      return copy;
    }
  }
  return t;
}

nb::object wrap(const void* data, const Shape& shape, nb::dlpack::dtype dtype, nb::handle owner) {
  std::vector<size_t> sizes(shape.begin(), shape.end());
  static const uint64_t nothing = 0;
  nb::ndarray<nb::numpy> array(const_cast<void*>(data ? data : &nothing), sizes.size(), sizes.data(), owner,
                               nullptr, dtype);
  return nb::cast(array, nb::rv_policy::reference);
}

nb::dlpack::dtype dlpack_type(ElementType t) {
  using nb::dlpack::dtype_code;
  const auto code = t.kind == Kind::Float     ? dtype_code::Float
                    : t.kind == Kind::Signed  ? dtype_code::Int
                    : t.kind == Kind::Bool    ? dtype_code::Bool
                    : t.kind == Kind::Complex ? dtype_code::Complex
                                              : dtype_code::UInt;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(t.bytes() * 8), 1};
}

nb::object strings_of(const Tensor& t) {
  nb::list items;
  for (const std::string& s : t.values<std::string>()) {
    PyObject* item = PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), nullptr);
    if (!item) {
      PyErr_Clear();
      item = PyBytes_FromStringAndSize(s.data(), static_cast<Py_ssize_t>(s.size()));
    }
    items.append(nb::steal(item));
  }
  nb::object array = numpy().attr("empty")(t.count(), "O");
  if (t.count() > 0) array[nb::slice(nb::none(), nb::none(), nb::none())] = items;
  nb::list shape;
  for (int64_t d : t.shape()) shape.append(d);
  return array.attr("reshape")(shape);
}

nb::object array_of(Tensor t) {
  if (t.type().is_string()) return strings_of(t);
  if (t.rep() == Rep::Ideal && t.type().is_float()) {
    Tensor wide = std::move(t);
    auto* held = new Tensor(std::move(wide));
    const nb::capsule owner(held, [](void* p) noexcept { delete static_cast<Tensor*>(p); });
    return wrap(held->raw(), held->shape(), {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 64, 1},
                owner);
  }
  if (!t.is_unique()) {
    Tensor copy(t.type(), t.shape());
    if (t.bytes() > 0) std::memcpy(copy.raw(), t.raw(), static_cast<size_t>(t.bytes()));
    t = std::move(copy);
  }
  const Row& row = row_of(t.type());
  if (row.form == Form::Nibble && t.type().is_signed())  // the upper bits as ml_dtypes leaves them
    for (int64_t i = 0; i < t.count(); ++i) t.data<uint8_t>()[i] &= (1 << t.type().bits) - 1;
  auto* held = new Tensor(std::move(t));
  const nb::capsule owner(held, [](void* p) noexcept { delete static_cast<Tensor*>(p); });
  nb::object array = wrap(held->raw(), held->shape(), dlpack_type(row.ours), owner);
  // 64-bit integers come as C's long long; numpy's own int64 may be its long.
  return row.in_ml_dtypes || row.ours.bits == 64 ? array.attr("view")(dtype_of(row)) : array;
}

nb::object pair_of(const Tensor& t) {
  const bool floats = t.type().is_float();
  Tensor lo(floats ? f64 : i64, t.shape()), hi(floats ? f64 : i64, t.shape());
  for (int64_t i = 0; i < t.count(); ++i) {
    if (floats) {
      lo.data<double>()[i] = t.data<FInterval<double>>()[i].lo;
      hi.data<double>()[i] = t.data<FInterval<double>>()[i].hi;
    } else {
      lo.data<int64_t>()[i] = t.data<IInterval>()[i].lo;
      hi.data<int64_t>()[i] = t.data<IInterval>()[i].hi;
    }
  }
  return nb::make_tuple(array_of(std::move(lo)), array_of(std::move(hi)));
}

}  // namespace

const char* dtype_name(ElementType t) { return row_of(t).numpy; }

Value value_of(nb::handle object, const Type& declared, const std::string& where) {
  if (declared.tag == Type::Tag::Optional) {
    if (object.is_none()) return Value::optional({});
    return Value::optional({value_of(object, declared.parts[0], where)});
  }
  if (declared.tag == Type::Tag::Sequence) {
    if (!nb::isinstance<nb::list>(object) && !nb::isinstance<nb::tuple>(object))
      fail(where, ": required ", declared, " as a list, got ", class_of(object));
    std::vector<Value> parts;
    for (nb::handle part : object)
      parts.push_back(value_of(part, declared.parts[0], cat(where, ": element ", parts.size())));
    return Value::sequence(std::move(parts));
  }
  if (object.is_none()) fail(where, ": required ", declared, ", got None");
  const bool has_type = nb::hasattr(object, "dtype") || nb::hasattr(object, "__array__");
  nb::object array;
  try {
    array = has_type ? numpy().attr("asarray")(object)
                     : numpy().attr("asarray")(object, "dtype"_a = dtype_of(row_of(declared.element)));
    if (!has_type && (declared.element.is_integer() || declared.element.is_bool())) {
      // numpy would cut fractions off.
      const auto kind = nb::cast<std::string>(numpy().attr("asarray")(object).attr("dtype").attr("kind"));
      if (kind == "f" || kind == "c")
        fail(where, ": required ", declared, ", got ", class_of(object), " with fractions");
    }
  } catch (nb::python_error& e) {
    if (!e.matches(PyExc_ValueError) && !e.matches(PyExc_TypeError) && !e.matches(PyExc_OverflowError)) throw;
    fail(where, ": required ", declared, ", got ", class_of(object), ": ",
         nb::cast<std::string>(e.value().attr("__str__")()));
  }
  return tensor_of(array, declared, where);
}

nb::object object_of(Value v, Rep rep) {
  if (v.is_tensor()) {
    if (rep != Rep::Interval) return array_of(std::move(v.tensor));
    if (v.tensor.rep() == Rep::Interval && !v.tensor.type().is_string()) return pair_of(v.tensor);
    return nb::make_tuple(array_of(v.tensor), array_of(v.tensor));
  }
  if (v.tag == Value::Tag::Optional) {
    if (v.parts.empty()) return nb::none();
    return object_of(std::move(v.parts[0]), rep);
  }
  nb::list list;
  for (Value& part : v.parts) list.append(object_of(std::move(part), rep));
  return list;
}

}  // namespace tauto::python
