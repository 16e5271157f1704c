// What each instruction on lanes and masks computes: one lambda of scalars each, spread over the lanes.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "codegen/evaluate.h"
#include "loops/arithmetic.h"
#include "support/error.h"
#include "support/half.h"

namespace tauto::vec {
namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

// The result of arithmetic: every NaN is the one quiet NaN.
template <class T>
T canonical(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return x == x ? x : std::numeric_limits<T>::quiet_NaN();
  else
    return x;
}

template <class T>
const T* in(const Step& s, int k) {
  return static_cast<const T*>(s.operand[k]);
}
template <class T>
T* out(const Step& s) {
  return static_cast<T*>(s.result);
}
uint64_t& mask_out(const Step& s) { return *out<uint64_t>(s); }
uint64_t mask_in(const Step& s, int k) { return *in<uint64_t>(s, k); }
uint64_t all(const Step& s) { return ~uint64_t{0} >> (64 - s.lanes); }

// ---- shapes of work: F is a stateless lambda -------------------------------------------------------------

template <class T, class F>
void fill(const Step& s) {  // f(immediate or scalar operand, lane)
  const int64_t v = s.operand[0] ? *in<int64_t>(s, 0) : s.immediate;
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(T{}, v, l);
}
template <class T, class F>
void unary(const Step& s) {
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(in<T>(s, 0)[l]);
}
template <class T, class F>
void with_immediate(const Step& s) {
  const auto i = static_cast<int>(s.immediate);
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(in<T>(s, 0)[l], i);
}
template <class T, class F>
void binary(const Step& s) {
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(in<T>(s, 0)[l], in<T>(s, 1)[l]);
}
template <class T, class F>
void ternary(const Step& s) {
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(in<T>(s, 0)[l], in<T>(s, 1)[l], in<T>(s, 2)[l]);
}
template <class T, class F>
void compare(const Step& s) {
  uint64_t m = 0;
  for (int l = 0; l < s.lanes; ++l) m |= uint64_t{F{}(in<T>(s, 0)[l], in<T>(s, 1)[l])} << l;
  mask_out(s) = m;
}
template <class T, class F>
void select(const Step& s) {
  const uint64_t m = mask_in(s, 0);
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = (m >> l & 1) != 0 ? in<T>(s, 1)[l] : in<T>(s, 2)[l];
}
template <class T, class F>
void down(const Step& s) {
  const auto i = static_cast<int>(s.immediate);
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = l + i < s.lanes ? in<T>(s, 0)[l + i] : T{0};
}
template <class T, class From, class F>
void from_other(const Step& s) {
  for (int l = 0; l < s.lanes; ++l) out<T>(s)[l] = F{}(T{}, in<From>(s, 0)[l]);
}

// ---- which function: the templates above for the lane types an operation is defined on -------------------

#define TAUTO_ON(name, shape)                                                                              \
  template <class F>                                                                                       \
  Run name(Lane l, F) {                                                                                    \
    constexpr Run kRuns[] = {&shape<int32_t, F>, &shape<int64_t, F>, &shape<float, F>, &shape<double, F>}; \
    return kRuns[static_cast<size_t>(l)];                                                                  \
  }                                                                                                        \
  template <class F>                                                                                       \
  [[maybe_unused]] Run name##_ints(Lane l, F) {                                                            \
    return l == Lane::I32 ? &shape<int32_t, F> : &shape<int64_t, F>;                                       \
  }                                                                                                        \
  template <class F>                                                                                       \
  [[maybe_unused]] Run name##_floats(Lane l, F) {                                                          \
    return l == Lane::F32 ? &shape<float, F> : &shape<double, F>;                                          \
  }
TAUTO_ON(on_fill, fill)
TAUTO_ON(on_unary, unary)
TAUTO_ON(on_immediate, with_immediate)
TAUTO_ON(on_binary, binary)
TAUTO_ON(on_ternary, ternary)
TAUTO_ON(on_compare, compare)
TAUTO_ON(on_select, select)
TAUTO_ON(on_down, down)
#undef TAUTO_ON

template <class From, class F>
Run on_from(Lane to, F) {
  constexpr Run kRuns[] = {&from_other<int32_t, From, F>, &from_other<int64_t, From, F>,
                           &from_other<float, From, F>, &from_other<double, From, F>};
  return kRuns[static_cast<size_t>(to)];
}
template <class F>
Run on_lanes(Lane from, Lane to, F f) {
  switch (from) {
    case Lane::I32:
      return on_from<int32_t>(to, f);
    case Lane::I64:
      return on_from<int64_t>(to, f);
    case Lane::F32:
      return on_from<float>(to, f);
    default:
      return on_from<double>(to, f);
  }
}

constexpr auto converted = [](auto to, auto x) {
  using To = decltype(to);
  using From = decltype(x);
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr auto kBound = -static_cast<From>(std::numeric_limits<To>::min());  // a power of two: exact
    const bool inside = x > -kBound && x < kBound;  // what truncates to min is min either way
    return inside ? static_cast<To>(x) : std::numeric_limits<To>::min();
  } else {
    return canonical(static_cast<To>(x));
  }
};

constexpr auto same_bits = [](auto to, auto x) {
  if constexpr (sizeof to == sizeof x)
    return std::bit_cast<decltype(to)>(x);
  else
    return to;  // never chosen
};

// Counts are unsigned.
template <class T>
T shifted_left(T x, Bits<T> n) {
  return n < sizeof(T) * 8 ? static_cast<T>(static_cast<Bits<T>>(x) << n) : T{0};
}
template <class T>
T shifted_right(T x, Bits<T> n) {
  return n < sizeof(T) * 8 ? static_cast<T>(static_cast<Bits<T>>(x) >> n) : T{0};
}
template <class T>
T shifted_arithmetic(T x, Bits<T> n) {
  return static_cast<T>(x >> (n < sizeof(T) * 8 ? n : sizeof(T) * 8 - 1));
}

template <class T, class F>
T on_bits(T a, T b, F f) {
  return std::bit_cast<T>(static_cast<Bits<T>>(f(std::bit_cast<Bits<T>>(a), std::bit_cast<Bits<T>>(b))));
}

Run compare_function(Lane l, Compare c) {
  switch (c) {
    case Compare::Less:
      return on_compare(l, [](auto a, auto b) { return a < b; });
    case Compare::LessEqual:
      return on_compare(l, [](auto a, auto b) { return a <= b; });
    case Compare::Equal:
      return on_compare(l, [](auto a, auto b) { return a == b; });
    default:
      return on_compare_floats(l, [](auto a, auto b) { return a != a || b != b; });
  }
}

Run round_function(Lane l, Rounding r) {
  switch (r) {
    case Rounding::Even:
      return on_unary_floats(l, [](auto a) { return canonical(std::nearbyint(a)); });
    case Rounding::Down:
      return on_unary_floats(l, [](auto a) { return canonical(std::floor(a)); });
    case Rounding::Up:
      return on_unary_floats(l, [](auto a) { return canonical(std::ceil(a)); });
    default:
      return on_unary_floats(l, [](auto a) { return canonical(std::trunc(a)); });
  }
}

template <class F>
void masks(const Step& s) {
  mask_out(s) = F{}(mask_in(s, 0), s.operand[1] ? mask_in(s, 1) : 0) & all(s);
}
template <class F>
Run on_masks(F) {
  return &masks<F>;
}

// The parts of a lane are lanes of a smaller type.
template <class A, class B>
void dot(const Step& s) {
  constexpr int kParts = sizeof(int32_t) / sizeof(A);
  for (int l = 0; l < s.lanes; ++l) {
    int64_t sum = in<int32_t>(s, 2)[l];
    for (int k = 0; k < kParts; ++k) {
      A a;
      B b;
      std::memcpy(&a, in<char>(s, 0) + (l * kParts + k) * static_cast<int>(sizeof a), sizeof a);
      std::memcpy(&b, in<char>(s, 1) + (l * kParts + k) * static_cast<int>(sizeof b), sizeof b);
      sum += int64_t{a} * b;
    }
    out<int32_t>(s)[l] = static_cast<int32_t>(sum);
  }
}
void dot_bytes(const Step& s) { dot<uint8_t, int8_t>(s); }
void dot_words(const Step& s) { dot<int16_t, int16_t>(s); }

void first(const Step& s) {
  const int64_t n = *in<int64_t>(s, 0);
  mask_out(s) = n <= 0 ? 0 : n >= s.lanes ? all(s) : ~(~uint64_t{0} << n);
}

}  // namespace

Run lanes_function(const Program& p, const Instr& i) {
  const Lane l = i.lane;
  switch (i.op) {
    case VecOp::First:
      return &first;
    case VecOp::FillM:
      return [](const Step& s) { mask_out(s) = s.immediate != 0 ? all(s) : 0; };
    case VecOp::AndM:
      return on_masks([](uint64_t a, uint64_t b) { return a & b; });
    case VecOp::OrM:
      return on_masks([](uint64_t a, uint64_t b) { return a | b; });
    case VecOp::XorM:
      return on_masks([](uint64_t a, uint64_t b) { return a ^ b; });
    case VecOp::NotM:
      return on_masks([](uint64_t a, uint64_t) { return ~a; });
    case VecOp::Any:
      return [](const Step& s) { *out<int64_t>(s) = mask_in(s, 0) != 0 ? 1 : 0; };
    case VecOp::Compare:
      return compare_function(l, static_cast<Compare>(i.immediate));

    case VecOp::Const:
      return on_fill(l, [](auto t, int64_t v, int) {
        return std::bit_cast<decltype(t)>(static_cast<Bits<decltype(t)>>(v));
      });
    case VecOp::Splat:
      return on_fill_ints(l, [](auto t, int64_t v, int) { return static_cast<decltype(t)>(v); });
    case VecOp::Iota:
      return on_fill_ints(l, [](auto t, int64_t, int lane) { return static_cast<decltype(t)>(lane); });
    case VecOp::MoveV:
      return on_unary(l, [](auto a) { return a; });
    case VecOp::Add:
      return on_binary(l, [](auto a, auto b) { return canonical(a + b); });
    case VecOp::Sub:
      return on_binary(l, [](auto a, auto b) { return canonical(a - b); });
    case VecOp::Mul:
      return on_binary(l, [](auto a, auto b) { return canonical(a * b); });
    case VecOp::Div:
      return on_binary_floats(l, [](auto a, auto b) { return canonical(a / b); });
    case VecOp::Sqrt:
      return on_unary_floats(l, [](auto a) { return canonical(std::sqrt(a)); });
    case VecOp::Fma:
      return on_ternary_floats(l, [](auto a, auto b, auto c) { return canonical(std::fma(a, b, c)); });
    case VecOp::FmaFlush:
      return on_ternary_floats(l, [](auto a, auto b, auto c) {
        using T = decltype(a);
        return canonical(static_cast<T>(
            loops::fma_flush(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c))));
      });
    case VecOp::DotPairs:
      return on_ternary_floats(l, [](auto a, auto b, auto c) {
        using T = decltype(a);
        return canonical(static_cast<T>(
            loops::dot_of_pairs(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c))));
      });
    case VecOp::DotBytes:
      return &dot_bytes;
    case VecOp::DotWords:
      return &dot_words;
    case VecOp::CountBits:
      return on_unary_ints(l, [](auto a) {
        return static_cast<decltype(a)>(__builtin_popcountll(static_cast<Bits<decltype(a)>>(a)));
      });
    case VecOp::Greater:
      return on_binary(l, [](auto a, auto b) { return a > b ? a : b; });
    case VecOp::Lesser:
      return on_binary(l, [](auto a, auto b) { return a < b ? a : b; });
    case VecOp::And:
      return on_binary(l, [](auto a, auto b) { return on_bits(a, b, [](auto x, auto y) { return x & y; }); });
    case VecOp::Or:
      return on_binary(l, [](auto a, auto b) { return on_bits(a, b, [](auto x, auto y) { return x | y; }); });
    case VecOp::Xor:
      return on_binary(l, [](auto a, auto b) { return on_bits(a, b, [](auto x, auto y) { return x ^ y; }); });
    case VecOp::AndNot:
      return on_binary(l,
                       [](auto a, auto b) { return on_bits(a, b, [](auto x, auto y) { return ~x & y; }); });
    case VecOp::Shl:
      return on_immediate_ints(l, [](auto a, int n) { return shifted_left<decltype(a)>(a, n); });
    case VecOp::Shr:
      return on_immediate_ints(l, [](auto a, int n) { return shifted_right<decltype(a)>(a, n); });
    case VecOp::Sar:
      return on_immediate_ints(l, [](auto a, int n) { return shifted_arithmetic<decltype(a)>(a, n); });
    case VecOp::ShlV:
      return on_binary_ints(l, [](auto a, auto n) { return shifted_left<decltype(a)>(a, n); });
    case VecOp::ShrV:
      return on_binary_ints(l, [](auto a, auto n) { return shifted_right<decltype(a)>(a, n); });
    case VecOp::SarV:
      return on_binary_ints(l, [](auto a, auto n) { return shifted_arithmetic<decltype(a)>(a, n); });
    case VecOp::Round:
      return round_function(l, static_cast<Rounding>(i.immediate));
    case VecOp::Select:
      return on_select(l, [] {});
    case VecOp::Convert:
      return on_lanes(p.vectors[static_cast<size_t>(i.operand[0].id)], l, converted);
    case VecOp::Reinterpret:
      return on_lanes(p.vectors[static_cast<size_t>(i.operand[0].id)], l, same_bits);
    case VecOp::Narrow16: {
      const auto narrow = [](auto a, int bf) {
        const float x = static_cast<float>(a);
        return canonical(bf != 0 ? static_cast<float>(BFloat(x)) : static_cast<float>(Half(x)));
      };
      return &with_immediate<float, decltype(narrow)>;
    }
    case VecOp::Down:
      return on_down(l, [] {});
    default:
      return nullptr;
  }
}

}  // namespace tauto::vec
