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

struct PairAxis {
  int k = -1, x_dim = -1, w_dim = -1;
};

PairAxis pair_axis(const Access& access) {
  PairAxis r;
  if (access.operands.size() != 2) return r;
  const std::vector<AxisIndex>&of_x = access.operands[0], &of_w = access.operands[1];
  const int last = static_cast<int>(of_x.size()) - 1;
  for (int i = access.outputs; i < static_cast<int>(access.axes.size()); ++i) {
    const int d = dim_walked(of_x, i, false), e = dim_walked(of_w, i, true);
    const auto extent = access.extents[static_cast<size_t>(i)].as_literal();
    if (d < 0 || e < 0 || !extent || *extent < 2 || !(d == last || (d == 1 && last >= 2)) ||
        (r.k >= 0 && r.x_dim > d))
      continue;
    // Behind a group's offset pairs begin at even places only if groups are even.
    if (!is_plain(of_x[static_cast<size_t>(d)], i) && *extent % 2 != 0) continue;
    r = {i, d, e};
  }
  return r;
}

}  // namespace

std::string no_pairs(const Access& access) {
  return pair_axis(access).k >= 0 ? "" : "no axis of its sums can be walked in pairs";
}

Id bf16_product(Builder& b, Access access, Id x, const Tensor& weights) {
  const Tensor w = aligned(weights);
  const auto [k, x_dim, w_dim] = pair_axis(access);
  if (w.type() != f32 || b.type(x).element != f32 || w.count() == 0 || k < 0) return -1;
  const std::vector<AxisIndex>& of_x = access.operands[0];
  const int last = static_cast<int>(of_x.size()) - 1;
  const auto axis = static_cast<size_t>(k);
  const int64_t extent = access.extents[axis].literal(), whole = (extent + 1) / 2 * 2;
  if (w.dim(w_dim) != extent) return -1;

  const Node& from = b.node(x);
  const bool is_rounded = from.op == &ops::cast && b.type(from.inputs[0]).element == bf16;
  Id data = is_rounded ? from.inputs[0] : b.add(ops::cast, {x}, {{"to", bf16}});
  if (whole != extent) {
    std::vector<int64_t> pads(2 * of_x.size(), 0);
    pads[of_x.size() + static_cast<size_t>(x_dim)] = 1;
    data = b.add(ops::pad, {data, b.ints(pads), b.constant(Tensor(bf16, {}))},
                 {{"mode", std::string("constant")}});
  }
  const Id v = b.constant(narrowed(w, static_cast<size_t>(w_dim), whole));

  // c = 16 o + 8 h + 2 q + 1 − p.
  struct Part {
    const char* name;
    int64_t extent, step;
  };
  std::vector<Part> outer, inner{{"q", whole / 2, 2}, {"p", 2, -1}};
  if (x_dim != last && whole % 16 == 0)
    outer = {{"o", whole / 16, 16}}, inner = {{"h", 2, 8}, {"q", 4, 2}, {"p", 2, -1}};
  else if (x_dim != last && whole % 8 == 0)
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
  for (std::vector<AxisIndex>& operand : a.operands)
    for (AxisIndex& index : operand) {
      std::vector<AxisTerm> terms;
      for (const AxisTerm& t : index.terms) {
        if (t.axis != k) {
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
