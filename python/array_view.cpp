// Python's buffer protocol, and numpy.empty.
#include "python/array_view.h"

#include <array>

namespace nb = nanobind;

namespace tauto::python {
namespace {

struct Format {
  char code;  // of struct, which is also numpy's
  ElementType type;
};
constexpr Format kFormats[] = {{'f', f32}, {'l', i64}, {'d', f64}, {'?', boolean}, {'i', i32},
                               {'B', u8},  {'b', i8},  {'e', f16}, {'h', i16},     {'H', u16},
                               {'I', u32}, {'L', u64}, {'q', i64}, {'Q', u64}};

// What is asked of numpy again and again, looked up once and kept for the life of the process.
struct Numpy {
  PyObject *ndarray, *empty;
  std::array<PyObject*, std::size(kFormats)> dtypes;

  Numpy() {
    const nb::module_ numpy = nb::module_::import_("numpy");
    ndarray = numpy.attr("ndarray").inc_ref().ptr();
    empty = numpy.attr("empty").inc_ref().ptr();
    for (size_t i = 0; i < dtypes.size(); ++i)
      dtypes[i] = numpy.attr("dtype")(nb::str(&kFormats[i].code, 1)).release().ptr();
  }
};
const Numpy& numpy() {
  static const Numpy& known = *new Numpy;
  return known;
}

}  // namespace

bool ArrayView::overlaps(const ArrayView& o) const {
  const auto *a = static_cast<const char*>(buffer_.buf), *b = static_cast<const char*>(o.buffer_.buf);
  return a < b + o.buffer_.len && b < a + buffer_.len;
}

bool ArrayView::open(PyObject* object, bool writable) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(object)) != numpy().ndarray) return false;
  if (PyObject_GetBuffer(object, &buffer_,
                         PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) != 0) {
    PyErr_Clear();
    buffer_ = {};
    return false;
  }
  const char* code = buffer_.format;
  if (!code || code[0] == 0 || code[1] != 0) return false;
  for (const Format& f : kFormats) {
    if (f.code != code[0]) continue;
    type_ = f.type;
    if (reinterpret_cast<uintptr_t>(buffer_.buf) % static_cast<uintptr_t>(type_.bytes()) != 0) return false;
    if (type_ == boolean && !writable)
      for (Py_ssize_t i = 0; i < buffer_.len; ++i)
        if (static_cast<const uint8_t*>(buffer_.buf)[i] > 1) return false;
    return true;
  }
  return false;
}

TensorView ArrayView::view() const {
  return {type_, {buffer_.shape, static_cast<size_t>(buffer_.ndim)}, buffer_.buf};
}

nb::object new_array(const TensorType& t, void** data) {
  for (size_t i = 0; i < std::size(kFormats); ++i) {
    if (kFormats[i].type != t.type) continue;
    const nb::object shape = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(t.shape.size())));
    if (!shape) throw nb::python_error();
    for (size_t d = 0; d < t.shape.size(); ++d)
      PyTuple_SET_ITEM(shape.ptr(), static_cast<Py_ssize_t>(d), PyLong_FromLongLong(t.shape[d]));
    PyObject* arguments[] = {shape.ptr(), numpy().dtypes[i]};
    nb::object array = nb::steal(PyObject_Vectorcall(numpy().empty, arguments, 2, nullptr));
    Py_buffer buffer{};
    if (!array || PyObject_GetBuffer(array.ptr(), &buffer, PyBUF_WRITABLE) != 0) throw nb::python_error();
    *data = buffer.buf;
    PyBuffer_Release(&buffer);  // the memory is the array's, which nobody else has seen
    return array;
  }
  return {};
}

}  // namespace tauto::python
