// What random programs run on: buffers with special and random values, and how two runs are compared.
#include <bit>
#include <cstring>

#include "codegen/random_program.h"
#include "support/error.h"

namespace tauto::testing {

uint64_t random_bits(std::mt19937_64& random, ElementType t) {
  const uint64_t r = random();
  const uint64_t low = t.bits == 64 ? ~uint64_t{0} : (uint64_t{1} << t.bits) - 1;
  const uint64_t kind = random() % 4;
  if (t.kind == Kind::Bool) return r & 1;
  if (!t.is_float()) {
    const uint64_t top = uint64_t{1} << (t.bits - 1);
    if (kind == 0) return r & low;
    if (kind == 1)
      return (r % 5 == 0 ? top : r % 5 == 1 ? top - 1 : r % 5 == 2 ? low : r % 5 == 3 ? t.bits : 0) & low;
    return (r % 140 - 70) & low;  // small, either sign
  }
  constexpr double kSpecial[] = {0.0,
                                 -0.0,
                                 1,
                                 -1,
                                 0.5,
                                 1.5,
                                 2.5,
                                 -2.5,
                                 0x1p-149,
                                 -0x1p-1074,
                                 0x1p-130,
                                 0x1p31,
                                 -0x1p31,
                                 0x1p63,
                                 -0x1p63,
                                 0x1.fffffep30,
                                 1e38,
                                 -1e38,
                                 1e300,
                                 65504,
                                 65520,
                                 0x1p-24,
                                 0x1p-25,
                                 __builtin_inf(),
                                 -__builtin_inf(),
                                 __builtin_nan("")};
  const double x = kind == 0   ? kSpecial[r % std::size(kSpecial)]
                   : kind == 1 ? static_cast<double>(static_cast<int64_t>(r % 64) - 32) * 0.5
                               : (static_cast<double>(r >> 11) * 0x1p-53 - 0.5) * (kind == 2 ? 4 : 1e5);
  if (t == f64) return std::bit_cast<uint64_t>(x);
  const auto f = static_cast<float>(x);
  if (t == f32) return std::bit_cast<uint32_t>(f);
  return t == f16 ? Half(f).bits : BFloat(f).bits;
}

ProgramMemory::ProgramMemory(const RandomProgram& p, uint64_t seed) : sizes(p.sizes) {
  std::mt19937_64 random(seed);
  for (const RandomProgram::Buffer& b : p.buffers) {
    const auto bytes = static_cast<size_t>(b.type.bytes());
    buffers.emplace_back(static_cast<size_t>(b.elements) * bytes, true);
    for (int64_t i = 0; i < b.elements; ++i) {
      const uint64_t v = random_bits(random, b.type);
      std::memcpy(buffers.back().data() + static_cast<size_t>(i) * bytes, &v, bytes);
    }
  }
}

std::vector<uint64_t> ProgramMemory::arguments() const {
  std::vector<uint64_t> a;
  for (const Guarded& b : buffers) a.push_back(b.address());
  for (const int64_t s : sizes) a.push_back(static_cast<uint64_t>(s));
  return a;
}

std::string difference(const RandomProgram& p, const ProgramMemory& a, const ProgramMemory& b) {
  for (size_t k = 0; k < p.buffers.size(); ++k) {
    const ElementType t = p.buffers[k].type;
    const auto bytes = static_cast<size_t>(t.bytes());
    for (int64_t i = 0; i < p.buffers[k].elements; ++i) {
      uint64_t x = 0, y = 0;
      std::memcpy(&x, a.buffers[k].data() + static_cast<size_t>(i) * bytes, bytes);
      std::memcpy(&y, b.buffers[k].data() + static_cast<size_t>(i) * bytes, bytes);
      const uint64_t sign = uint64_t{1} << (t.bits - 1);
      const uint64_t infinity = t == f16    ? 0x7c00
                                : t == bf16 ? 0x7f80
                                : t == f32  ? 0x7f800000
                                            : 0x7ff0000000000000;
      if (x == y || (t.is_float() && (x & (sign - 1)) > infinity && (y & (sign - 1)) > infinity)) continue;
      return cat("buffer ", k, " (", tauto::text_of(t), ") element ", i, ": ", x, " and ", y);
    }
  }
  return "";
}

}  // namespace tauto::testing
