// Random inputs by SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#include "cli/random_inputs.h"

#include <cstring>

namespace tauto::cli {
namespace {

class Random {
 public:
  Random(uint64_t seed, const std::string& name) : state_(seed) {
    for (const char c : name) state_ = next() ^ static_cast<unsigned char>(c);
  }

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Mean 0, variance 1: twelve 16-bit numbers, their sum less its mean. Exact in f32.
  double normal() {
    int64_t sum = -12 * 65535 / 2;
    for (int i = 0; i < 3; ++i)
      for (uint64_t bits = next(), j = 0; j < 4; ++j, bits >>= 16) sum += static_cast<int64_t>(bits & 0xffff);
    return static_cast<double>(sum) / 65536;
  }

 private:
  uint64_t state_;
};

template <class T, class F>
void fill(Tensor& t, F f) {
  const int64_t n = t.bytes() / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < n; ++i) t.data<T>()[i] = f();
}

void fill_floats(Tensor& t, Random& r) {
  const ElementType e = t.type();
  if (e == f16)
    fill<Half>(t, [&] { return Half(static_cast<float>(r.normal())); });
  else if (e == bf16)
    fill<BFloat>(t, [&] { return BFloat(static_cast<float>(r.normal())); });
  else if (e == f32 || (e.kind == Kind::Complex && e.bits == 64))
    fill<float>(t, [&] { return static_cast<float>(r.normal()); });
  else
    fill<double>(t, [&] { return r.normal(); });
}

// 8- and 4-bit floats by their bits: no infinities, no NaN.
uint8_t small_float(ElementType e, Random& r) {
  const auto bits = static_cast<uint8_t>(r.next());
  if (e.kind == Kind::F8E8M0) return static_cast<uint8_t>(120 + bits % 16);
  if (e.kind == Kind::F4E2M1) return bits & 15;
  const uint8_t code = bits & 0xbf;  // below 2: the exponent's highest bit is 0
  return code == 0x80 ? 0 : code;    // a NaN in the "uz" types
}

}  // namespace

Tensor random_tensor(ElementType e, Shape shape, uint64_t seed, const std::string& name) {
  Tensor t(e, std::move(shape));
  if (t.count() == 0) return t;
  Random r(seed, name);
  if (e.is_string()) {
    for (int64_t i = 0; i < t.count(); ++i)
      t.data<std::string>()[i] = std::string(1, static_cast<char>('a' + r.next() % 8));
  } else if (e.is_small_float()) {
    fill<uint8_t>(t, [&] { return small_float(e, r); });
  } else if (e.is_float() || e.kind == Kind::Complex) {
    fill_floats(t, r);
  } else {
    const uint64_t limit = e.is_bool() ? 2 : e == i2 ? 2 : e.bits < 8 ? 4 : 8;
    const auto bytes = static_cast<size_t>(t.element_bytes());
    for (int64_t i = 0; i < t.count(); ++i) {
      const uint64_t v = r.next() % limit;
      std::memcpy(static_cast<char*>(t.raw()) + i * t.element_bytes(), &v, bytes);  // little-endian
    }
  }
  return t;
}

Value random_value(const Type& type, const Env& sizes, uint64_t seed, const std::string& name) {
  const auto error = [&](const std::string& why) {
    fail("run: --random: input \"", name, "\": ", why, ", got ", type);
  };
  if (type.tag == Type::Tag::Optional)
    return Value::optional({random_value(type.parts[0], sizes, seed, name)});
  if (!type.is_tensor()) error("required a tensor (give others with --input)");
  if (!type.ranked) error("required a known rank (give such inputs with --input)");
  Shape shape;
  for (const Dim& d : type.dims) {
    const auto size = evaluate(d, sizes);
    if (!size) error(cat("required --dim ", d, "=SIZE"));
    shape.push_back(*size);
  }
  return random_tensor(type.element, std::move(shape), seed, name);
}

}  // namespace tauto::cli
