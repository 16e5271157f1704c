// The loop under all elementwise references: broadcasting by strides 0 and 1, halves widened and narrowed by
// chunks.
#include "ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tauto {
namespace {

constexpr int64_t kChunk = 1024;
constexpr size_t kMaxElement = 16;

// Copies n elements of stride 0 or 1 into compute form.
void load(const Tensor& t, int64_t at, int64_t stride, int64_t n, void* to) {
  const auto each = [&](auto* o, const auto* p, auto convert) {
    for (int64_t i = 0; i < n; ++i) o[i] = convert(p[at + i * stride]);
  };
  if (t.rep() == Rep::Exact && t.type() == f16)
    return each(static_cast<float*>(to), t.data<Half>(), [](Half h) { return static_cast<float>(h); });
  if (t.rep() == Rep::Exact && t.type() == bf16)
    return each(static_cast<float*>(to), t.data<BFloat>(), [](BFloat h) { return static_cast<float>(h); });
  const auto size = static_cast<size_t>(t.element_bytes());
  const char* from = static_cast<const char*>(t.raw()) + static_cast<size_t>(at) * size;
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * size);
    return;
  }
  const auto fill = [&](auto v) {
    std::memcpy(&v, from, sizeof v);
    std::fill_n(static_cast<decltype(v)*>(to), n, v);
  };
  struct Pair {
    uint64_t a, b;
  };
  switch (size) {
    case 1:
      return fill(uint8_t{});
    case 2:
      return fill(uint16_t{});
    case 4:
      return fill(uint32_t{});
    case 8:
      return fill(uint64_t{});
    default:
      return fill(Pair{});
  }
}

// Brings results from compute form to storage, where the two differ.
void store(const void* from, Tensor& t, int64_t at, int64_t n) {
  if (t.rep() == Rep::Exact) {
    const float* f = static_cast<const float*>(from);
    if (t.type() == f16)
      for (int64_t i = 0; i < n; ++i) t.data<Half>()[at + i] = Half(f[i]);
    else if (t.type() == bf16)
      for (int64_t i = 0; i < n; ++i) t.data<BFloat>()[at + i] = BFloat(f[i]);
    return;
  }
}

}  // namespace

void finish_interval(Tensor& t, int64_t at, int64_t n) {
  const ElementType e = t.type();
  if (e == f16 || e == bf16) {
    FInterval<float>* x = t.data<FInterval<float>>() + at;
    for (int64_t i = 0; i < n; ++i) x[i] = narrowed(x[i], e);
  } else if (e.is_integer() && e != i64) {
    IInterval* x = t.data<IInterval>() + at;
    for (int64_t i = 0; i < n; ++i) x[i] = wrapped(x[i], e);
  }
}

FInterval<float> narrowed(FInterval<float> x, ElementType e) {
  const auto once = [&](double v) -> double {
    if (e == f32) return static_cast<float>(v);
    const float odd = round_to_odd(v);
    return e == f16 ? static_cast<float>(Half(odd)) : static_cast<float>(BFloat(odd));
  };
  if (num::is_nan_surely(x)) return x;
  const double lo = once(x.lo), hi = once(x.hi);
  return {lo < x.lo ? lo : x.lo, hi > x.hi ? hi : x.hi};
}

IInterval wrapped(IInterval x, ElementType e) {
  if (e == i64) return x;
  if (e == u64) return x.lo < 0 ? num::any_int() : x;
  const int64_t lo = e.min_value(), hi = static_cast<int64_t>(e.max_value());
  if (x.lo >= lo && x.hi <= hi) return x;
  if (x.lo != x.hi) return {lo, hi};
  const int shift = 64 - e.bits;
  const uint64_t u = static_cast<uint64_t>(x.lo) << shift;
  const int64_t v = e.is_signed() ? static_cast<int64_t>(u) >> shift : static_cast<int64_t>(u >> shift);
  return {v, v};
}

bool in_set(ElementType t, uint32_t set) {
  if (t.is_float()) return set & kFloats;
  if (t.is_integer()) return t.bits >= 8 && ((set & kIntegers) || ((set & 8) && t.is_signed()));
  return t.is_bool() && (set & kBools);
}

Form compute_form(ElementType t, Rep rep) {
  if (rep == Rep::Term) return Form::Term;
  if (rep == Rep::Dims) return t.is_float() || t.is_string() ? Form::None : Form::Dims;
  if (t.is_float()) {
    if (rep == Rep::Ideal) return Form::F64;
    if (rep == Rep::Interval) return t == f64 ? Form::FI64 : Form::FI32;
    return t == f64 ? Form::F64 : Form::F32;
  }
  if (rep == Rep::Interval && (t.is_integer() || t.is_bool())) return Form::II;
  if (t.is_bool()) return Form::Bool;
  if (!t.is_integer()) return Form::None;
  const int size = t.bits <= 8 ? 0 : t.bits == 16 ? 1 : t.bits == 32 ? 2 : 3;
  return static_cast<Form>(static_cast<int>(t.is_signed() ? Form::I8 : Form::U8) + size);
}

namespace {

// Other implementations may compute this f64 node in a shorter type, by a formula that rounds once or twice
// more: one unit in the last place of that type.
void grant(Tensor& t, int64_t at, int64_t n, ElementType type) {
  if (t.type() != f64 || type == f64) return;
  const double unit = type == f32 ? 0x1p-23 : type == f16 ? 0x1p-10 : 0x1p-7;
  FInterval<double>* x = t.data<FInterval<double>>() + at;
  for (int64_t i = 0; i < n; ++i) {
    const FInterval<float> y = narrowed({x[i].lo, x[i].hi}, type);
    x[i] = {y.lo - unit * std::fabs(y.lo), y.hi + unit * std::fabs(y.hi)};
  }
}

}  // namespace

void run_elementwise(EvalContext& c, Kernel kernel, ElementType result) {
  const Shape shape = static_shape(c.type);
  Tensor out(result, shape, c.rep);
  const size_t inputs = c.in.size();
  CHECK(inputs >= 1 && inputs <= 4);
  if (c.rep == Rep::Dims) {  // few elements, objects: one at a time
    for (int64_t i = 0; i < out.count(); ++i) {
      const void* p[4];
      for (size_t k = 0; k < inputs; ++k) {
        const Tensor& t = c.tensor(static_cast<int>(k));
        int64_t at = 0, rest = i, stride = 1;
        for (int64_t d = out.rank(), e = t.rank(); d-- > 0;) {
          const int64_t index = rest % shape[static_cast<size_t>(d)];
          rest /= shape[static_cast<size_t>(d)];
          if (--e < 0) continue;
          if (t.dim(e) != 1) at += index * stride;
          stride *= t.dim(e);
        }
        p[k] = t.data<Dim>() + at;
      }
      kernel(out.data<Dim>() + i, p, 1);
    }
    c.out = std::move(out);
    return;
  }
  if (out.count() == 0) {
    c.out = std::move(out);
    return;
  }
  // Merge neighbouring dims along which every operand steps evenly (or stays).
  struct Axis {
    int64_t n;
    int64_t stride[4];
  };
  std::vector<Axis> axes;
  for (int64_t d = 0; d < out.rank(); ++d) {
    const int64_t n = shape[static_cast<size_t>(d)];
    if (n == 1) continue;
    Axis a{n, {}};
    for (size_t k = 0; k < inputs; ++k) {
      const Tensor& t = c.tensor(static_cast<int>(k));
      const int64_t e = d - (out.rank() - t.rank());
      if (e < 0 || t.dim(e) == 1) continue;
      a.stride[k] = 1;
      for (int64_t r = e + 1; r < t.rank(); ++r) a.stride[k] *= t.dim(r);
    }
    if (!axes.empty()) {
      Axis& b = axes.back();
      bool even = true;
      for (size_t k = 0; k < inputs; ++k) even &= b.stride[k] == a.stride[k] * n;
      if (even) {
        b.n *= n;
        std::copy(a.stride, a.stride + 4, b.stride);
        continue;
      }
    }
    axes.push_back(a);
  }
  if (axes.empty()) axes.push_back({1, {1, 1, 1, 1}});
  const Axis inner = axes.back();
  axes.pop_back();

  alignas(64) static thread_local char buffer[5][kChunk * kMaxElement];
  const auto is_half = [](const Tensor& t) {
    return t.rep() == Rep::Exact && (t.type() == f16 || t.type() == bf16);
  };
  const bool out_half = is_half(out);
  const Attribute* legal = c.attributes.find("legal");
  std::vector<int64_t> index(axes.size(), 0);
  int64_t at[4] = {};
  for (int64_t done = 0; done < out.count();) {
    for (int64_t i = 0; i < inner.n; i += kChunk) {
      const int64_t n = std::min(kChunk, inner.n - i);
      const void* p[4];
      for (size_t k = 0; k < inputs; ++k) {
        const Tensor& t = c.tensor(static_cast<int>(k));
        const int64_t s = inner.stride[k], from = at[k] + i * s;
        if (s == 1 && !is_half(t)) {
          p[k] = static_cast<const char*>(t.raw()) + from * t.element_bytes();
        } else {
          load(t, from, s, n, buffer[k]);
          p[k] = buffer[k];
        }
      }
      if (out_half) {
        kernel(buffer[4], p, n);
        store(buffer[4], out, done, n);
      } else {
        kernel(static_cast<char*>(out.raw()) + done * out.element_bytes(), p, n);
        if (c.rep == Rep::Interval) {
          finish_interval(out, done, n);
          if (legal) grant(out, done, n, std::get<ElementType>(*legal));
        }
      }
      done += n;
    }
    c.poll();
    for (size_t d = axes.size(); d-- > 0;) {
      for (size_t k = 0; k < inputs; ++k) at[k] += axes[d].stride[k];
      if (++index[d] < axes[d].n) break;
      for (size_t k = 0; k < inputs; ++k) at[k] -= axes[d].stride[k] * axes[d].n;
      index[d] = 0;
    }
  }
  c.out = std::move(out);
}

}  // namespace tauto
