// Elementwise references: one generic lambda gives the kernels of all numbers and element types.
//
//   .eval = binary<kNumbers>([](auto x, auto y) { return num::max(x, y); })
//
// Inputs broadcast as in numpy. Integer results wrap to the element type; f16 and bf16 compute in f32 and
// round once. A result of type bool (a comparison) is stored as bool, anything else in the first value
// operand's type.
#pragma once

#include "ops/number.h"

namespace tauto {

// Which element types an operator is defined for.
enum TypeSet : uint32_t {
  kFloats = 1,
  kIntegers = 2,
  kBools = 4,
  kNumbers = kFloats | kIntegers,
  kSigned = 8 | kFloats,
  kAllTypes = kNumbers | kBools,
};
bool in_set(ElementType t, uint32_t set);
IInterval wrapped(IInterval x, ElementType e);  // modulo 2^n; an interval that leaves the type is all of it
// The hull of x and x rounded to f16, bf16 or f32, each once.
FInterval<float> narrowed(FInterval<float> x, ElementType e);

// Narrows intervals of f16 and bf16, wraps those of narrow integers: elements at … at + n of t.
void finish_interval(Tensor& t, int64_t at, int64_t n);

// n elements, all operands contiguous and in compute form.
using Kernel = void (*)(void* out, const void* const* in, int64_t n);

// The form in which elements of type t are computed with under rep; half types compute as f32.
enum class Form : uint8_t {
  F32,
  F64,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  Bool,
  FI32,
  FI64,
  II,
  Term,
  Dims,
  None
};
Form compute_form(ElementType t, Rep rep);

// Runs kernel over the broadcast inputs in chunks; `result` is the element type of the output.
void run_elementwise(EvalContext& c, Kernel kernel, ElementType result);

namespace detail {

template <class F, class A>
void kernel1(void* out, const void* const* in, int64_t n) {
  using R = decltype(F{}(std::declval<A>()));
  using S = std::conditional_t<std::is_arithmetic_v<R> && !std::is_same_v<R, bool>, A, R>;
  S* __restrict o = static_cast<S*>(out);
  const A* __restrict a = static_cast<const A*>(in[0]);
  for (int64_t i = 0; i < n; ++i) o[i] = static_cast<S>(F{}(a[i]));
}
template <class F, class A>
void kernel2(void* out, const void* const* in, int64_t n) {
  using R = decltype(F{}(std::declval<A>(), std::declval<A>()));
  using S = std::conditional_t<std::is_arithmetic_v<R> && !std::is_same_v<R, bool>, A, R>;
  S* __restrict o = static_cast<S*>(out);
  const A* __restrict a = static_cast<const A*>(in[0]);
  const A* __restrict b = static_cast<const A*>(in[1]);
  for (int64_t i = 0; i < n; ++i) o[i] = static_cast<S>(F{}(a[i], b[i]));
}
template <class F, class A>
void kernel3(void* out, const void* const* in, int64_t n) {
  A* __restrict o = static_cast<A*>(out);
  const A* __restrict a = static_cast<const A*>(in[0]);
  const A* __restrict b = static_cast<const A*>(in[1]);
  const A* __restrict d = static_cast<const A*>(in[2]);
  for (int64_t i = 0; i < n; ++i) o[i] = static_cast<A>(F{}(a[i], b[i], d[i]));
}

template <class F, class A, int N>
constexpr Kernel kernel() {
  if constexpr (N == 1)
    return &kernel1<F, A>;
  else if constexpr (N == 2)
    return &kernel2<F, A>;
  else
    return &kernel3<F, A>;
}

// The kernel for a form, or null where the set leaves it out.
template <uint32_t Set, class F, int N>
Kernel pick(Form form) {
  constexpr bool floats = (Set & kFloats) != 0, integers = (Set & kIntegers) != 0,
                 bools = (Set & kBools) != 0;
  constexpr bool sign = integers || (Set & 8) != 0;
  if constexpr (floats) {
    if (form == Form::F32) return kernel<F, float, N>();
    if (form == Form::F64) return kernel<F, double, N>();
    if (form == Form::FI32) return kernel<F, FInterval<float>, N>();
    if (form == Form::FI64) return kernel<F, FInterval<double>, N>();
  }
  if constexpr (sign) {
    if (form == Form::I8) return kernel<F, int8_t, N>();
    if (form == Form::I16) return kernel<F, int16_t, N>();
    if (form == Form::I32) return kernel<F, int32_t, N>();
    if (form == Form::I64) return kernel<F, int64_t, N>();
  }
  if constexpr (integers) {
    if (form == Form::U8) return kernel<F, uint8_t, N>();
    if (form == Form::U16) return kernel<F, uint16_t, N>();
    if (form == Form::U32) return kernel<F, uint32_t, N>();
    if (form == Form::U64) return kernel<F, uint64_t, N>();
  }
  if constexpr (bools)
    if (form == Form::Bool) return kernel<F, bool, N>();
  if constexpr (sign || bools) {
    if (form == Form::II) return kernel<F, IInterval, N>();
    if constexpr (requires { typename F::dims_too; })
      if (form == Form::Dims) return kernel<F, Dim, N>();
  }
  if (form == Form::Term) return kernel<F, Term, N>();
  return nullptr;
}

template <uint32_t Set, class F, int N>
void eval(EvalContext& c) {
  const Tensor& first = c.tensor(0);
  const Kernel k = pick<Set, F, N>(compute_form(first.type(), c.rep));
  if (!k) {
    if (c.rep == Rep::Dims) throw Unknown{};
    c.refuse(cat("not defined for elements ", first.type()));
  }
  run_elementwise(c, k, c.type.element);
}

// A lambda that also computes on Dim (shape arithmetic).
template <class F>
struct WithDims : F {
  using dims_too = void;
};

}  // namespace detail

template <uint32_t Set, class F>
constexpr auto unary(F) {
  return &detail::eval<Set, F, 1>;
}
template <uint32_t Set, class F>
constexpr auto binary(F) {
  return &detail::eval<Set, F, 2>;
}
template <uint32_t Set, class F>
constexpr auto ternary(F) {
  return &detail::eval<Set, F, 3>;
}
// Wraps the lambda of an operator that takes part in shape arithmetic: binary<kNumbers>(on_dims([](auto x, …)
// …)).
template <class F>
constexpr detail::WithDims<F> on_dims(F) {
  return {};
}

// Type rules that also check the set.
template <uint32_t Set>
Type elementwise_type(const TypeContext& c) {
  for (int i = 0; i < c.count(); ++i)
    if (!in_set(c.element(i), Set)) c.refuse(cat("not defined for elements ", c.element(i)));
  return broadcast_type(c);
}

}  // namespace tauto
