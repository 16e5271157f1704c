// Runs one operator without a graph, and draws random elements: every exponent, and the corners of each type.
#include "ops/evaluate.h"

#include <cmath>

#include "interpret/interpret.h"
#include "ops/small_float.h"

namespace tauto::testing {
namespace {

struct Symbols final : FreshSymbols {
  int64_t n = 0;
  Dim fresh() override { return Dim::symbol(cat("?t", n++)); }
};

template <class T>
void set(Tensor& t, int64_t i, T v) {
  t.data<T>()[i] = v;
}

void set_real(Tensor& t, int64_t i, double v) {
  if (t.type() == f64) return set(t, i, v);
  if (t.type() == f32) return set(t, i, static_cast<float>(v));
  if (t.type() == f16) return set(t, i, Half(static_cast<float>(v)));
  set(t, i, BFloat(static_cast<float>(v)));
}

double random_real(ElementType type, std::mt19937_64& random) {
  const double inf = HUGE_VAL;
  const int bits = type.bits, fraction = type == f64 ? 52 : type == f32 ? 23 : type == f16 ? 10 : 7;
  const int largest = type == f64 ? 1023 : type == f16 ? 15 : 127;
  const double tiny = std::ldexp(1.0, 1 - largest - fraction),
               huge = std::ldexp(2 - std::ldexp(1.0, -fraction), largest);
  const double special[] = {0.0,  -0.0,  inf, -inf, NAN,  tiny, -tiny, 3 * tiny,
                            huge, -huge, 1,   -1,   0.5,  -0.5, 2,     3,
                            -3,   1.5,   2.5, -2.5, 1e-3, 100,  -7,    std::ldexp(1.0, 1 - largest)};
  std::uniform_real_distribution<double> unit(-1, 1);
  switch (random() % 4) {
    case 0:
      return special[random() % std::size(special)];
    case 1:
      return unit(random) * 10;
    case 2:
      return unit(random);
    default:  // any exponent
      return std::ldexp(unit(random),
                        static_cast<int>(random() % static_cast<uint64_t>(bits == 64 ? 2000 : 250)) -
                            (bits == 64 ? 1000 : 125));
  }
}

}  // namespace

Type result_type(const Op& op, const std::vector<Type>& inputs, const Attributes& attributes) {
  Symbols symbols;
  TypeContext c(op, attributes, inputs, symbols);
  c.require_arity();
  return op.type(c);
}

Tensor evaluate(const Op& op, std::vector<Tensor> inputs, Attributes attributes, Rep rep) {
  std::vector<Value> in;
  std::vector<Type> types;
  for (Tensor& t : inputs) {
    types.push_back(type_of(t));
    in.emplace_back(std::move(t));
  }
  Symbols symbols;
  TypeContext known(op, attributes, types, symbols);
  known.set_value_source([&](int i) -> std::optional<Dims> {
    const ElementType e = types[static_cast<size_t>(i)].element;
    if (!e.is_integer() || e == u64) return std::nullopt;
    const EvalContext reader(op, attributes, in, types[static_cast<size_t>(i)], rep);
    try {
      const auto ints = reader.ints(i);
      return Dims(ints.begin(), ints.end());
    } catch (const Unknown&) {
      return std::nullopt;
    }
  });
  known.require_arity();
  const Type type = op.type(known);
  EvalContext c(op, attributes, in, type, rep);
  op.eval(c);
  return std::move(c.out.tensor);
}

Tensor random_tensor(ElementType type, Shape shape, std::mt19937_64& random) {
  Tensor t(type, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) {
    if (type.is_float()) {
      set_real(t, i, random_real(type, random));
      continue;
    }
    uint64_t v = random();
    if (type.is_bool())
      v &= 1;
    else if (const int64_t lo = type.min_value(); random() % 2 == 0)
      v = std::vector<uint64_t>{0,
                                1,
                                2,
                                3,
                                7,
                                static_cast<uint64_t>(lo),
                                static_cast<uint64_t>(lo) + 1,
                                type.max_value(),
                                type.max_value() - 1,
                                static_cast<uint64_t>(type.is_signed() ? -1 : 5)}[random() % 10];
    else if (random() % 2 == 0)
      v %= 100;
    __builtin_memcpy(static_cast<char*>(t.raw()) + i * t.element_bytes(), &v,
                     static_cast<size_t>(t.element_bytes()));
  }
  return t;
}

Tensor in_rep(const Tensor& t, Rep rep) { return to_rep(Value(t), rep).tensor; }

double real_at(const Tensor& t, int64_t i) {
  if (t.type().is_small_float()) return small_float_value(t.type(), t.data<uint8_t>()[i]);
  if (t.rep() == Rep::Ideal || t.type() == f64) return t.data<double>()[i];
  if (t.type() == f32) return t.data<float>()[i];
  if (t.type() == f16) return static_cast<float>(t.data<Half>()[i]);
  return static_cast<float>(t.data<BFloat>()[i]);
}

int64_t whole_at(const Tensor& t, int64_t i) {
  int64_t v = 0;
  const int shift = 64 - static_cast<int>(t.element_bytes()) * 8;
  __builtin_memcpy(&v, static_cast<const char*>(t.raw()) + i * t.element_bytes(),
                   static_cast<size_t>(t.element_bytes()));
  return t.type().is_signed() ? static_cast<int64_t>(static_cast<uint64_t>(v) << shift) >> shift : v;
}

bool encloses(const Tensor& intervals, const Tensor& exact, int64_t i) {
  if (exact.type().is_float() || exact.type().is_small_float()) {
    const auto x = intervals.data<FInterval<double>>()[i];
    const double v = real_at(exact, i);
    if (num::is_anything(x)) return true;
    if (v != v) return num::is_nan_surely(x);
    return x.lo <= v && v <= x.hi;
  }
  const IInterval x = intervals.data<IInterval>()[i];
  const int64_t v = whole_at(exact, i);
  return num::is_any(x) || (x.lo <= v && v <= x.hi && !(exact.type() == u64 && v < 0));
}

std::string element_text(const Tensor& t, int64_t i) {
  const bool real = t.type().is_float() || t.type().is_small_float();
  if (t.rep() == Rep::Interval) {
    if (real) {
      const auto x = t.data<FInterval<double>>()[i];
      return cat("[", x.lo, ", ", x.hi, "]");
    }
    const IInterval x = t.data<IInterval>()[i];
    return cat("[", x.lo, ", ", x.hi, "]");
  }
  return real ? cat(real_at(t, i)) : cat(whole_at(t, i));
}

const std::vector<ElementType>& arithmetic_types() {
  static const std::vector<ElementType> types{f32, f64, f16, bf16, i8,  i16,    i32,
                                              i64, u8,  u16, u32,  u64, boolean};
  return types;
}

}  // namespace tauto::testing
