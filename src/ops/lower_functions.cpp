// The trees of ops/math run over a number type that records them as expressions.
//
// A number is the position of an expression in a list, so that a tree, which is inlined whole, costs a call
// per operation; equal operations are one expression. Operations of literals are carried out: pow(x, 3) has
// no case left that only other exponents meet.
#include "ops/lower_functions.h"

#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "ops/functions.h"

namespace tauto {
namespace {

using loops::Expr;
using loops::Function;

struct Real32 {
  int at;
};
struct Real64 {
  int at;
};
struct Bits32 {
  int at;
};
struct Bits64 {
  int at;
};
struct Truth {
  int at;
};

// The expressions of one tree while it is written.
struct Record {
  std::vector<Expr> all;
  std::map<std::tuple<int, int, int, int, int>, int> applied;
  std::map<std::tuple<int, uint64_t>, int> literals;

  int add(Expr e) {
    all.push_back(std::move(e));
    return static_cast<int>(all.size()) - 1;
  }
  const Expr& operator[](int at) const { return all[static_cast<size_t>(at)]; }
};
thread_local Record* record = nullptr;

int literal(ElementType type, uint64_t bits) {
  const auto [at, added] =
      record->literals.try_emplace({static_cast<int>(type.kind) * 256 + type.bits, bits}, 0);
  if (added) at->second = record->add(loops::literal(type, bits));
  return at->second;
}
int truth(bool b) { return literal(boolean, b); }
template <class T>
int float_literal(T v) {
  if (v != v) v = std::numeric_limits<T>::quiet_NaN();
  uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof v);
  return literal(kElementOf<T>, bits);
}

template <class T>
std::optional<T> float_of(int at) {
  const auto* l = (*record)[at].as<loops::Literal>();
  if (!l || (*record)[at].type() != kElementOf<T>) return std::nullopt;
  T v;
  std::memcpy(&v, &l->bits, sizeof v);
  return v;
}
std::optional<bool> truth_of(int at) {
  const auto* l = (*record)[at].as<loops::Literal>();
  return l && (*record)[at].type().is_bool() ? std::optional(l->bits != 0) : std::nullopt;
}

// f(a, b) of literal floats, or -1.
template <class T>
int folded(Function f, int a, int b) {
  const auto x = float_of<T>(a), y = b >= 0 ? float_of<T>(b) : std::optional<T>(0);
  if (!x || !y) return -1;
  switch (f) {
    case Function::Add:
      return float_literal(*x + *y);
    case Function::Sub:
      return float_literal(*x - *y);
    case Function::Mul:
      return float_literal(*x * *y);
    case Function::Negate:
      return float_literal(-*x);
    case Function::Abs:
      return float_literal(std::fabs(*x));
    case Function::CopySign:
      return float_literal(std::copysign(*x, *y));
    case Function::RoundEven:
      return float_literal(std::nearbyint(*x));
    case Function::Less:
      return truth(*x < *y);
    case Function::LessEqual:
      return truth(*x <= *y);
    case Function::Equal:
      return truth(*x == *y);
    default:
      return -1;
  }
}

int simplified(Function f, int a, int b, int c) {
  if (const auto x = truth_of(a)) {
    if (f == Function::Choose) return *x ? b : c;
    if (f == Function::And) return *x ? b : a;
    if (f == Function::Or) return *x ? a : b;
    if (f == Function::Not) return truth(!*x);
  }
  if (f == Function::And || f == Function::Or)
    if (const auto y = truth_of(b)) return *y == (f == Function::And) ? a : b;
  if (f == Function::Choose && b == c) return b;
  if (c >= 0) return -1;
  if (const int r = folded<float>(f, a, b); r >= 0) return r;
  return folded<double>(f, a, b);
}

int apply(Function f, int a, int b = -1, int c = -1) {
  if (const int r = simplified(f, a, b, c); r >= 0) return r;
  const auto [at, added] = record->applied.try_emplace({static_cast<int>(f), 0, a, b, c}, 0);
  if (added) {
    std::vector<Expr> arguments{(*record)[a]};
    if (b >= 0) arguments.push_back((*record)[b]);
    if (c >= 0) arguments.push_back((*record)[c]);
    at->second = record->add(loops::apply(f, std::move(arguments)));
  }
  return at->second;
}

enum Change { kConvert = 1, kBits = 2 };
int changed(Change how, int a, ElementType to) {
  if (how == kConvert) {
    if (const auto x = float_of<float>(a); x && to == f64) return float_literal(static_cast<double>(*x));
    if (const auto x = float_of<double>(a); x && to == f32) return float_literal(static_cast<float>(*x));
  }
  const auto [at, added] =
      record->applied.try_emplace({-1, how, a, static_cast<int>(to.kind) * 256 + to.bits, -1}, 0);
  if (added)
    at->second =
        record->add(how == kConvert ? loops::convert((*record)[a], to) : loops::bits((*record)[a], to));
  return at->second;
}

}  // namespace

namespace math {

template <>
struct Format<Real32> {
  using Int = Bits32;
  using Mask = Truth;
  using Wide = Real64;
  static constexpr int kBits = 32, kMantissa = 23, kBias = 127;
  static Real32 constant(double v) { return {float_literal(static_cast<float>(v))}; }
  static Bits32 integer(int64_t v) { return {literal(u32, static_cast<uint32_t>(v))}; }
};
template <>
struct Format<Real64> {
  using Int = Bits64;
  using Mask = Truth;
  using Narrow = Real32;
  static constexpr int kBits = 64, kMantissa = 52, kBias = 1023;
  static Real64 constant(double v) { return {float_literal(v)}; }
  static Bits64 integer(int64_t v) { return {literal(u64, static_cast<uint64_t>(v))}; }
};

}  // namespace math

namespace {

// The vocabulary, found by argument. Bit patterns are unsigned: their arithmetic is modulo 2^n.
#define TAUTO_REAL(F, I, int_type, float_type)                                                         \
  [[maybe_unused]] F operator+(F a, F b) { return {apply(Function::Add, a.at, b.at)}; }                \
  [[maybe_unused]] F operator-(F a, F b) { return {apply(Function::Sub, a.at, b.at)}; }                \
  [[maybe_unused]] F operator*(F a, F b) { return {apply(Function::Mul, a.at, b.at)}; }                \
  [[maybe_unused]] F operator/(F a, F b) { return {apply(Function::Div, a.at, b.at)}; }                \
  [[maybe_unused]] F operator-(F a) { return {apply(Function::Negate, a.at)}; }                        \
  [[maybe_unused]] F fma(F a, F b, F c) { return {apply(Function::Fma, a.at, b.at, c.at)}; }           \
  [[maybe_unused]] F sqrt(F a) { return {apply(Function::Sqrt, a.at)}; }                               \
  [[maybe_unused]] F abs(F a) { return {apply(Function::Abs, a.at)}; }                                 \
  [[maybe_unused]] F copysign(F a, F s) { return {apply(Function::CopySign, a.at, s.at)}; }            \
  [[maybe_unused]] F round_even(F a) { return {apply(Function::RoundEven, a.at)}; }                    \
  [[maybe_unused]] Truth less(F a, F b) { return {apply(Function::Less, a.at, b.at)}; }                \
  [[maybe_unused]] Truth less_equal(F a, F b) { return {apply(Function::LessEqual, a.at, b.at)}; }     \
  [[maybe_unused]] Truth equal(F a, F b) { return {apply(Function::Equal, a.at, b.at)}; }              \
  [[maybe_unused]] F select(Truth m, F a, F b) { return {apply(Function::Choose, m.at, a.at, b.at)}; } \
  [[maybe_unused]] I select(Truth m, I a, I b) { return {apply(Function::Choose, m.at, a.at, b.at)}; } \
  [[maybe_unused]] I bits(F a) { return {changed(kBits, a.at, int_type)}; }                            \
  [[maybe_unused]] F from_bits(I a) { return {changed(kBits, a.at, float_type)}; }                     \
  [[maybe_unused]] I operator+(I a, I b) { return {apply(Function::Add, a.at, b.at)}; }                \
  [[maybe_unused]] I operator-(I a, I b) { return {apply(Function::Sub, a.at, b.at)}; }                \
  [[maybe_unused]] I operator&(I a, I b) { return {apply(Function::BitAnd, a.at, b.at)}; }             \
  [[maybe_unused]] I operator|(I a, I b) { return {apply(Function::BitOr, a.at, b.at)}; }              \
  [[maybe_unused]] I shift_left(I a, int n) {                                                          \
    return {apply(Function::ShiftLeft, a.at, math::integer<F>(n).at)};                                 \
  }                                                                                                    \
  [[maybe_unused]] I shift_right(I a, int n) {                                                         \
    return {apply(Function::ShiftRightLogical, a.at, math::integer<F>(n).at)};                         \
  }
TAUTO_REAL(Real32, Bits32, u32, f32)
TAUTO_REAL(Real64, Bits64, u64, f64)
#undef TAUTO_REAL
Truth both(Truth a, Truth b) { return {apply(Function::And, a.at, b.at)}; }
Truth either(Truth a, Truth b) { return {apply(Function::Or, a.at, b.at)}; }
Truth negated(Truth a) { return {apply(Function::Not, a.at)}; }
Real64 widen(Real32 a) { return {changed(kConvert, a.at, f64)}; }
Real32 narrow(Real64 a) { return {changed(kConvert, a.at, f32)}; }

// Chosen bit by bit of the index: n - 1 selects on log2(n) conditions, and no memory.
template <size_t N>
Real64 lookup(const double (&table)[N], Bits64 i) {
  std::vector<int> values;
  for (double v : table) values.push_back(float_literal(v));
  for (int bit = 0; values.size() > 1; ++bit) {
    const int one = apply(Function::BitAnd, i.at, literal(u64, uint64_t{1} << bit));
    const int even = apply(Function::Equal, one, literal(u64, 0));
    std::vector<int> half;
    for (size_t k = 0; k < values.size(); k += 2)
      half.push_back(k + 1 < values.size() ? apply(Function::Choose, even, values[k], values[k + 1])
                                           : values[k]);
    values = std::move(half);
  }
  return {values[0]};
}

template <class F>
int unary(std::string_view function, F x) {
#define TAUTO_WRITE(name) \
  if (function == #name) return math::name(x).at;
  TAUTO_FUNCTIONS(TAUTO_WRITE)
#undef TAUTO_WRITE
  return -1;
}

struct Recording {
  Record own;
  Record* outer = record;
  Recording() { record = &own; }
  ~Recording() { record = outer; }
};

}  // namespace

Expr written_out(std::string_view function, const std::vector<Expr>& arguments) {
  const Recording recording;
  std::vector<int> at;
  for (const Expr& a : arguments) {
    const auto* l = a.as<loops::Literal>();
    at.push_back(l ? literal(a.type(), l->bits) : record->add(a));
  }
  const ElementType type = arguments.at(0).type();
  int r = -1;
  if (function == "pow" && type == f32) r = math::pow(Real32{at[0]}, Real32{at[1]}).at;
  if (function == "pow" && type == f64) r = math::pow(Real64{at[0]}, Real64{at[1]}).at;
  if (at.size() == 1 && type == f32) r = unary(function, Real32{at[0]});
  if (at.size() == 1 && type == f64) r = unary(function, Real64{at[0]});
  return r < 0 ? Expr() : (*record)[r];
}

}  // namespace tauto
