// The short way between numpy and machine code: arrays are read where they lie, and results are computed into
// arrays that numpy made. Nothing here converts or explains: what it refuses goes through values.h.
#pragma once

#include <nanobind/nanobind.h>

#include "compile/bound.h"

namespace tauto::python {

class ArrayView {
 public:
  ArrayView() = default;
  ~ArrayView() { PyBuffer_Release(&buffer_); }  // of one that was never filled: nothing
  ArrayView(const ArrayView&) = delete;

  // False unless it is a numpy array of one of numpy's own types of numbers, contiguous and aligned, its
  // bools 0 or 1; `writable`: that may be written, its values being of no interest.
  bool open(PyObject* object, bool writable = false);
  TensorView view() const;
  bool overlaps(const ArrayView& o) const;

 private:
  Py_buffer buffer_{};
  ElementType type_;
};

// A new numpy array and its elements, which are not set; an invalid object where numpy has no such elements.
nanobind::object new_array(const TensorType& t, void** data);

}  // namespace tauto::python
