// cast of intervals: every conversion is monotone, so the ends decide.
#include <algorithm>

#include "ops/cast.h"
#include "ops/elementwise.h"

namespace tauto::ops {
namespace {

FInterval<double> to_real(IInterval x, ElementType from) {
  if (from == u64 && num::is_any(x)) return {0, 0x1p64};
  const auto end = [](int64_t v, double (*outward)(double)) {
    const double d = static_cast<double>(v);
    return static_cast<__int128>(d) == v ? d : outward(d);
  };
  return {end(x.lo, num::down), end(x.hi, num::up)};
}

IInterval to_integer(FInterval<double> x, ElementType e) {
  if (num::is_nan_surely(x)) return {0, 0};
  if (e == u64)
    return num::is_anything(x) || x.hi >= 0x1p63
               ? num::any_int()
               : IInterval{saturated<int64_t>(std::max(x.lo, 0.0)), saturated<int64_t>(std::max(x.hi, 0.0))};
  if (e.bits < 8) return wrapped({saturated<int32_t>(x.lo), saturated<int32_t>(x.hi)}, e);
  const auto clamped = [&](double v) {
    return std::clamp(saturated<int64_t>(v), e.min_value(), static_cast<int64_t>(e.max_value()));
  };
  return {clamped(x.lo), clamped(x.hi)};
}

IInterval to_bool(FInterval<double> x) {
  if (num::is_nan_surely(x)) return {1, 1};
  return num::truth(x.lo > 0 || x.hi < 0, x.lo != 0 || x.hi != 0);
}

FInterval<double> to_float(FInterval<double> x, const CastTarget& to) {
  if (num::is_anything(x) || to.type == f64) return x;
  if (!to.type.is_small_float()) {
    if (num::is_nan_surely(x)) return x;
    const FInterval<float> r = narrowed({x.lo, x.hi}, to.type);
    return {r.lo, r.hi};
  }
  // A named number system: rounding is part of its meaning, and it is monotone.
  const auto value = [&](double v) {
    return small_float_value(to.type, small_float_code(to.type, v, to.saturate, to.rounding));
  };
  const double lo = value(x.lo), hi = value(x.hi);
  if (x.lo == x.hi || num::is_nan_surely(x)) return {lo, hi};
  if (lo != lo || hi != hi || (to.type.kind == Kind::F8E8M0 && x.lo < 0)) return num::anything<double>();
  return {lo, hi};
}

}  // namespace

void cast_intervals(EvalContext& c, const CastTarget& to) {
  const Tensor& x = c.tensor(0);
  const ElementType from = x.type();
  if (from.is_string() || to.type.is_string()) throw Unknown{};
  const bool from_real = from.is_float() || from.is_small_float();
  Tensor out = c.make();
  for (int64_t i = 0; i < x.count(); ++i) {
    FInterval<double> real;
    IInterval whole;
    if (from_real)
      real = x.data<FInterval<double>>()[i];
    else
      whole = x.data<IInterval>()[i];
    if (to.type.is_float() || to.type.is_small_float())
      out.data<FInterval<double>>()[i] = to_float(from_real ? real : to_real(whole, from), to);
    else if (from_real)
      out.data<IInterval>()[i] = to.type.is_bool() ? to_bool(real) : to_integer(real, to.type);
    else
      out.data<IInterval>()[i] =
          to.type.is_bool() ? num::truth(whole.lo > 0 || whole.hi < 0, whole.lo != 0 || whole.hi != 0)
                            : wrapped(whole, to.type);
  }
  c.out = std::move(out);
}

}  // namespace tauto::ops
