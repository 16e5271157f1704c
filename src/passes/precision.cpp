// The rewrite, see precision.h.
#include "passes/precision.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/bf16_products.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr double kMostSum = 0x1p30;  // of products; leaves room for a bias

Id cast(Builder& b, Id x, ElementType to) {
  return b.type(x).element == to ? x : b.add(ops::cast, {x}, {{"to", to}});
}

bool is_reduced(const Access& a, int axis) { return axis >= a.outputs; }

// The dims of the result that a dim of the weights runs along by itself, as the shape of a vector of scales
// there; empty if the dim is summed over or its index is no such walk.
Dims along_outputs(const Access& a, const AxisIndex& index, const Dim& extent) {
  Dims shape(static_cast<size_t>(a.outputs), Dim(1));
  if (index.terms.empty() || !(index.offset == Dim(0)) || index.divisor != 1) return {};
  Dim step = 1;
  for (size_t i = index.terms.size(); i-- > 0;) {
    const AxisTerm& t = index.terms[i];
    if (is_reduced(a, t.axis) || !(t.coefficient == step)) return {};
    shape[static_cast<size_t>(t.axis)] = a.extents[static_cast<size_t>(t.axis)];
    step = step * a.extents[static_cast<size_t>(t.axis)];
  }
  return step == extent ? shape : Dims{};
}

struct Users {
  std::vector<std::vector<Id>> of;
  explicit Users(const Function& f) : of(f.nodes.size()) {
    for (size_t i = 0; i < f.nodes.size(); ++i)
      for (Id in : f.nodes[i].inputs) of[static_cast<size_t>(in)].push_back(static_cast<Id>(i));
    for (Id r : f.results) of[static_cast<size_t>(r)].push_back(-1);
  }
  Id only(Id id) const {  // -1: none, several, or a result
    const auto& u = of[static_cast<size_t>(id)];
    return u.size() == 1 ? u[0] : Id{-1};
  }
};

// The same operator of the source adds a bias of one element for each channel to a contraction's result.
// `along`: the dim of the result that the channels are.
std::optional<Contraction::Bias> bias_of(const Function& f, const Users& users, Id contraction,
                                         int64_t channels, int64_t along) {
  Contraction::Bias r;
  int64_t from_end = f.node(contraction).type.rank() - along;
  Id at = contraction, user = users.only(at);
  const auto same_source = [&](Id id) {
    return f.provenance[static_cast<size_t>(id)] == f.provenance[static_cast<size_t>(contraction)];
  };
  if (user >= 0 && f.node(user).op == &ops::reshape && f.node(user).inputs[0] == at && same_source(user))
    r.reshape = at = user, user = users.only(at), from_end = f.node(at).type.rank() - 1;
  if (user < 0 || f.node(user).op != &ops::add || !same_source(user)) return std::nullopt;
  const Node& n = f.node(user);
  const Id other = n.inputs[0] == at ? n.inputs[1] : n.inputs[0];
  const Node* value = &f.node(other);
  if (value->op == &ops::reshape) value = &f.node(value->inputs[0]);
  const Tensor* t = constant_value(*value);
  if (!t || !(t->type() == f32) || t->count() != channels || !f.node(other).type.is_static())
    return std::nullopt;
  r.add = user, r.values = t->reshaped({t->count()}), r.shape = f.node(other).type.dims;
  for (size_t d = 0; d < r.shape.size(); ++d)
    if (!(r.shape[d] == Dim(1)) && static_cast<int64_t>(r.shape.size() - d) != from_end) return std::nullopt;
  return r;
}

// Numbers to be multiplied with, or added, along the channels of a result.
Id vector_of(Builder& b, Tensor values, const Dims& shape) {
  Shape s;
  for (const Dim& d : shape) s.push_back(d.literal());
  return b.constant(values.count() == 1 ? values.reshaped({}) : values.reshaped(std::move(s)));
}

// x of f32 as integers, which are (q − z): i32. Gives the scale for dynamic ones.
struct Activations {
  Id centred = -1;
  Id scale = -1;
};

Activations dynamic_activations(Builder& b, Id x) {
  Ints axes;
  for (int64_t i = 0; i < b.type(x).rank(); ++i) axes.push_back(i);
  const Id zero = b.number(0, f32);
  const auto reduced = [&](const Op& op) {
    return b.add(op, {x}, {{"axes", axes}, {"keepdims", int64_t{0}}});
  };
  const Id hi = b.add(ops::max, {zero, reduced(ops::reduce_max)}),
           lo = b.add(ops::min, {zero, reduced(ops::reduce_min)});
  const Id scale = b.add(ops::div, {b.add(ops::sub, {hi, lo}), b.number(255, f32)});
  const Id raw = b.add(ops::sub, {zero, b.add(ops::div, {lo, scale})});
  const Id point = cast(b, b.add(ops::round, {raw}), u8);
  const Id r = b.add(ops::add, {b.add(ops::round, {b.add(ops::div, {x, scale})}), cast(b, point, f32)});
  return {b.add(ops::sub, {cast(b, cast(b, r, u8), i32), cast(b, point, i32)}), scale};
}

Activations static_activations(Builder& b, Id x, const NodePrecision& p) {
  const auto [least, most] = ends_of(p.how);
  if (p.how.activation_bits < 8) {
    x = b.add(ops::max,
              {b.number(static_cast<double>(p.scale * static_cast<float>(least - p.zero)), f32), x});
    x = b.add(ops::min, {b.number(static_cast<double>(p.scale * static_cast<float>(most - p.zero)), f32), x});
  }
  const ElementType to = p.how.symmetric ? i8 : u8;
  Id r = b.add(ops::round, {b.add(ops::div, {x, b.scalar(p.scale)})});
  r = b.add(ops::add, {r, b.number(static_cast<double>(p.zero), f32)});
  return {b.add(ops::sub, {cast(b, cast(b, r, to), i32), b.scalar(static_cast<int32_t>(p.zero))}), -1};
}

// One node of the plan, bound to the contraction and what becomes of it.
struct Bound {
  const NodePrecision* plan = nullptr;
  const Contraction* c = nullptr;
  // Made at the contraction, used at its addition.
  Id sum = -1, scale = -1;
  IntegerWeights weights;
  std::vector<float> product;
};

Id contracted(Rewrite& w, Bound& x) {
  Builder& b = w.b;
  const Node& n = w.node(x.c->id);
  const Access& access = n.attributes.get<Access>("access");
  const Precision& p = x.plan->how;
  const Id data = w.moved(x.c->x);
  if (p.system == NumberSystem::BF16Dp) return bf16_product(b, access, data, x.c->weights);
  if (p.system != NumberSystem::Integer) {
    const ElementType e = p.system == NumberSystem::F16 ? f16 : bf16;
    std::vector<Id> in;
    for (Id i : n.inputs) in.push_back(cast(b, cast(b, w.moved(i), e), f32));
    return w.copy(x.c->id, in);
  }
  const Activations a = p.dynamic ? dynamic_activations(b, data) : static_activations(b, data, *x.plan);
  const int64_t channels = p.per_channel ? x.c->channels : -1;
  x.weights = integer_weights(x.c->weights, channels, p.bits, p.weights);
  x.sum = b.add(ops::contract, {a.centred, cast(b, b.constant(x.weights.q), i32)}, {{"access", access}});
  const std::vector<float>& s = x.weights.scale;
  Dims shape;
  if (s.size() > 1)
    shape = along_outputs(access, access.operands[1][static_cast<size_t>(channels)],
                          Dim(static_cast<int64_t>(s.size())));
  Tensor scales(f32, {static_cast<int64_t>(s.size())});
  for (size_t i = 0; i < s.size(); ++i) {
    const float v = p.dynamic ? s[i] : static_cast<float>(double{x.plan->scale} * s[i]);
    scales.data<float>()[i] = v;
    x.product.push_back(v);
  }
  x.scale = vector_of(b, std::move(scales), shape);
  if (p.dynamic) x.scale = b.add(ops::mul, {a.scale, x.scale});
  return b.add(ops::mul, {cast(b, x.sum, f32), x.scale});
}

// The sum with the bias in it; -1: it is added as f32.
Id with_bias(Rewrite& w, const Bound& x) {
  if (x.plan->how.system != NumberSystem::Integer || x.plan->how.dynamic) return -1;
  const auto bias = integer_bias(x.c->bias->values, x.plan->scale, x.weights.scale);
  if (!bias) return -1;
  Builder& b = w.b;
  const Dims& shape = x.c->bias->shape;
  const Id reshape = x.c->bias->reshape;
  Id sum = x.sum;
  if (reshape >= 0) sum = w.copy(reshape, {sum, w.moved(w.node(reshape).inputs[1])});
  sum = b.add(ops::add, {sum, vector_of(b, *bias, shape)});
  Tensor m(f32, {static_cast<int64_t>(x.product.size())});
  std::copy(x.product.begin(), x.product.end(), m.data<float>());
  return b.add(ops::mul, {cast(b, sum, f32), vector_of(b, std::move(m), shape)});
}

// How many of a node's first inputs its result's elements are taken from, one from each or the largest or least of
// several: rounding, which keeps order, may as well be done before. 0: another node.
size_t picked_inputs(const Node& n) {
  for (const Op* op : {&ops::reshape, &ops::transpose, &ops::slice, &ops::expand})
    if (n.op == op) return 1;
  if (n.op == &ops::concat) return n.inputs.size();
  if (n.op == &ops::window_reduce) return n.attributes.get<std::string>("kind") == "sum" ? 0 : 1;
  if (n.op == &ops::resize)
    return n.attributes.get<std::string>("mode") == "nearest" &&
           n.attributes.get<std::string>("coordinates") != "tf_crop_and_resize";
  return 0;
}

// The values that are kept as bf16: operands of bf16.dp, which others read rounded too, and what only these are
// picked from.
std::set<Id> kept_as_bf16(const Function& f, const std::set<Id>& operands) {
  const Users users(f);
  std::set<Id> kept;
  for (Id id = static_cast<Id>(f.nodes.size()); id-- > static_cast<Id>(f.parameter_count());) {
    const Node& n = f.node(id);
    const std::vector<Id>& readers = users.of[static_cast<size_t>(id)];
    if (!n.type.is_tensor() || !(n.type.element == f32) || constant_value(n) ||
        std::find(readers.begin(), readers.end(), -1) != readers.end())
      continue;
    const bool picked = !readers.empty() && std::all_of(readers.begin(), readers.end(), [&](Id r) {
      const std::vector<Id>& in = f.node(r).inputs;
      const auto data = in.begin() + static_cast<int64_t>(picked_inputs(f.node(r)));
      return kept.count(r) && std::find(in.begin(), data, id) != data;
    });
    if (picked || operands.count(id)) kept.insert(id);
  }
  return kept;
}

std::string names_text(const std::vector<Contraction>& all) {
  std::string s;
  for (const Contraction& c : all) {
    if (s.size() > 200) return s + ", …";
    s += cat(s.empty() ? "" : ", ", '"', c.node, '"');
  }
  return s.empty() ? "none" : s;
}

}  // namespace

std::pair<int64_t, int64_t> ends_of(const Precision& p) {
  if (p.symmetric) {
    const int64_t most = p.activation_bits == 1 ? 1 : (int64_t{1} << (p.activation_bits - 1)) - 1;
    return {p.activation_bits == 8 ? -128 : -most, most};
  }
  return {0, (int64_t{1} << p.activation_bits) - 1};
}

std::vector<Contraction> contractions_of(const Module& m) {
  std::vector<Contraction> all;
  std::map<std::string, int> seen;
  const Function& f = m.main();
  const Users users(f);
  for (size_t i = 0; i < f.nodes.size(); ++i) {
    const Node& n = f.nodes[i];
    if (n.op != &ops::contract || !(n.type.element == f32)) continue;
    const Tensor* w = constant_value(f.node(n.inputs[1]));
    const bool first = constant_value(f.node(n.inputs[0])) != nullptr;
    if (!w && !first) continue;
    Contraction c;
    c.id = static_cast<Id>(i), c.x = n.inputs[first ? 1 : 0];
    const Sources& sources = f.provenance[i];
    c.node = sources.empty() ? cat('%', i) : m.sources[static_cast<size_t>(*sources.begin())];
    if (const int k = ++seen[c.node]; k > 1) c.node += cat('#', k);
    const Access& a = n.attributes.get<Access>("access");
    c.products = 1, c.terms = 1;
    for (size_t k = 0; k < a.extents.size(); ++k) {
      const auto extent = a.extents[k].as_literal();
      c.products *= static_cast<double>(extent.value_or(1));
      if (!is_reduced(a, static_cast<int>(k))) continue;
      if (!extent) c.refused = "the length of its sums is not known";
      c.terms *= extent.value_or(1);
    }
    if (first || (w && !(w->type() == f32)))
      c.refused = "its weights are not the second operand";
    else
      c.weights = *w;
    if (c.refused.empty() && static_cast<double>(c.terms) * 255 * 128 > kMostSum)
      c.refused = cat("sums of ", c.terms, " products may not fit into 32 bits");
    // Multiplied by alpha: another node of the same operator that is no bias.
    if (const Id user = users.only(c.id);
        user >= 0 && f.node(user).op == &ops::mul && f.provenance[static_cast<size_t>(user)] == sources)
      c.refused = "its sums are scaled (alpha)";
    if (w && c.refused.empty()) {
      int found = 0;
      const auto& index = a.operands[1];
      for (size_t d = 0; d < index.size(); ++d)
        if (const Dim extent(w->dim(static_cast<int64_t>(d)));
            !(extent == Dim(1)) && !along_outputs(a, index[d], extent).empty())
          c.channels = static_cast<int64_t>(d), ++found;
      if (found > 1) c.channels = -1;   // a batch of matrices
      for (const AxisIndex& x : index)  // groups: both in a dim that is summed over and beside it
        if (x.terms.size() > 1 && std::any_of(x.terms.begin(), x.terms.end(),
                                              [&](const AxisTerm& t) { return is_reduced(a, t.axis); }))
          c.channels = -1;
      if (c.channels >= 0) {
        const int64_t count = w->dim(c.channels);
        // Groups are followed by a reshape, which makes dim 1 of theirs and their channels.
        const int along = index[static_cast<size_t>(c.channels)].terms.back().axis;
        c.bias = bias_of(f, users, c.id, count, along);
      }
    }
    all.push_back(std::move(c));
  }
  return all;
}

Module with_precision(const Module& m, const PrecisionPlan& plan, std::string_view where) {
  const std::vector<Contraction> all = contractions_of(m);
  const Function& f = m.main();
  std::map<Id, Bound> at;
  std::map<Id, Id> addition;  // of a bias → its contraction
  for (const NodePrecision& p : plan.nodes) {
    const auto c =
        std::find_if(all.begin(), all.end(), [&](const Contraction& c) { return c.node == p.node; });
    if (c == all.end())
      fail(where, ": required the name of a contraction with constant weights (", names_text(all),
           "), got \"", p.node, '"');
    if (p.how.system == NumberSystem::F32) continue;
    if (!c->refused.empty())
      fail(where, ": node \"", p.node, "\": ", c->refused, ": required f32, got ", text_of(p.how));
    if (p.how.dynamic && !f.node(c->x).type.ranked)
      fail(where, ": node \"", p.node, "\": required an input of known rank for dynamic scales, got ",
           f.node(c->x).type);
    if (p.how.system == NumberSystem::BF16Dp)
      if (const std::string why = no_pairs(f.node(c->id).attributes.get<Access>("access")); !why.empty())
        fail(where, ": node \"", p.node, "\": ", why, ": required f32, got ", text_of(p.how));
    Bound b{&p, &*c, -1, -1, {}, {}};
    if (p.how.system == NumberSystem::Integer) {
      const int64_t channels = p.how.per_channel ? c->channels : -1;
      if (const IntegerWeights w = integer_weights(c->weights, channels, p.how.bits, p.how.weights);
          !w.refused.empty())
        fail(where, ": node \"", p.node, "\": ", w.refused, ": required f32, got ", text_of(p.how));
      if (c->bias) addition[c->bias->add] = c->id;
    }
    at[c->id] = std::move(b);
  }
  if (at.empty()) return m;
  std::set<Id> operands;  // of bf16.dp
  for (const auto& [id, b] : at)
    if (b.plan->how.system == NumberSystem::BF16Dp) operands.insert(b.c->x);
  const std::set<Id> rounded = kept_as_bf16(f, operands);
  const auto copy = [&](Rewrite& w, Id old) {
    if (const auto a = addition.find(old); a != addition.end())
      if (const Id now = with_bias(w, at.at(a->second)); now >= 0) return now;
    const size_t picked = rounded.count(old) ? picked_inputs(w.node(old)) : 0;
    if (picked == 0) return w.copy(old);
    std::vector<Id> in;
    for (size_t i = 0; i < w.node(old).inputs.size(); ++i) {
      const Id now = w.moved(w.node(old).inputs[i]);
      in.push_back(i < picked ? as_bf16(w.b, now) : now);
    }
    return w.copy(old, in);
  };
  return rewrite(m, "precision", [&](Rewrite& w, Id old) {
    if (w.from.name != "main") return w.copy(old);
    if (const auto b = at.find(old); b != at.end()) {
      const Id now = contracted(w, b->second);
      w.record_quantizing(old, now, text_of(b->second.plan->how));
      return rounded.count(old) ? cast(w.b, as_bf16(w.b, now), f32) : now;
    }
    if (!rounded.count(old)) return copy(w, old);
    const Id now = cast(w.b, as_bf16(w.b, copy(w, old)), f32);
    w.record_quantizing(old, now, "bf16");
    return now;
  });
}

}  // namespace tauto
