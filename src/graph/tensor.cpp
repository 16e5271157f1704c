// Tensor storage: one allocation, aligned for the widest vector; strings and Dims are constructed objects.
#include "graph/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace tauto {
namespace {

int64_t bytes_per_element(ElementType type, Rep rep) {
  switch (rep) {
    case Rep::Exact:
      return type.bytes();
    case Rep::Ideal:
      return type.is_float() ? 8 : type.bytes();
    case Rep::Interval:
      return 16;
    case Rep::Term:
      return 4;
    case Rep::Dims:
      return sizeof(Dim);
  }
  CHECK(false);
}

template <class T>
std::shared_ptr<const void> objects(int64_t n) {
  auto v = std::make_shared<std::vector<T>>(static_cast<size_t>(n));
  return std::shared_ptr<const void>(v, v->data());
}

std::shared_ptr<const void> zero_bytes(int64_t n, ElementType type, const Shape& shape) {
  // calloc hands out untouched pages: a huge tensor costs nothing until it is written.
  constexpr size_t kAlign = 64;
  const size_t size = static_cast<size_t>(n) + kAlign;
  void* block = std::calloc(size, 1);
  if (!block)
    fail("tensor ", type, text_of(std::span<const int64_t>(shape)), ": ", n, " bytes cannot be had");
  void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(block) + kAlign - 1) & ~(kAlign - 1));
  return std::shared_ptr<const void>(std::shared_ptr<void>(block, std::free), aligned);
}

}  // namespace

int64_t element_count(std::span<const int64_t> shape) {
  int64_t n = 1;
  bool zero = false;
  for (int64_t d : shape) {
    if (d < 0) fail("shape ", shape, " has a negative dimension");
    if (d == 0) zero = true;
  }
  if (zero) return 0;
  for (int64_t d : shape)
    if (__builtin_mul_overflow(n, d, &n)) fail("shape ", shape, " has more than 2^63 elements");
  return n;
}

Tensor::Tensor(ElementType type, Shape shape, Rep rep)
    : type_(type), rep_(type.is_string() ? Rep::Exact : rep), shape_(std::move(shape)) {
  count_ = element_count(shape_);
  element_bytes_ = bytes_per_element(type, rep_);
  int64_t bytes;
  if (__builtin_mul_overflow(count_, element_bytes_, &bytes) || bytes > kMaxTensorBytes)
    fail("tensor ", type, std::span<const int64_t>(shape_), " is larger than 2^40 bytes");
  if (rep_ == Rep::Dims)
    data_ = objects<Dim>(count_);
  else if (type.is_string())
    data_ = objects<std::string>(count_);
  else
    data_ = zero_bytes(bytes, type, shape_);
}

Tensor::Tensor(ElementType type, Shape shape, std::shared_ptr<const void> owner, const void* data)
    : type_(type), shape_(std::move(shape)), count_(element_count(shape_)), element_bytes_(type.bytes()) {
  CHECK(!type.is_string());
  data_ = std::shared_ptr<const void>(std::move(owner), data);
}

int64_t Tensor::string_bytes() const {
  int64_t n = 0;
  if (type_.is_string())
    for (const std::string& s : values<std::string>()) n += static_cast<int64_t>(s.size());
  return n;
}

Tensor Tensor::reshaped(Shape shape) const {
  Tensor t = *this;
  CHECK(element_count(shape) == count_, "reshape ", std::span<const int64_t>(shape_), " -> ",
        std::span<const int64_t>(shape));
  t.shape_ = std::move(shape);
  return t;
}

Tensor Tensor::retyped(ElementType type) const {
  CHECK(type.bytes() == type_.bytes() && !type.is_string() && !type_.is_string());
  Tensor t = *this;
  t.type_ = type;
  return t;
}

std::vector<int64_t> Tensor::as_ints() const {
  CHECK((rep_ == Rep::Exact || rep_ == Rep::Ideal) && (type_.is_integer() || type_.is_bool()), "as_ints of ",
        type_);
  std::vector<int64_t> v(static_cast<size_t>(count_));
  for (size_t i = 0; i < v.size(); ++i) {
    switch (element_bytes_) {
      case 1:
        v[i] = type_.is_signed() ? int64_t{data<int8_t>()[i]} : int64_t{data<uint8_t>()[i]};
        break;
      case 2:
        v[i] = type_.is_signed() ? int64_t{data<int16_t>()[i]} : int64_t{data<uint16_t>()[i]};
        break;
      case 4:
        v[i] = type_.is_signed() ? int64_t{data<int32_t>()[i]} : int64_t{data<uint32_t>()[i]};
        break;
      default:
        v[i] = data<int64_t>()[i];
    }
    if (type_ == u64 && v[i] < 0)
      fail("value ", data<uint64_t>()[i], " does not fit a signed 64-bit integer");
  }
  return v;
}

namespace {

// NaNs of a format with `bits` and this exponent mask that are not `quiet`.
template <class U>
Tensor with_quiet_nan(Tensor t, U exponent, U quiet) {
  const auto* p = static_cast<const char*>(t.raw());  // at any address (graph/unaligned.h)
  const auto odd = [&](U u) {
    return static_cast<U>(u & ~(U{1} << (sizeof(U) * 8 - 1))) > exponent && u != quiet;
  };
  constexpr int64_t kRun = 1024;
  U run[kRun], any = 0;
  for (int64_t at = 0; at < t.count() && !any; at += kRun) {
    const int64_t n = std::min(kRun, t.count() - at);
    std::memcpy(run, p + at * static_cast<int64_t>(sizeof(U)), static_cast<size_t>(n) * sizeof(U));
    for (int64_t i = 0; i < n; ++i) any |= odd(run[i]) ? 1 : 0;
  }
  if (!any) return t;
  Tensor r(t.type(), t.shape());
  std::memcpy(r.raw(), p, static_cast<size_t>(t.bytes()));
  for (int64_t i = 0; i < t.count(); ++i)
    if (odd(r.data<U>()[i])) r.data<U>()[i] = quiet;
  return r;
}

}  // namespace

Tensor canonical_nan(Tensor t) {
  if (t.rep() != Rep::Exact) return t;
  if (t.type() == f32) return with_quiet_nan<uint32_t>(std::move(t), 0x7f800000u, 0x7fc00000u);
  if (t.type() == f64)
    return with_quiet_nan<uint64_t>(std::move(t), 0x7ff0000000000000u, 0x7ff8000000000000u);
  if (t.type() == f16) return with_quiet_nan<uint16_t>(std::move(t), 0x7c00u, 0x7e00u);
  if (t.type() == bf16) return with_quiet_nan<uint16_t>(std::move(t), 0x7f80u, 0x7fc0u);
  return t;
}

bool operator==(const Tensor& a, const Tensor& b) {
  if (a.type_ != b.type_ || a.rep_ != b.rep_ || a.shape_ != b.shape_ || a.defined() != b.defined())
    return false;
  if (a.data_ == b.data_) return true;
  if (a.rep_ == Rep::Dims) return std::equal(a.data<Dim>(), a.data<Dim>() + a.count_, b.data<Dim>());
  if (a.type_.is_string())
    return std::equal(a.data<std::string>(), a.data<std::string>() + a.count_, b.data<std::string>());
  return std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

}  // namespace tauto
