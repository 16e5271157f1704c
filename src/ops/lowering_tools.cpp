// Index arithmetic of lowerings.
#include "ops/lowering_tools.h"

#include <algorithm>

namespace tauto {

using loops::Expr;

ElementType arithmetic_type(ElementType e) { return e == f16 || e == bf16 ? f32 : e; }
Expr converted(Expr x, ElementType e) { return x.type() == e ? x : loops::convert(std::move(x), e); }
Expr widened(Expr x) {
  const ElementType e = arithmetic_type(x.type());
  return converted(std::move(x), e);
}
bool is_loop_type(ElementType e) {
  return e.is_float() || e.is_bool() || (e.is_integer() && e.bits >= 8 && e.bits <= 64);
}

bool at_least(const Dim& d, int64_t bound) {
  const auto lo = lower_bound(d);
  return lo && *lo >= bound;
}

Expr accessed_index(const Access& access, const AxisIndex& x, const Index& point, const Dim& extent,
                    Conditions& inside) {
  Expr at = 0;
  Dim least = x.offset, most = x.offset;
  bool bounded = true;
  for (const AxisTerm& t : x.terms) {
    const auto axis = static_cast<size_t>(t.axis);
    at = point[axis] * Expr(t.coefficient) + at;
    const Dim reach = t.coefficient * (access.extents[axis] - 1);
    const bool up = at_least(t.coefficient, 0);
    (up ? most : least) += reach;
    bounded &= up || at_least(-t.coefficient, 0);
  }
  at = at + Expr(x.offset);
  if (!bounded || !at_least(least, 0)) inside.require(is_at_most(0, at));
  if (!bounded || !at_least(extent * x.divisor - most, 1))
    inside.require(loops::less(at, extent * x.divisor));
  if (x.divisor == 1) return at;
  inside.require(is_equal(loops::floor_mod(at, x.divisor), 0));
  return loops::floor_div(at, x.divisor);
}

// Whether `have`, which broadcasts to `want`, is 1 only where that is.
static bool follows(const Dim& have, const Dim& want) {
  const auto k = upper_bound(have);
  return have == want || at_least(have, 2) || (k && *k > 1 && min(want, Dim(*k)) == have);
}

Index broadcast_index(Lowering& l, int input, const Index& index) {
  const Dims &from = l.type(input).dims, &to = l.type().dims;
  CHECK(from.size() <= to.size() && index.size() == to.size());
  Index r;
  const size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) {
    const Dim &have = from[i], &want = to[lead + i];
    if (have == Dim(1))
      r.push_back(0);
    else if (follows(have, want))
      r.push_back(index[lead + i]);
    else if (i + 1 == from.size() && l.assume_equal(have, want))
      r.push_back(index[lead + i]);  // along the last axis elements are to stay neighbours
    else                             // times 0 where the axis is 1 at run time, else times 1
      r.push_back(index[lead + i] * Expr(min(have, Dim(2)) - 1));
  }
  return r;
}

Expr linear_index(const Dims& dims, const Index& index) {
  CHECK(dims.size() == index.size());
  Expr sum = 0;
  Dim stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i] == Dim(1)) continue;
    sum = index[i] * Expr(stride) + sum;
    stride *= dims[i];
  }
  return sum;
}

Index index_of_linear(const Dims& dims, const Expr& linear) {
  Index r(dims.size(), Expr(0));
  size_t outermost = 0;
  while (outermost < dims.size() && dims[outermost] == Dim(1)) ++outermost;
  Dim stride = 1;
  for (size_t i = dims.size(); i-- > outermost;) {
    if (dims[i] == Dim(1)) continue;
    Expr x = stride == Dim(1) ? linear : loops::floor_div(linear, stride);
    r[i] = i == outermost ? x : loops::floor_mod(x, dims[i]);
    stride *= dims[i];
  }
  return r;
}

Index reshaped_index(const Dims& from, const Dims& to, const Index& index) {
  Index r;
  size_t i = 0, j = 0;  // groups start here
  while (i < from.size() || j < to.size()) {
    size_t a = i, b = j;  // and end before these
    Dim have = 1, want = 1;
    if (a < from.size()) have = from[a++];
    if (b < to.size()) want = to[b++];
    // Grow the side with the smaller product; sizes that cannot be compared grow both.
    while (!(have == want) && (a < from.size() || b < to.size())) {
      const bool grow_from = a < from.size() && (b == to.size() || !at_least(have - want, 1));
      const bool grow_to = b < to.size() && (a == from.size() || !at_least(want - have, 1));
      if (grow_from) have *= from[a++];
      if (grow_to && !(grow_from && have == want)) want *= to[b++];
    }
    const Dims parts(from.begin() + static_cast<std::ptrdiff_t>(i),
                     from.begin() + static_cast<std::ptrdiff_t>(a));
    const Dims seen(to.begin() + static_cast<std::ptrdiff_t>(j), to.begin() + static_cast<std::ptrdiff_t>(b));
    const Index at(index.begin() + static_cast<std::ptrdiff_t>(j),
                   index.begin() + static_cast<std::ptrdiff_t>(b));
    for (Expr& x : index_of_linear(parts, linear_index(seen, at))) r.push_back(std::move(x));
    i = a, j = b;
  }
  return r;
}

Expr one_of(const Dims& values, const Expr& i, ElementType type) {
  if (values.empty()) return loops::number(type, 0);  // never asked for
  const auto element = [&](const Dim& v) { return converted(Expr(v), type); };
  if (const auto k = loops::literal_index(i); k && *k >= 0 && *k < static_cast<int64_t>(values.size()))
    return element(values[static_cast<size_t>(*k)]);
  Expr r = element(values.back());
  for (size_t k = values.size() - 1; k-- > 0;)
    if (!(values[k] == values.back() && k + 2 == values.size()))
      r = loops::select(loops::less(i, static_cast<int64_t>(k + 1)), element(values[k]), r);
  return r;
}

Expr loaded_index(Lowering& l, int input, int component, const Index& at, const Dim& extent) {
  bool negative = l.type(input).element.is_signed();
  if (const auto all = l.value(input)) {
    Dims dims = l.type(input).dims, known;
    Index place = at;
    const auto parts = component < 0 ? size_t{1} : static_cast<size_t>(dims.back().literal());
    for (size_t i = static_cast<size_t>(std::max(component, 0)); i < all->size(); i += parts)
      known.push_back((*all)[i]);
    if (component >= 0) dims.pop_back(), place.pop_back();
    bool inside = true, decided = true;
    negative = false;
    for (Dim& v : known) {
      inside &= at_least(v + extent, 0) && at_least(extent - v, 1);
      negative |= !at_least(v, 0);
      if (at_least(-v, 1)) v += extent;
      decided &= at_least(v, 0);
    }
    // One that is the same everywhere, or steps evenly, needs no load.
    if (inside && decided && !known.empty()) {
      const Dim step = known[known.size() > 1] - known[0];
      bool even = true;
      for (size_t i = 1; i < known.size(); ++i) even &= known[i] - known[i - 1] == step;
      if (even) return linear_index(dims, place) * Expr(step) + Expr(known[0]);
    }
    if (!inside) l.require_range(input, component, -extent, extent);
  } else {
    l.require_range(input, component, -extent, extent);
  }
  const Expr i = converted(l.at(input, at), i64);
  return negative ? loops::select(loops::less(i, 0), i + Expr(extent), i) : i;
}

}  // namespace tauto
