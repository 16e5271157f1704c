// Which contraction has phases; its new axes; what follows it.
#include "passes/phases.h"

#include <algorithm>
#include <map>

#include "ops/ops.h"
#include "passes/known_constant.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

// A value whose dims have been split: dim d of extent e into e / steps[d] and steps[d], where that is not 1.
struct Split {
  Id now = -1;
  std::vector<int64_t> steps;
  std::set<Id> inside;    // the old nodes between the contraction's operands and it
  bool was_byte = false;  // it is a byte, or computed from one
};

bool is_byte(const Type& t) { return t.is_tensor() && (t.element == u8 || t.element == i8); }

Dims split(const Dims& dims, const std::vector<int64_t>& steps) {
  Dims r;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (steps[d] == 1) {
      r.push_back(dims[d]);
      continue;
    }
    r.push_back(exact_div(dims[d], Dim(steps[d])));
    r.emplace_back(steps[d]);
  }
  return r;
}

bool is_plain(const AxisIndex& x) {
  return x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1;
}

// In how many indices of an operand an axis occurs.
int64_t occurs(const std::vector<AxisIndex>& operand, int axis) {
  return std::count_if(operand.begin(), operand.end(), [&](const AxisIndex& x) {
    return std::any_of(x.terms.begin(), x.terms.end(), [&](const AxisTerm& t) { return t.axis == axis; });
  });
}

// A dim of x that is walked in phases: y, an output axis, and k, a window of `taps` strides.
struct Walked {
  size_t x_dim = 0, w_dim = 0;
  int y = -1, k = -1;
  int64_t stride = 1, taps = 1;
};

std::optional<Walked> walked(const Access& access, size_t data, size_t dim) {
  const std::vector<AxisIndex>&of_x = access.operands[data], &of_w = access.operands[1 - data];
  const AxisIndex& x = of_x[dim];
  Walked r{dim, 0, -1, -1, x.divisor, 1};
  if (x.terms.size() != 2) return std::nullopt;
  for (const AxisTerm& t : x.terms) {
    if (t.coefficient == Dim(1) && t.axis < access.outputs) r.y = t.axis;
    if (t.coefficient == Dim(-1) && t.axis >= access.outputs) r.k = t.axis;
  }
  if (r.y < 0 || r.k < 0 || occurs(of_x, r.y) != 1 || occurs(of_x, r.k) != 1 || occurs(of_w, r.y) != 0 ||
      occurs(of_w, r.k) != 1)
    return std::nullopt;
  const auto at = std::find_if(of_w.begin(), of_w.end(),
                               [&](const AxisIndex& i) { return is_plain(i) && i.terms[0].axis == r.k; });
  const auto taps = access.extents[static_cast<size_t>(r.k)].as_literal(), offset = x.offset.as_literal();
  if (at == of_w.end() || !taps || *taps < 1 || *taps % r.stride != 0 || !offset || *offset % r.stride != 0 ||
      mod(access.extents[static_cast<size_t>(r.y)], Dim(r.stride)) != Dim(0))
    return std::nullopt;
  r.w_dim = static_cast<size_t>(at - of_w.begin());
  r.taps = *taps / r.stride;
  return r;
}

// The contraction `old` by phases, and how its result is split; `data`: which operand is x.
std::optional<Split> by_phases(Rewrite& w, Id old, size_t data) {
  const Node& n = w.node(old);
  const Access& access = n.attributes.get<Access>("access");
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  std::vector<Walked> all;
  for (size_t d = 0; d < access.operands[data].size(); ++d) {
    if (access.operands[data][d].divisor == 1) continue;
    const auto one = walked(access, data, d);
    if (!one) return std::nullopt;
    all.push_back(*one);
  }
  if (all.empty()) return std::nullopt;
  std::set<Id> inside;
  const std::optional<Tensor> weights = known_constant(node, n.inputs[1 - data], &inside);
  if (!weights) return std::nullopt;

  Split r{-1, std::vector<int64_t>(static_cast<size_t>(access.outputs), 1), std::move(inside), false};
  Access a;
  std::vector<int> moved(access.axes.size(), -1), phase(access.axes.size(), -1);
  const auto add = [&](const std::string& name, const Dim& extent) {
    a.axes.push_back(name);
    a.extents.push_back(extent);
    return static_cast<int>(a.axes.size()) - 1;
  };
  for (size_t i = 0; i < access.axes.size(); ++i) {
    const auto of = std::find_if(all.begin(), all.end(), [&](const Walked& one) {
      return one.y == static_cast<int>(i) || one.k == static_cast<int>(i);
    });
    if (of == all.end()) {
      moved[i] = add(access.axes[i], access.extents[i]);
    } else if (of->y == static_cast<int>(i)) {
      moved[i] = add(access.axes[i], exact_div(access.extents[i], Dim(of->stride)));
      phase[i] = add(access.axes[i] + "p", Dim(of->stride));
      r.steps[i] = of->stride;
    } else if (of->taps > 1) {
      moved[i] = add(access.axes[i], Dim(of->taps));
    }
    if (i + 1 == static_cast<size_t>(access.outputs)) a.outputs = static_cast<int>(a.axes.size());
  }
  a.operands = access.operands;
  for (auto& operand : a.operands)
    for (AxisIndex& index : operand)
      for (AxisTerm& t : index.terms) t.axis = moved[static_cast<size_t>(t.axis)];
  std::vector<AxisIndex>&of_x = a.operands[data], &of_w = a.operands[1 - data];
  std::vector<int64_t> shape(weights->shape().begin(), weights->shape().end());
  for (const Walked& one : all) {
    AxisIndex& x = of_x[one.x_dim];
    std::erase_if(x.terms, [](const AxisTerm& t) { return t.axis < 0; });  // a window of one stride
    x.offset = exact_div(x.offset, Dim(one.stride));
    x.divisor = 1;
  }
  // k = s·j + r: two dims of the weights, from the last one on so that places stay.
  std::vector<Walked> by_dim = all;
  std::sort(by_dim.begin(), by_dim.end(), [](const Walked& p, const Walked& q) { return p.w_dim > q.w_dim; });
  for (const Walked& one : by_dim) {
    const auto at = static_cast<std::ptrdiff_t>(one.w_dim);
    const AxisIndex own{{{phase[static_cast<size_t>(one.y)], Dim(1)}}, 0, 1};
    if (one.taps == 1) {
      of_w[one.w_dim] = own;
      continue;
    }
    of_w.insert(of_w.begin() + at + 1, own);
    shape[one.w_dim] = one.taps;
    shape.insert(shape.begin() + at + 1, one.stride);
  }
  const Id x = w.moved(n.inputs[data]), v = w.b.constant(weights->reshaped(std::move(shape)));
  Attributes attributes = n.attributes;
  attributes.set("access", a);
  r.now = w.b.add(ops::contract, data == 0 ? std::vector<Id>{x, v} : std::vector<Id>{v, x}, attributes);
  return r;
}

// An elementwise node on a split value and constants, on the value before it is seen as a whole.
std::optional<Split> follows(Rewrite& w, Id old, const std::map<Id, Split>& known) {
  const Node& n = w.node(old);
  if (!n.op->is(kElementwise) || n.op->is(kEffect) || n.op->is(kControl) || !n.type.is_tensor() ||
      !n.type.ranked)
    return std::nullopt;
  const Split* of = nullptr;
  for (const Id i : n.inputs) {
    const auto at = known.find(i);
    if (at == known.end()) continue;
    if (of && of->steps != at->second.steps) return std::nullopt;
    of = &at->second;
  }
  if (!of || of->steps.size() != n.type.dims.size()) return std::nullopt;
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  Split r{-1, of->steps, {}, is_byte(n.type)};
  std::vector<Id> inputs;
  for (const Id i : n.inputs) {
    if (const auto at = known.find(i); at != known.end()) {
      if (!(node(i).type.dims == n.type.dims)) return std::nullopt;
      inputs.push_back(at->second.now);
      r.inside.insert(at->second.inside.begin(), at->second.inside.end());
      r.inside.insert(i);
      r.was_byte = r.was_byte || at->second.was_byte;
      continue;
    }
    const auto constant = known_constant(node, i, &r.inside);
    if (!constant || constant->shape().size() > of->steps.size()) return std::nullopt;
    std::vector<int64_t> shape;
    const size_t first = of->steps.size() - constant->shape().size();
    for (size_t d = 0; d < constant->shape().size(); ++d) {
      const int64_t extent = constant->dim(static_cast<int64_t>(d));
      if (of->steps[first + d] != 1 && extent != 1) return std::nullopt;
      shape.insert(shape.end(), of->steps[first + d] == 1 ? 1 : 2, extent);
    }
    inputs.push_back(w.b.constant(constant->reshaped(std::move(shape))));
  }
  r.now = w.b.add(*n.op, inputs, n.attributes);
  return r;
}

}  // namespace

Module phases(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= n.op == &ops::contract && n.type.element == i32;
  if (!any) return m;
  const Function* at = nullptr;
  std::map<Id, Split> known;  // by old node
  return rewrite(m, "phases", [&](Rewrite& w, Id old) {
    if (at != &w.from) at = &w.from, known.clear();
    const Node& n = w.node(old);
    std::optional<Split> s;
    if (n.op == &ops::contract && n.type.element == i32 && !n.attributes.flag("bits"))
      for (size_t data = 0; data < 2 && !s; ++data) s = by_phases(w, old, data);
    if (!s && !known.empty()) s = follows(w, old, known);
    if (!s || !(w.b.type(s->now).dims == split(n.type.dims, s->steps))) return w.copy(old);
    // Bytes are kept, and whoever reads them whole widens them, but for the model itself.
    const bool is_result =
        std::find(w.from.results.begin(), w.from.results.end(), old) != w.from.results.end();
    const bool widens = s->was_byte && !is_byte(n.type) && !is_result;
    const Id whole = widens ? w.copy(old) : w.b.add(ops::reshape, {s->now, w.b.dims(n.type.dims)});
    if (!widens) w.record(old, {whole}, s->inside);
    known.emplace(old, std::move(*s));
    return whole;
  });
}

}  // namespace tauto
