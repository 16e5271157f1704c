// A tensor in memory: element type, shape, contiguous row-major elements, shared and never changed once
// published.
//
// The same references compute over several *numbers* (docs/architecture.md, "References are generic over the
// number"); `Rep` says which one this tensor's elements are:
//   Exact     the element type itself (a bool is one byte 0/1; an i4 one byte; a string a std::string)
//   Ideal     f64 for float types, exact for the rest: the value without rounding error (nearly)
//   Interval  a pair [lo, hi]: all results which a legal execution may give (ops/interval.h)
//   Term      a hash-consed symbolic term (ops/term.h)
//   Dims      an integer expression in symbols (graph/dim.h): shape arithmetic
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/dim.h"
#include "graph/element_type.h"
#include "support/error.h"

namespace tauto {

using Shape = std::vector<int64_t>;

// No tensor is larger: what asks for more is an error in a model, not a need.
inline constexpr int64_t kMaxTensorBytes = int64_t{1} << 40;

int64_t element_count(std::span<const int64_t> shape);  // throws Error on overflow or a negative dim

enum class Rep : uint8_t { Exact, Ideal, Interval, Term, Dims };

class Tensor {
 public:
  Tensor() = default;
  // Elements are zero bytes / empty strings / Dim 0.
  Tensor(ElementType type, Shape shape, Rep rep = Rep::Exact);
  // Shares memory owned by `owner` (a mapped file, a numpy array). Not for strings.
  Tensor(ElementType type, Shape shape, std::shared_ptr<const void> owner, const void* data);

  template <class T>
  static Tensor of(Shape shape, std::span<const T> values) {
    Tensor t(kElementOf<T>, std::move(shape));
    CHECK(t.count() == static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) t.data<T>()[i] = values[i];
    return t;
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, std::span<const T>(&value, 1));
  }
  static Tensor ints(std::span<const int64_t> values) {
    return of<int64_t>({static_cast<int64_t>(values.size())}, values);
  }

  ElementType type() const { return type_; }
  Rep rep() const { return rep_; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  int64_t dim(int64_t i) const { return shape_[static_cast<size_t>(i)]; }
  int64_t count() const { return count_; }
  int64_t element_bytes() const { return element_bytes_; }
  int64_t bytes() const { return count_ * element_bytes_; }
  bool defined() const { return data_ != nullptr; }
  bool is_unique() const { return data_.use_count() == 1; }  // nobody else holds the memory

  const void* raw() const { return data_.get(); }
  void* raw() { return const_cast<void*>(data_.get()); }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(data_.get());
  }
  template <class T>
  T* data() {
    return static_cast<T*>(const_cast<void*>(data_.get()));
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<size_t>(count_)};
  }

  // What stands in strings, which bytes() leaves out; 0 of other elements.
  int64_t string_bytes() const;
  // The same elements under another shape (same count) or another type of the same size.
  Tensor reshaped(Shape shape) const;
  Tensor retyped(ElementType type) const;
  // Any integer or bool tensor as int64 (u64 above 2^63-1 throws Error).
  std::vector<int64_t> as_ints() const;

  // Same type, rep, shape and bits (a NaN equals itself; strings by content).
  friend bool operator==(const Tensor& a, const Tensor& b);

 private:
  ElementType type_ = f32;
  Rep rep_ = Rep::Exact;
  Shape shape_;
  int64_t count_ = 0;
  int64_t element_bytes_ = 4;
  std::shared_ptr<const void> data_;
};

// Every NaN becomes the one positive quiet NaN (a copy, if there is any other; the tensor itself if not).
Tensor canonical_nan(Tensor t);

// What an edge of the graph carries at run time.
struct Value {
  enum class Tag : uint8_t { Tensor, Sequence, Optional, Tuple };
  Tag tag = Tag::Tensor;
  Tensor tensor;
  std::vector<Value> parts;  // sequence elements, tuple parts, or the optional's zero or one value

  Value() = default;
  Value(Tensor t) : tensor(std::move(t)) {}  // NOLINT: a tensor is a value
  static Value sequence(std::vector<Value> v) { return make(Tag::Sequence, std::move(v)); }
  static Value optional(std::vector<Value> v) { return make(Tag::Optional, std::move(v)); }
  static Value tuple(std::vector<Value> v) { return make(Tag::Tuple, std::move(v)); }
  bool is_tensor() const { return tag == Tag::Tensor; }
  friend bool operator==(const Value& a, const Value& b) {
    return a.tag == b.tag && (a.is_tensor() ? a.tensor == b.tensor : a.parts == b.parts);
  }

 private:
  static Value make(Tag tag, std::vector<Value> v) {
    Value r;
    r.tag = tag;
    r.parts = std::move(v);
    return r;
  }
};

}  // namespace tauto
