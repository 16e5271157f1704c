// The axis of the pairs, and the access map by it.
#include "passes/bf16_products.h"

#include <algorithm>

#include "graph/unaligned.h"
#include "ops/ops.h"

namespace tauto {
namespace {

bool is_plain(const AxisIndex& x, int axis) {
  return x.terms.size() == 1 && x.terms[0].axis == axis && x.terms[0].coefficient == Dim(1) &&
         x.offset == Dim(0) && x.divisor == 1;
}

// The dim that an axis walks by itself, step by step, perhaps behind what other axes (groups) add; -1: none.
int dim_walked(const std::vector<AxisIndex>& operand, int axis, bool alone) {
  int found = -1;
  for (size_t d = 0; d < operand.size(); ++d)
    for (const AxisTerm& t : operand[d].terms) {
      if (t.axis != axis) continue;
      const AxisIndex& x = operand[d];
      const bool steps = t.coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1;
      if (found >= 0 || !steps || (alone && !is_plain(x, axis))) return -1;
      found = static_cast<int>(d);
    }
  return found;
}

// bf16, with zeros after the elements along a dim.
Tensor narrowed(const Tensor& t, size_t dim, int64_t to) {
  std::vector<int64_t> shape(t.shape().begin(), t.shape().end());
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != dim) (d < dim ? outer : inner) *= shape[d];
  const int64_t from = shape[dim];
  shape[dim] = to;
  Tensor r(bf16, shape);
  const auto values = t.values<float>();
  BFloat* q = r.data<BFloat>();
  std::fill_n(q, r.count(), BFloat(0.0f));
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < from * inner; ++j)
      q[i * to * inner + j] = BFloat(values[static_cast<size_t>(i * from * inner + j)]);
  return r;
}

// How x is walked in pairs: along reduction axis k, by dim x_dim of x and w_dim of w.
struct Pairs {
  int k = -1, x_dim = -1, w_dim = -1;
  std::optional<Dim> window;  // x is walked by an even window, which begins so far before it
};

// Behind the offset of a group, or a window's place.
bool begins_at_even_places(const AxisIndex& x, int axis) {
  return std::all_of(x.terms.begin(), x.terms.end(), [&](const AxisTerm& t) {
    return t.axis == axis || mod(t.coefficient, Dim(2)) == Dim(0);
  });
}

// How far before its last dim x begins to be walked, if it is at places 2·y + k − before: a window of even steps,
// whose pairs are neighbours in x whatever its channels.
std::optional<Dim> even_window(const std::vector<AxisIndex>& operand, int axis) {
  const AxisIndex& x = operand.back();
  const auto walks = [&](const AxisIndex& index) {
    return std::any_of(index.terms.begin(), index.terms.end(), [&](const AxisTerm& t) {
      return t.axis == axis && (&index != &x || t.coefficient == Dim(1));
    });
  };
  const bool alone = std::none_of(operand.begin(), operand.end() - 1, walks);
  const auto offset = x.offset.as_literal();
  if (!walks(x) || !alone || !begins_at_even_places(x, axis) || x.divisor != 1 || !offset || *offset > 0)
    return std::nullopt;
  return Dim(-*offset);
}

// An output axis that both operands have: each result has terms of its own.
bool has_groups(const Access& access) {
  const auto has = [&](size_t operand, int axis) {
    const std::vector<AxisIndex>& index = access.operands[operand];
    return std::any_of(index.begin(), index.end(), [&](const AxisIndex& x) {
      return std::any_of(x.terms.begin(), x.terms.end(), [&](const AxisTerm& t) { return t.axis == axis; });
    });
  };
  for (int i = 0; i < access.outputs; ++i)
    if (has(0, i) && has(1, i)) return true;
  return false;
}

constexpr int64_t kFewOutputs = 8;

// Fills the lanes only if enough results differ in their weights.
bool has_outputs(const Access& access) {
  int64_t outputs = 1;
  for (const AxisIndex& index : access.operands[1])
    for (const AxisTerm& t : index.terms)
      if (t.axis < access.outputs)
        outputs *= access.extents[static_cast<size_t>(t.axis)].as_literal().value_or(kFewOutputs);
  return outputs >= kFewOutputs;
}

Pairs pairs_of(const Access& access) {
  Pairs r;
  if (access.operands.size() != 2 || !has_outputs(access)) return r;
  const std::vector<AxisIndex>&of_x = access.operands[0], &of_w = access.operands[1];
  const int last = static_cast<int>(of_x.size()) - 1;
  const auto extent_of = [&](int i) {
    return access.extents[static_cast<size_t>(i)].as_literal().value_or(0);
  };
  for (int i = access.outputs; i < static_cast<int>(access.axes.size()); ++i) {
    const int d = dim_walked(of_x, i, false), e = dim_walked(of_w, i, true);
    if (d < 0 || e < 0 || extent_of(i) < 2 || !(d == last || (d == 1 && last >= 2)) ||
        (r.k >= 0 && r.x_dim > d))
      continue;
    if (!begins_at_even_places(of_x[static_cast<size_t>(d)], i)) continue;
    r = {i, d, e, std::nullopt};
  }
  if ((r.k >= 0 && (r.x_dim == last || extent_of(r.k) % 2 == 0)) || has_groups(access)) return r;
  // An odd number of channels, such as red, green and blue, would have to lie side by side and be filled up.
  for (int i = access.outputs; i < static_cast<int>(access.axes.size()); ++i)
    if (const int e = dim_walked(of_w, i, true); e >= 0 && extent_of(i) > 1)
      if (const auto before = even_window(of_x, i)) return {i, last, e, before};
  return r;
}

// x with zeros so that `whole` terms are read of it, pairs at even places: behind its channels, or around a window.
Id filled(Builder& b, Id x, const Pairs& p, int64_t extent, int64_t whole) {
  const Dims& shape = b.type(x).dims;
  const auto dim = static_cast<size_t>(p.x_dim);
  Dims pads(2 * shape.size(), Dim(0));
  Dim& behind = pads[shape.size() + dim] = Dim(whole - extent);
  if (p.window) {
    pads[dim] = *p.window;
    behind = Dim(whole - 1) + mod(*p.window + shape[dim] + Dim(whole - 1), Dim(2));
  } else if (whole == extent) {
    return x;
  }
  return b.add(ops::pad, {x, b.dims(pads), b.constant(Tensor(bf16, {}))},
               {{"mode", std::string("constant")}});
}

}  // namespace

Id as_bf16(Builder& b, Id x) {
  const Node& n = b.node(x);
  if (n.type.element == bf16) return x;
  const bool widened = n.op == &ops::cast && b.type(n.inputs[0]).element == bf16;
  return widened ? n.inputs[0] : b.add(ops::cast, {x}, {{"to", bf16}});
}

std::string no_pairs(const Access& access) {
  if (access.operands.size() == 2 && !has_outputs(access))
    return cat("fewer than ", kFewOutputs, " of its results differ in their weights");
  return pairs_of(access).k >= 0 ? "" : "no axis of its sums can be walked in pairs";
}

Id bf16_product(Builder& b, Access access, Id x, const Tensor& weights) {
  const Tensor w = aligned(weights);
  const Pairs pairs = pairs_of(access);
  if (w.type() != f32 || b.type(x).element != f32 || w.count() == 0 || pairs.k < 0) return -1;
  const auto axis = static_cast<size_t>(pairs.k);
  const int64_t extent = access.extents[axis].literal(), whole = (extent + 1) / 2 * 2;
  if (w.dim(pairs.w_dim) != extent) return -1;

  const Id data = filled(b, as_bf16(b, x), pairs, extent, whole);
  const Id v = b.constant(narrowed(w, static_cast<size_t>(pairs.w_dim), whole));

  // c = 16 o + 8 h + 2 q + 1 − p.
  struct Part {
    const char* name;
    int64_t extent, step;
  };
  std::vector<Part> outer, inner{{"q", whole / 2, 2}, {"p", 2, -1}};
  const bool channels = pairs.x_dim + 1 != static_cast<int>(access.operands[0].size());
  if (channels && whole % 16 == 0)
    outer = {{"o", whole / 16, 16}}, inner = {{"h", 2, 8}, {"q", 4, 2}, {"p", 2, -1}};
  else if (channels && whole % 8 == 0)
    outer = {{"o", whole / 8, 8}}, inner = {{"q", 4, 2}, {"p", 2, -1}};
  Access a;
  a.outputs = access.outputs;
  std::vector<int> moved(access.axes.size(), -1);
  const auto keep = [&](size_t i) {
    moved[i] = static_cast<int>(a.axes.size());
    a.axes.push_back(access.axes[i]);
    a.extents.push_back(access.extents[i]);
  };
  std::vector<AxisTerm> parts;
  const auto add = [&](const Part& p) {
    parts.push_back({static_cast<int>(a.axes.size()), Dim(p.step)});
    a.axes.push_back(access.axes[axis] + p.name);
    a.extents.emplace_back(p.extent);
  };
  for (size_t i = 0; i < static_cast<size_t>(access.outputs); ++i) keep(i);
  for (const Part& p : outer) add(p);
  for (size_t i = static_cast<size_t>(access.outputs); i < access.axes.size(); ++i)
    if (i != axis) keep(i);
  for (const Part& p : inner) add(p);
  a.operands = access.operands;
  if (pairs.window) a.operands[0].back().offset += *pairs.window;
  for (std::vector<AxisIndex>& operand : a.operands)
    for (AxisIndex& index : operand) {
      std::vector<AxisTerm> terms;
      for (const AxisTerm& t : index.terms) {
        if (t.axis != pairs.k) {
          terms.push_back({moved[static_cast<size_t>(t.axis)], t.coefficient});
          continue;
        }
        terms.insert(terms.end(), parts.begin(), parts.end());
        index.offset += Dim(1);
      }
      index.terms = terms;
    }
  return b.add(ops::contract, {data, v}, {{"access", a}, {"arithmetic", std::string("bf16.dp")}});
}

}  // namespace tauto
