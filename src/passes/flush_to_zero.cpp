// Where values are flushed, and the entry for each.
#include "passes/flush_to_zero.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/rounding_bounds.h"

namespace tauto {
namespace {

// A node whose result is one of its inputs' elements, 0, or far from 0: nothing tiny comes of what is not.
bool makes_nothing_tiny(const Node& n) {
  static const Op* const kOps[] = {&ops::abs,   &ops::neg,   &ops::max,        &ops::min,       &ops::relu,
                                   &ops::where, &ops::sign,  &ops::sqrt,       &ops::floor,     &ops::ceil,
                                   &ops::round, &ops::trunc, &ops::reduce_max, &ops::reduce_min};
  return std::find(std::begin(kOps), std::end(kOps), n.op) != std::end(kOps);
}

bool rounds(const Node& n) {
  if (!n.type.is_tensor() || !(n.type.element == f32) || makes_nothing_tiny(n)) return false;
  if (n.op == &ops::window_reduce) return n.attributes.get_or<std::string>("kind", "") == "sum";
  return n.op->is(kElementwise) || n.op == &ops::contract || n.op == &ops::reduce_sum ||
         n.op == &ops::reduce_prod || n.op == &ops::cum_sum || n.op == &ops::resize;
}

bool is_tiny(float v) { return v != 0 && std::fabs(v) < 0x1p-126f; }

Id flushed(Builder& b, Id x) {
  const Id is = b.add(ops::less, {b.add(ops::abs, {x}), b.number(kTiny, f32)});
  return b.add(ops::where, {is, b.add(ops::mul, {x, b.number(0, f32)}), x});
}

class Flusher {
 public:
  Id step(Rewrite& w, Id old) {
    if (&w.from != function_) inputs_.clear(), function_ = &w.from;
    const Node& n = w.node(old);
    // What only constants decide is computed from them as they are.
    const bool known = std::all_of(n.inputs.begin(), n.inputs.end(),
                                   [&](Id i) { return constant_value(w.node(i)) != nullptr; });
    std::vector<Id> inputs;
    std::map<Id, Id> replaced;
    for (Id i : n.inputs) {
      inputs.push_back(known ? w.moved(i) : input(w, i));
      if (inputs.back() != w.moved(i)) replaced[i] = inputs.back();
    }
    const Id copied = w.copy(old, std::move(inputs));
    return rounds(n) ? recorded(w, old, flushed(w.b, copied), replaced) : copied;
  }

 private:
  // `replaced`: inputs of `old` that are flushed, under entries of their own.
  static Id recorded(Rewrite& w, Id old, Id now, const std::map<Id, Id>& replaced) {
    w.record_rounding(
        old, now, {}, "values below 2^-126 become zeros of their sign",
        [&](Builder& builder, const Rewrite::Values& at) {
          BoundBuilder b(builder);
          const Id v = b.magnitude(at(old));
          return builder.add(ops::where, {builder.add(ops::less, {v, b.number(kTiny)}), v, b.number(0)});
        },
        replaced);
    return now;
  }

  // Parameters and constants as the nodes read them.
  Id input(Rewrite& w, Id i) {
    const Node& n = w.node(i);
    const Tensor* constant = constant_value(n);
    if ((!constant && n.op != &ops::parameter) || !n.type.is_tensor() || !(n.type.element == f32))
      return w.moved(i);
    const auto [at, fresh] = inputs_.emplace(i, w.moved(i));
    if (!fresh) return at->second;
    if (!constant)
      at->second = recorded(w, i, flushed(w.b, w.moved(i)), {});
    else if (const Tensor t = aligned(*constant); has_tiny(t))
      at->second = recorded(w, i, w.b.constant(without_tiny(t)), {});
    return at->second;
  }

  static bool has_tiny(const Tensor& t) {
    const auto values = t.values<float>();
    return std::any_of(values.begin(), values.end(), is_tiny);
  }
  static Tensor without_tiny(const Tensor& t) {
    Tensor r(f32, t.shape());
    for (int64_t i = 0; i < t.count(); ++i) {
      const float v = t.data<float>()[i];
      r.data<float>()[i] = is_tiny(v) ? std::copysign(0.0f, v) : v;
    }
    return r;
  }

  const Function* function_ = nullptr;
  std::map<Id, Id> inputs_;  // of function_, flushed
};

}  // namespace

Module flush_to_zero(const Module& m) {
  Flusher f;
  return rewrite(m, "flush-to-zero", [&](Rewrite& w, Id old) { return f.step(w, old); });
}

}  // namespace tauto
