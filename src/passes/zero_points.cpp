// From Σ (x − zx)·w to a product of bytes and what is added to it.
#include "passes/zero_points.h"

#include <algorithm>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/attainable.h"
#include "passes/known_constant.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr int64_t kTerms = 4;  // of a dot product of bytes

// What constants and a few steps of arithmetic on them give.
std::optional<Tensor> constant_of(const Builder& b, Id id) {
  return known_constant([&](Id i) -> const Node& { return b.node(i); }, id);
}

bool is_one_value(const Type& t) {
  return t.is_tensor() && t.ranked &&
         std::all_of(t.dims.begin(), t.dims.end(), [](const Dim& d) { return d == Dim(1); });
}
Id cast(Builder& b, Id x, ElementType to) {
  return b.type(x).element == to ? x : b.add(ops::cast, {x}, {{"to", to}});
}
Id reshaped(Builder& b, Id x, const Dims& dims) {
  return b.type(x).dims == dims ? x : b.add(ops::reshape, {x, b.dims(dims)});
}

// x − z of narrow integers, both widened to i32.
struct Centred {
  Id x = -1, z = -1;  // as they are; z: of one value, of x's type, or none
};
Centred centred(Builder& b, Id id) {
  const auto narrow = [&](Id i) {
    const Node& n = b.node(i);
    if (n.op != &ops::cast || !(n.type.element == i32)) return Id{-1};
    const ElementType e = b.type(n.inputs[0]).element;
    return e == u8 || e == i8 ? n.inputs[0] : Id{-1};
  };
  if (const Id x = narrow(id); x >= 0) return {x, -1};
  const Node& n = b.node(id);
  if (n.op != &ops::sub) return {};
  const Id x = narrow(n.inputs[0]), z = n.inputs[1];
  if (x < 0 || !is_one_value(b.type(z)) || !(b.type(x).dims == n.type.dims)) return {};
  if (const Tensor* known = b.constant_of(z)) {  // widened already
    const ElementType e = b.type(x).element;
    const int64_t v = aligned(*known).as_ints()[0];
    if (v < e.min_value() || v > static_cast<int64_t>(e.max_value())) return {};
    return {x, b.number(static_cast<double>(v), e)};
  }
  const Id own = narrow(z);
  return own >= 0 && b.type(own).element == b.type(x).element ? Centred{x, own} : Centred{};
}

bool is_plain(const AxisIndex& x, int axis) {
  return x.terms.size() == 1 && x.terms[0].axis == axis && x.terms[0].coefficient == Dim(1) &&
         x.offset == Dim(0) && x.divisor == 1;
}

// The dim of an operand that a reduction axis walks by itself, and which nothing else does.
int dim_of(const std::vector<AxisIndex>& operand, int axis) {
  int found = -1;
  for (size_t d = 0; d < operand.size(); ++d)
    for (const AxisTerm& t : operand[d].terms) {
      if (t.axis != axis) continue;
      if (found >= 0) return -1;
      found = static_cast<int>(d);
    }
  return found;
}

// Σ over the reduction axes of what `map` reads of x, for each output index; 1 along outputs that x has not.
Id sum_of(Builder& b, Id x, const Access& of, const std::vector<AxisIndex>& map) {
  std::vector<int> moved(of.axes.size(), -1);
  Access a;
  Dims shape;
  for (size_t i = 0; i < of.axes.size(); ++i) {
    const bool used = std::any_of(map.begin(), map.end(), [&](const AxisIndex& x) {
      return std::any_of(x.terms.begin(), x.terms.end(),
                         [&](const AxisTerm& t) { return t.axis == static_cast<int>(i); });
    });
    const bool output = static_cast<int>(i) < of.outputs;
    if (output) shape.push_back(used ? of.extents[i] : Dim(1));
    if (!used) continue;
    moved[i] = static_cast<int>(a.axes.size());
    a.axes.push_back(of.axes[i]);
    a.extents.push_back(of.extents[i]);
    a.outputs += output;
  }
  a.operands = {map, {}};
  for (AxisIndex& i : a.operands[0])
    for (AxisTerm& t : i.terms) t.axis = moved[static_cast<size_t>(t.axis)];
  return reshaped(b, b.add(ops::contract, {x, b.scalar<int32_t>(1)}, {{"access", a}}), shape);
}

// How far an index leaves 0 … extent − 1 below and above; nothing where only run time knows.
std::optional<std::pair<int64_t, int64_t>> overhang(const Access& access, const AxisIndex& x,
                                                    const Dim& extent) {
  if (x.divisor != 1) return std::nullopt;
  Dim least = x.offset, most = x.offset;
  for (const AxisTerm& t : x.terms) {
    const auto c = t.coefficient.as_literal();
    if (!c) return std::nullopt;
    (*c < 0 ? least : most) += t.coefficient * (access.extents[static_cast<size_t>(t.axis)] - 1);
  }
  const auto low = least.as_literal(), high = (most - extent + 1).as_literal();
  if (!low || !high) return std::nullopt;
  return std::pair(std::max<int64_t>(0, -*low), std::max<int64_t>(0, *high));
}

// A constant with zeros after its elements along a dim.
Tensor filled_up(const Tensor& t, size_t dim, int64_t to) {
  std::vector<int64_t> shape(t.shape().begin(), t.shape().end());
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < shape.size(); ++d) (d < dim ? outer : inner) *= d == dim ? 1 : shape[d];
  const int64_t from = shape[dim];
  shape[dim] = to;
  Tensor r(t.type(), shape);
  const int32_t* p = t.data<int32_t>();
  int32_t* q = r.data<int32_t>();
  std::fill_n(q, r.count(), 0);
  for (int64_t i = 0; i < outer; ++i) std::copy_n(p + i * from * inner, from * inner, q + i * to * inner);
  return r;
}

// The contraction of node `old` in its new form; -1 if it has none. `data`: which operand is x.
Id taken_out(Rewrite& w, Id old, size_t data) {
  Builder& b = w.b;
  const Node& n = w.node(old);
  const Centred c = centred(b, w.moved(n.inputs[data]));
  if (c.x < 0) return -1;
  Access access = n.attributes.get<Access>("access");
  const std::vector<AxisIndex>& of_w = access.operands[1 - data];
  std::vector<AxisIndex>& of_x = access.operands[data];
  const Dims from = b.type(c.x).dims;

  // The axis of the four terms: the last of x, or its channels, which can be laid so.
  int k = -1, x_dim = -1, w_dim = -1;
  for (int i = access.outputs; i < static_cast<int>(access.axes.size()); ++i) {
    const int d = dim_of(of_x, i), e = dim_of(of_w, i), last = static_cast<int>(of_x.size()) - 1;
    const auto extent = access.extents[static_cast<size_t>(i)].as_literal();
    if (d < 0 || e < 0 || !extent || *extent < 1 || !(d == last || (d == 1 && last >= 2)) ||
        !is_plain(of_w[static_cast<size_t>(e)], i) || (k >= 0 && x_dim > d))
      continue;
    bool fits = is_plain(of_x[static_cast<size_t>(d)], i);
    if (!fits && *extent % kTerms == 0)  // one of several groups of whole steps
      fits = std::all_of(of_x[static_cast<size_t>(d)].terms.begin(), of_x[static_cast<size_t>(d)].terms.end(),
                         [&](const AxisTerm& t) {
                           const auto c = t.coefficient.as_literal();
                           return t.axis == i ? c == 1 : c && *c % kTerms == 0;
                         }) &&
             of_x[static_cast<size_t>(d)].offset == Dim(0) && of_x[static_cast<size_t>(d)].divisor == 1;
    if (fits) k = i, x_dim = d, w_dim = e;
  }
  if (k < 0) return -1;
  const int64_t extent = access.extents[static_cast<size_t>(k)].literal(),
                whole = (extent + kTerms - 1) / kTerms * kTerms;

  const auto unsigned_of = [&](Id i) {
    return b.type(i).element == u8 ? i : b.add(ops::add, {cast(b, i, u8), b.scalar<uint8_t>(128)});
  };
  Id z = c.z < 0 ? Id{-1} : reshaped(b, unsigned_of(c.z), {});
  if (c.z < 0 && b.type(c.x).element == i8) z = b.scalar<uint8_t>(128);
  if (const auto known = z < 0 ? std::nullopt : constant_of(b, z); known && known->as_ints()[0] == 0) z = -1;

  // How x has to be wider. Where nothing is taken from it, what lies outside adds nothing and is left out; but
  // what the caller gives is copied, so that it lies as dot products read it.
  const bool borders = z >= 0 || b.node(c.x).op == &ops::parameter;
  const size_t rank = of_x.size();
  std::vector<int64_t> pads(2 * rank, 0);
  for (size_t d = 0; d < rank; ++d) {
    const bool is_k = static_cast<int>(d) == x_dim;
    const bool is_whole = of_x[d].terms.size() == 1 && is_plain(of_x[d], of_x[d].terms[0].axis);
    if (!is_k && !is_whole && borders) {
      const auto over = overhang(access, of_x[d], from[d]);
      if (!over) return -1;
      pads[d] = over->first, pads[rank + d] = over->second;
      of_x[d].offset += Dim(over->first);
    }
    if (is_k) pads[rank + d] = whole - extent;
  }
  std::optional<Tensor> weights = constant_of(b, w.moved(n.inputs[1 - data]));
  if (!weights || weights->count() == 0) return -1;
  if (whole != extent) *weights = filled_up(*weights, static_cast<size_t>(w_dim), whole);
  access.extents[static_cast<size_t>(k)] = Dim(whole);
  const auto values = weights->values<int32_t>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (int64_t{*most} - *least > 255) return -1;
  const int32_t m = *least >= -128 && *most <= 127 ? 0 : *most - 127;
  Tensor bytes(i8, std::vector<int64_t>(weights->shape().begin(), weights->shape().end()));
  std::transform(values.begin(), values.end(), bytes.data<int8_t>(),
                 [&](int32_t v) { return static_cast<int8_t>(v - m); });

  Id x = unsigned_of(c.x);
  if (std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; }))
    x = b.add(ops::pad, {x, b.ints(pads), z < 0 ? b.scalar<uint8_t>(0) : z},
              {{"mode", std::string("constant")}});
  const Id v = b.constant(bytes);
  Id r = b.add(ops::contract, data == 0 ? std::vector<Id>{x, v} : std::vector<Id>{v, x},
               {{"access", access}, {"to", i32}});
  if (m != 0) {
    // The channels first, if they are a dim of their own: then there is little left to walk windows over.
    Id s = cast(b, x, i32);
    std::vector<AxisIndex> map = access.operands[data];
    if (is_plain(map[static_cast<size_t>(x_dim)], k)) {
      s = b.add(ops::reduce_sum, {s}, {{"axes", Ints{x_dim}}, {"keepdims", int64_t{1}}});
      map[static_cast<size_t>(x_dim)] = AxisIndex{{}, 0, 1};
    }
    r = b.add(ops::add, {r, b.add(ops::mul, {sum_of(b, s, access, map), b.scalar(m)})});
  }
  if (z >= 0) {
    const Id sums = sum_of(b, b.constant(*weights), access, access.operands[1 - data]);
    const std::optional<Tensor> known = constant_of(b, sums);
    r = b.add(ops::sub, {r, b.add(ops::mul, {cast(b, z, i32), known ? b.constant(*known) : sums})});
  }
  return r;
}

// The contraction of node `old`, which has no four terms side by side, with a constant of narrower integers: what is
// known of their size makes one instruction of a product and a sum (schedule/dots.h). -1 if there are none.
Id narrowed(Rewrite& w, Id old, size_t data) {
  Builder& b = w.b;
  const Node& n = w.node(old);
  const Id x = w.moved(n.inputs[data]), c = w.moved(n.inputs[1 - data]);
  const IntegerRange range = range_of([&](Id i) -> const Node& { return b.node(i); }, x);
  const std::optional<Tensor> weights = constant_of(b, c);
  if (!weights || !(weights->type() == i32) || weights->count() == 0 || !(b.type(x).element == i32) ||
      n.attributes.flag("bits") || n.attributes.find("to") || range.low < i16.min_value() ||
      range.high > static_cast<int64_t>(i16.max_value()))
    return -1;
  const auto values = weights->values<int32_t>();
  const auto fit = [&](ElementType t) {
    return std::all_of(values.begin(), values.end(), [&](int32_t v) {
      return v >= t.min_value() && v <= static_cast<int64_t>(t.max_value());
    });
  };
  if (!fit(i16)) return -1;
  Tensor narrow(fit(i8) ? i8 : i16, std::vector<int64_t>(weights->shape().begin(), weights->shape().end()));
  for (size_t i = 0; i < values.size(); ++i)
    if (narrow.type() == i8)
      narrow.data<int8_t>()[i] = static_cast<int8_t>(values[i]);
    else
      narrow.data<int16_t>()[i] = static_cast<int16_t>(values[i]);
  const Id v = b.constant(std::move(narrow));
  Attributes attributes = n.attributes;
  attributes.set("to", i32);
  return b.add(ops::contract, data == 0 ? std::vector<Id>{x, v} : std::vector<Id>{v, x}, attributes);
}

}  // namespace

Module zero_points(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= n.op == &ops::contract && n.type.element == i32;
  if (!any) return m;
  return rewrite(m, "zero_points", [](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (n.op == &ops::contract && n.type.element == i32)
      for (const auto& in_new_form : {taken_out, narrowed})
        for (const size_t data : {size_t{0}, size_t{1}})
          if (const Id now = in_new_form(w, old, data); now >= 0) {
            w.record(old, now);
            return now;
          }
    return w.copy(old);
  });
}

}  // namespace tauto
