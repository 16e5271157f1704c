// Helpers of operators that move elements.
#include "ops/movement.h"

#include <algorithm>
#include <numeric>

#include "ops/interval.h"
#include "ops/term.h"

namespace tauto {

std::vector<int64_t> axes_of(const Attributes& attributes, int64_t rank, int64_t n) {
  std::vector<int64_t> axes(static_cast<size_t>(n));
  std::iota(axes.begin(), axes.end(), 0);
  axes = attributes.get_or<Ints>("axes", axes);
  for (int64_t& a : axes) a = normal_axis(a, rank);
  return axes;
}

std::vector<int64_t> axes_of(const TypeContext& c, int64_t rank, int64_t n) {
  const Ints* given = c.attributes.find("axes") ? &c.attributes.get<Ints>("axes") : nullptr;
  if (given)
    for (int64_t a : *given) c.axis(a, rank);
  const auto axes = axes_of(c.attributes, rank, n);
  c.require(static_cast<int64_t>(axes.size()) == n, cat("required ", n, " axes, got ", axes.size()));
  c.require(n <= rank, cat("required at most ", rank, " axes, got ", n));
  for (size_t i = 0; i < axes.size(); ++i)
    c.require(std::find(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(i), axes[i]) ==
                  axes.begin() + static_cast<std::ptrdiff_t>(i),
              cat("axis ", axes[i], " is named twice"));
  return axes;
}

namespace {

enum class Sign { Negative, NotNegative, Undecided };
Sign sign_of(const Dim& x) {
  if (const auto v = x.as_literal()) return *v < 0 ? Sign::Negative : Sign::NotNegative;
  if (const auto lo = lower_bound(x); lo && *lo >= 0) return Sign::NotNegative;
  if (const auto hi = upper_bound(x); hi && *hi < 0) return Sign::Negative;
  return Sign::Undecided;
}

// One bound of a slice, in [least, most]. ONNX writes "to the end" as a huge literal: of a symbolic extent
// that is read as the end, so that the result stays a simple expression.
std::optional<Dim> clamped(const Dim& x, const Dim& extent, const Dim& least, const Dim& most) {
  if (const auto v = x.as_literal(); v && !extent.is_literal()) {
    if (*v >= INT32_MAX) return most;
    if (*v <= -INT32_MAX) return least;
  }
  switch (sign_of(x)) {
    case Sign::Negative:
      return max(least, min(x + extent, most));
    case Sign::NotNegative:
      return max(least, min(x, most));
    case Sign::Undecided:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Span> slice_span(const Dim& extent, const Dim& start, const Dim& end, int64_t step) {
  CHECK(step != 0);
  const Dim least = step > 0 ? 0 : -1, most = step > 0 ? extent : extent - 1;
  const auto first = clamped(start, extent, least, most), last = clamped(end, extent, least, most);
  if (!first || !last) return std::nullopt;
  // The longest axis holds fewer than 2^62 elements, so a huge step is any step that leaves the axis.
  const int64_t stride = std::min<int64_t>(step > 0            ? step
                                           : step == INT64_MIN ? INT64_MAX
                                                               : -step,
                                           int64_t{1} << 62);
  const Dim length = step > 0 ? *last - *first : *first - *last;
  return Span{*first, stride == 1 ? max(length, Dim(0)) : max(ceil_div(length, Dim(stride)), Dim(0))};
}

Dim product(std::span<const Dim> dims) {
  Dim p = 1;
  for (const Dim& d : dims) p *= d;
  return p;
}

Tensor integers(ElementType type, Shape shape, std::span<const int64_t> values, Rep rep) {
  Tensor t(type, std::move(shape), rep);
  CHECK(t.count() == static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t v = values[i];
    switch (rep) {
      case Rep::Exact:
      case Rep::Ideal:
        __builtin_memcpy(static_cast<char*>(t.raw()) + static_cast<int64_t>(i) * t.element_bytes(), &v,
                         static_cast<size_t>(t.element_bytes()));
        break;
      case Rep::Interval:
        t.data<IInterval>()[i] = {v, v};
        break;
      case Rep::Term: {
        const uint64_t mask = type.bytes() == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * type.bytes())) - 1;
        t.data<Term>()[i] = term_literal(type, static_cast<uint64_t>(v) & mask);
        break;
      }
      case Rep::Dims:
        t.data<Dim>()[i] = v;
    }
  }
  return t;
}

int64_t wrapped_index(const EvalContext& c, int64_t index, int64_t extent, int64_t position) {
  if (index < -extent || index >= extent)
    c.refuse(cat("index ", index, " at position ", position, ": required ", -extent, " <= index < ", extent));
  return index < 0 ? index + extent : index;
}

}  // namespace tauto
