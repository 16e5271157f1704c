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
    if (&w.from != function_) parameters_.clear(), function_ = &w.from;
    const Node& n = w.node(old);
    if (const Tensor* t = constant_value(n)) return constant(w, old, *t);
    std::vector<Id> inputs;
    for (Id i : n.inputs) inputs.push_back(parameter(w, i));
    const Id copied = w.copy(old, std::move(inputs));
    return rounds(n) ? flush(w, old, copied) : copied;
  }

 private:
  static Id flush(Rewrite& w, Id old, Id copied) { return recorded(w, old, flushed(w.b, copied)); }

  static Id recorded(Rewrite& w, Id old, Id now) {
    w.record_rounding(
        old, now, {}, "values below 2^-126 become zeros of their sign",
        [&](Builder& builder, const Rewrite::Values& at) {
          BoundBuilder b(builder);
          const Id v = b.magnitude(at(old));
          return builder.add(ops::where, {builder.add(ops::less, {v, b.number(kTiny)}), v, b.number(0)});
        });
    return now;
  }

  // The parameters as the nodes read them.
  Id parameter(Rewrite& w, Id i) {
    const Node& n = w.node(i);
    if (n.op != &ops::parameter || !n.type.is_tensor() || !(n.type.element == f32)) return w.moved(i);
    const auto [at, fresh] = parameters_.emplace(i, -1);
    if (fresh) at->second = flush(w, i, w.moved(i));
    return at->second;
  }

  static Id constant(Rewrite& w, Id old, const Tensor& given) {
    if (!(given.type() == f32)) return w.copy(old);
    const Tensor t = aligned(given);
    const auto values = t.values<float>();
    if (std::none_of(values.begin(), values.end(), is_tiny)) return w.copy(old);
    Tensor r(f32, t.shape());
    for (size_t i = 0; i < values.size(); ++i)
      r.data<float>()[i] = is_tiny(values[i]) ? std::copysign(0.0f, values[i]) : values[i];
    return recorded(w, old, w.b.constant(std::move(r)));
  }

  const Function* function_ = nullptr;
  std::map<Id, Id> parameters_;
};

}  // namespace

Module flush_to_zero(const Module& m) {
  Flusher f;
  return rewrite(m, "flush-to-zero", [&](Rewrite& w, Id old) { return f.step(w, old); });
}

}  // namespace tauto
