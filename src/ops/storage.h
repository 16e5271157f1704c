// Data movement is the same for every element of the same size: references that only move elements are
// written once over storage types, for every element type and every Rep.
#pragma once

#include <array>
#include <string>

#include "graph/op.h"

namespace tauto {

struct Bytes16 {
  uint64_t a = 0, b = 0;
};

// Calls f with a value of the storage type of t's elements: uint8_t … uint64_t, Bytes16, std::string or Dim.
template <class F>
void visit_storage(const Tensor& t, F f) {
  if (t.rep() == Rep::Dims) return f(Dim{});
  if (t.type().is_string()) return f(std::string{});
  switch (t.element_bytes()) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    case 16:
      return f(Bytes16{});
    default:
      CHECK(false, "element of ", t.element_bytes(), " bytes");
  }
}

inline Shape strides_of(const Shape& shape) {
  Shape s(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) s[i - 1] = s[i] * shape[i];
  return s;
}

// Strides of `t` seen through a broadcast to `shape`: 0 where it is repeated.
inline Shape broadcast_strides(const Tensor& t, const Shape& shape) {
  Shape r(shape.size(), 0);
  const Shape own = strides_of(t.shape());
  const size_t lead = shape.size() - t.shape().size();
  for (size_t i = 0; i < own.size(); ++i)
    if (t.shape()[i] != 1) r[lead + i] = own[i];
  return r;
}

// Walks all points of `shape` in row-major order, with N running offsets of the given strides: f(i, offsets).
template <size_t N, class F>
void for_each_point(const Shape& shape, const std::array<Shape, N>& strides, F f) {
  const int64_t count = element_count(shape);
  std::vector<int64_t> index(shape.size(), 0);
  std::array<int64_t, N> at{};
  for (int64_t i = 0; i < count; ++i) {
    f(i, at);
    for (size_t d = shape.size(); d-- > 0;) {
      for (size_t k = 0; k < N; ++k) at[k] += strides[k][d];
      if (++index[d] < shape[d]) break;
      for (size_t k = 0; k < N; ++k) at[k] -= strides[k][d] * shape[d];
      index[d] = 0;
    }
  }
}

template <size_t N, class F>
void for_each_broadcast(const Shape& shape, const std::array<const Tensor*, N>& tensors, F f) {
  std::array<Shape, N> strides;
  for (size_t k = 0; k < N; ++k) strides[k] = broadcast_strides(*tensors[k], shape);
  for_each_point<N>(shape, strides, f);
}

// Copies elements of any storage: out[i] = in[offset + Σ index·stride].  The core of transpose, slice,
// expand, …
void copy_strided(const Tensor& in, int64_t offset, const Shape& strides, Tensor& out);

}  // namespace tauto
