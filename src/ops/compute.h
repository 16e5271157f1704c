// References that are no elementwise map: tensors as vectors of the number they are computed with.
//
// visit_numbers(t, f) calls f with a value of that number: float (also for f16 and bf16), double, intN_t,
// uintN_t, FInterval, IInterval, Term or Dim. store_numbers rounds halves once and wraps intervals of narrow
// integers.
#pragma once

#include "ops/elementwise.h"

namespace tauto {

// Throws Unknown for elements that are no numbers under this Rep.
template <class F>
void visit_numbers(ElementType e, Rep rep, F f) {
  switch (compute_form(e, rep)) {
    case Form::F32:
      return f(float{});
    case Form::F64:
      return f(double{});
    case Form::I8:
      return f(int8_t{});
    case Form::I16:
      return f(int16_t{});
    case Form::I32:
      return f(int32_t{});
    case Form::I64:
      return f(int64_t{});
    case Form::U8:
    case Form::Bool:
      return f(uint8_t{});
    case Form::U16:
      return f(uint16_t{});
    case Form::U32:
      return f(uint32_t{});
    case Form::U64:
      return f(uint64_t{});
    case Form::FI32:
      return f(FInterval<float>{});
    case Form::FI64:
      return f(FInterval<double>{});
    case Form::II:
      return f(IInterval{});
    case Form::Term:
      return f(Term{});
    case Form::Dims:
      return f(Dim{});
    case Form::None:
      break;
  }
  throw Unknown{};
}
template <class F>
void visit_numbers(const Tensor& t, F f) {
  visit_numbers(t.type(), t.rep(), f);
}

template <class C>
std::vector<C> load_numbers(const Tensor& t) {
  const auto n = static_cast<size_t>(t.count());
  if constexpr (std::is_same_v<C, float>) {
    std::vector<float> v(n);
    if (t.type() == f16 || t.type() == bf16) {
      for (size_t i = 0; i < n; ++i)
        v[i] =
            t.type() == f16 ? static_cast<float>(t.data<Half>()[i]) : static_cast<float>(t.data<BFloat>()[i]);
      return v;
    }
  }
  return std::vector<C>(t.data<C>(), t.data<C>() + n);
}

// The same to read only: elements which lie in memory as the number are not copied.
template <class C>
class NumbersOf {
 public:
  explicit NumbersOf(const Tensor& t) : data_(t.data<C>()) {
    if (t.rep() != Rep::Exact || (t.type() != f16 && t.type() != bf16)) return;
    copy_ = load_numbers<C>(t);
    data_ = copy_.data();
  }
  const C* data() const { return data_; }

 private:
  std::vector<C> copy_;
  const C* data_;
};

template <class C>
Tensor store_numbers(const std::vector<C>& v, ElementType type, Shape shape, Rep rep) {
  Tensor t(type, std::move(shape), rep);
  CHECK(t.count() == static_cast<int64_t>(v.size()));
  if constexpr (std::is_same_v<C, float>) {
    if (type == f16 || type == bf16) {
      for (size_t i = 0; i < v.size(); ++i) {
        if (type == f16)
          t.data<Half>()[i] = Half(v[i]);
        else
          t.data<BFloat>()[i] = BFloat(v[i]);
      }
      return t;
    }
  }
  std::copy(v.begin(), v.end(), t.data<C>());
  if (rep == Rep::Interval) finish_interval(t, 0, t.count());
  return t;
}

}  // namespace tauto
