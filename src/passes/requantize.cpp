// Which divisions; the comparison beside the borders.
#include "passes/requantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr float kLeastScale = 0x1p-60f, kMostScale = 0x1p60f;  // nothing under- or overflows on the way
constexpr double kMostAdded = 0x1p20;                          // scales
// Units in the last place beside a border: two roundings on one side, a rounded factor and two on the other.
constexpr double kUnits = 8 * 0x1p-23;

float next(float x) { return std::nextafterf(x, std::numeric_limits<float>::infinity()); }

// The float nearest to x / s, and two on each side of it; the near ones first.
std::array<float, 5> near_quotient(float x, float s) {
  const auto q = static_cast<float>(static_cast<double>(x) / static_cast<double>(s));
  const float up = next(q), down = -next(-q);
  return {q, down, up, -next(-down), next(up)};
}

// f(x) for all floats x in from … to: until it says no.
template <class F>
bool all_floats(double from, double to, F f) {
  float x = static_cast<float>(from);
  while (static_cast<double>(x) > from) x = std::nextafterf(x, -std::numeric_limits<float>::infinity());
  for (; static_cast<double>(x) <= to; x = next(x))
    if (!f(x)) return false;
  return true;
}

// The same for all f32(i), i an i32.
template <class F>
bool all_integers(double from, double to, F f) {
  from = std::max(from, -0x1p31), to = std::min(to, 0x1p31);
  if (std::max(std::fabs(from), std::fabs(to)) >= 0x1p24) return all_floats(from, to, f);
  for (double i = std::ceil(from); i <= to; i += 1)
    if (!f(static_cast<float>(i))) return false;
  return true;
}

// f(k − ½) for each border between two bytes.
template <class F>
bool all_borders(const ByteRange& b, F f) {
  for (int32_t k = b.least - b.zero + 1; k <= b.most - b.zero; ++k)
    if (!f(static_cast<double>(k) - 0.5)) return false;
  return true;
}

// 1 / s as a float below it and what that lacks, more than 0: so both products have the sign of x, and an x that is
// infinite, or whose quotient is, gives an infinite sum.
struct Reciprocal {
  float r, rest;
};
Reciprocal reciprocal_of(float s) {
  const double exact = 1.0 / static_cast<double>(s);
  auto r = static_cast<float>(exact);
  if (static_cast<double>(r) >= exact) r = std::nextafterf(r, 0);
  return {r, static_cast<float>(exact - static_cast<double>(r))};
}

}  // namespace

bool is_same_quotient(float s, const ByteRange& bytes, bool twice_as_long) {
  if (!(s >= kLeastScale && s <= kMostScale)) return false;
  const auto [below, rest] = reciprocal_of(s);
  const float nearest = 1 / s;
  return all_borders(bytes, [&, below = below, rest = rest](double border) {
    const double at = border * static_cast<double>(s), reach = std::fabs(at) * kUnits;
    return all_floats(at - reach, at + reach, [&](float x) {
      const float q = twice_as_long ? std::fmaf(x, below, x * rest) : x * nearest;
      return std::nearbyintf(x / s) == std::nearbyintf(q);
    });
  });
}

bool is_same_product(float m, float s, float product, const ByteRange& bytes) {
  if (!(s >= kLeastScale && s <= kMostScale && m >= kLeastScale && m <= kMostScale)) return false;
  return all_borders(bytes, [&](double border) {
    const double at = border * static_cast<double>(s) / static_cast<double>(m),
                 reach = std::fabs(at) * kUnits;
    return all_integers(at - reach - 1, at + reach + 1,
                        [&](float x) { return std::nearbyintf(x * m / s) == std::nearbyintf(x * product); });
  });
}

bool is_same_sum(const Affine32& is, float s, const Affine32& becomes, const ByteRange& bytes) {
  const auto m = static_cast<double>(is.factor), b = static_cast<double>(is.added),
             scale = static_cast<double>(s);
  if (!(s >= kLeastScale && s <= kMostScale && is.factor >= kLeastScale && is.factor <= kMostScale &&
        std::fabs(b) <= kMostAdded * scale))
    return false;
  return all_borders(bytes, [&](double border) {
    const double at = (border * scale - b) / m,
                 reach = (std::fabs(border) + std::fabs(b / scale)) * kUnits * scale / m;
    return all_integers(at - reach - 1, at + reach + 1, [&](float x) {
      return std::nearbyintf((x * is.factor + is.added) / s) ==
             std::nearbyintf(std::fmaf(x, becomes.factor, becomes.added));
    });
  });
}

namespace {

const Tensor* f32_constant(const Builder& b, Id id) {
  const Tensor* t = b.constant_of(id);
  return t && t->type() == f32 && t->count() > 0 ? t : nullptr;
}

Id tensor_like(Builder& b, const Tensor& t, std::span<const float> values) {
  Tensor r(f32, std::vector<int64_t>(t.shape().begin(), t.shape().end()));
  std::copy(values.begin(), values.end(), r.data<float>());
  return b.constant(std::move(r));
}

// f32(acc) · m′ in the place of (f32(acc) · m) / s; -1: no factor does.
Id by_one_product(Builder& b, Id quotient, float s, const ByteRange& bytes) {
  const Node& product = b.node(quotient);
  if (product.op != &ops::mul) return -1;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Node& acc = b.node(product.inputs[i]);
    const Tensor* m = f32_constant(b, product.inputs[1 - i]);
    if (!m || acc.op != &ops::cast || b.type(acc.inputs[0]).element != i32) continue;
    std::vector<float> factors;
    for (const float each : aligned(*m).values<float>()) {
      const std::array<float, 5> near = near_quotient(each, s);
      const auto found =
          std::find_if(near.begin(), near.end(), [&](float f) { return is_same_product(each, s, f, bytes); });
      if (found == near.end()) return -1;
      factors.push_back(*found);
    }
    const Id x = product.inputs[i];
    return b.add(ops::mul, {x, tensor_like(b, *m, factors)});
  }
  return -1;
}

// The same but for dims of 1 in front.
bool is_alike(const Tensor& a, const Tensor& b) {
  const auto from = [](const Tensor& t) {
    std::vector<int64_t> shape(t.shape().begin(), t.shape().end());
    shape.erase(shape.begin(), std::find_if(shape.begin(), shape.end(), [](int64_t d) { return d != 1; }));
    return shape;
  };
  return from(a) == from(b);
}

// fma(f32(acc), m′, b′) in the place of (f32(acc) · m + b) / s; -1: no factor and sum do.
Id by_one_fma(Builder& b, Id quotient, float s, const ByteRange& bytes) {
  const Node& sum = b.node(quotient);
  if (sum.op != &ops::add) return -1;
  for (const size_t j : {size_t{0}, size_t{1}}) {
    const Node& product = b.node(sum.inputs[j]);
    const Tensor* added = f32_constant(b, sum.inputs[1 - j]);
    if (!added || product.op != &ops::mul) continue;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const Node& acc = b.node(product.inputs[i]);
      const Tensor* m = f32_constant(b, product.inputs[1 - i]);
      if (!m || acc.op != &ops::cast || b.type(acc.inputs[0]).element != i32 ||
          !(m->count() == 1 || is_alike(*m, *added)))
        continue;
      const Tensor factor = aligned(*m), addend = aligned(*added);
      std::vector<float> factors, addends;
      for (int64_t c = 0; c < addend.count(); ++c) {
        const Affine32 is{factor.data<float>()[m->count() == 1 ? 0 : c], addend.data<float>()[c]};
        const auto sums = near_quotient(is.added, s), products = near_quotient(is.factor, s);
        std::optional<Affine32> found;
        for (const float a : std::span(sums).first<3>())
          for (const float f : products)
            if (!found && is_same_sum(is, s, {f, a}, bytes)) found = Affine32{f, a};
        if (!found) return -1;
        factors.push_back(found->factor), addends.push_back(found->added);
      }
      const Id x = product.inputs[i];
      return b.add(ops::fma, {x, tensor_like(b, addend, factors), tensor_like(b, addend, addends)});
    }
  }
  return -1;
}

// It is read once where possible: what reads a reduction twice may be cut from it where groups are taken apart
// (compile/kernels).
bool is_reduction(const Op* op) {
  return op == &ops::window_reduce || op == &ops::reduce_max || op == &ops::reduce_min ||
         op == &ops::reduce_sum || op == &ops::reduce_prod;
}

// The bytes of `old`, a cast, without a division; -1 if it has none that can go.
Id without_division(Rewrite& w, Id old) {
  Builder& b = w.b;
  const ElementType to = w.node(old).type.element;
  if (to != u8 && to != i8) return -1;
  Id at = w.moved(w.node(old).inputs[0]), zero = -1;
  ByteRange bytes{static_cast<int32_t>(to.min_value()), static_cast<int32_t>(to.max_value()), 0};
  if (b.node(at).op == &ops::add) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const Tensor* z = f32_constant(b, b.node(at).inputs[i]);
      if (!z || z->count() != 1 || b.node(b.node(at).inputs[1 - i]).op != &ops::round) continue;
      const float v = aligned(*z).values<float>()[0];
      if (!(v >= static_cast<float>(bytes.least) && v <= static_cast<float>(bytes.most)) || v != std::rint(v))
        return -1;
      bytes.zero = static_cast<int32_t>(v);
      zero = b.node(at).inputs[i];
      at = b.node(at).inputs[1 - i];
      break;
    }
  }
  if (b.node(at).op != &ops::round || b.type(at).element != f32) return -1;
  at = b.node(at).inputs[0];
  if (b.node(at).op != &ops::div) return -1;
  const Id x = b.node(at).inputs[0], divisor = b.node(at).inputs[1];
  const Tensor* scale = f32_constant(b, divisor);
  if (!scale) return -1;
  const auto scales = aligned(*scale).values<float>();

  Id quotient = scales.size() == 1 ? by_one_product(b, x, scales[0], bytes) : -1;
  if (quotient < 0 && scales.size() == 1) quotient = by_one_fma(b, x, scales[0], bytes);
  if (quotient < 0) {
    bool same = true, long_same = true;
    for (const float s : scales) {
      same = same && is_same_quotient(s, bytes, false);
      long_same = long_same && is_same_quotient(s, bytes, true);
    }
    if (!long_same || (!same && is_reduction(b.node(x).op))) return -1;
    std::vector<float> reciprocals, rests;
    for (const float s : scales) {
      reciprocals.push_back(same ? 1 / s : reciprocal_of(s).r);
      rests.push_back(reciprocal_of(s).rest);
    }
    const Id r = tensor_like(b, *scale, reciprocals);
    quotient = same ? b.add(ops::mul, {x, r})
                    : b.add(ops::fma, {x, r, b.add(ops::mul, {x, tensor_like(b, *scale, rests)})});
  }
  if (b.type(quotient).dims != b.type(at).dims) return -1;
  Id r = b.add(ops::round, {quotient});
  if (zero >= 0) r = b.add(ops::add, {r, zero});
  return b.add(ops::cast, {r}, {{"to", to}});
}

}  // namespace

Module requantize(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= n.op == &ops::round;
  if (!any) return m;
  return rewrite(m, "requantize", [](Rewrite& w, Id old) {
    if (w.node(old).op == &ops::sub && w.node(old).type.element == i32) {  // x − 0
      const Id x = w.moved(w.node(old).inputs[0]);
      const Tensor* z = w.b.constant_of(w.moved(w.node(old).inputs[1]));
      if (z && z->count() == 1 && aligned(*z).as_ints()[0] == 0 && w.b.type(x) == w.node(old).type) {
        w.record(old, x);
        return x;
      }
    }
    if (w.node(old).op == &ops::cast)
      if (const Id now = without_division(w, old); now >= 0) {
        w.record(old, now);
        return now;
      }
    return w.copy(old);
  });
}

}  // namespace tauto
