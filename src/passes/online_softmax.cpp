// The pattern, the rewrite, its bound.
#include "passes/online_softmax.h"

#include <algorithm>
#include <limits>

#include "ops/ops.h"
#include "passes/rewrite.h"
#include "passes/rounding_bounds.h"

namespace tauto {
namespace {

constexpr int64_t kBlock = 128;  // elements of a row, about
constexpr int64_t kMostBlocks = 8;

struct SumOfExponentials {
  Id x = -1, exponential = -1, difference = -1, maximum = -1;
  std::set<Id> inside;  // all nodes from the maximum to the exponential
  int64_t axis = 0, extent = 0;
};

// The only reduced axis; -1: there are others, or none.
int64_t axis_of(const Node& n) {
  const Ints axes = n.attributes.get_or<Ints>("axes", {});
  return axes.size() == 1 ? axes[0] : -1;
}

std::optional<SumOfExponentials> sum_of_exponentials(const Function& f, Id id) {
  const Node& sum = f.node(id);
  if (sum.op != &ops::reduce_sum || !(sum.type.element == f32)) return std::nullopt;
  SumOfExponentials s;
  s.exponential = sum.inputs[0];
  const Node& e = f.node(s.exponential);
  if (e.op != &ops::exp) return std::nullopt;
  s.difference = e.inputs[0];
  const Node& d = f.node(s.difference);
  if (d.op != &ops::sub || !d.type.ranked) return std::nullopt;
  s.x = d.inputs[0];
  s.axis = axis_of(sum);
  if (s.axis < 0 || !(f.node(s.x).type == d.type)) return std::nullopt;
  s.extent = d.type.dims[static_cast<size_t>(s.axis)].as_literal().value_or(0);
  // The subtrahend is the maximum with an axis of 1 in place of the reduced one, however that was written.
  Dims kept = d.type.dims;
  kept[static_cast<size_t>(s.axis)] = 1;
  Id m = d.inputs[1];
  if (!(f.node(m).type.dims == kept)) return std::nullopt;
  s.inside = {s.exponential, s.difference};
  for (; f.node(m).op->is(kView); m = f.node(m).inputs[0]) s.inside.insert(m);
  const Node& most = f.node(m);
  if (most.op != &ops::reduce_max || most.inputs[0] != s.x || axis_of(most) != s.axis) return std::nullopt;
  s.maximum = m;
  s.inside.insert(m);
  return s;
}

Id running(Builder& b, Id x, const SumOfExponentials& s, int64_t blocks, const Node& sum) {
  const Attributes keep{{"axes", Ints{s.axis}}, {"keepdims", int64_t{1}}};
  const Id least = b.number(static_cast<double>(std::numeric_limits<float>::lowest()), f32);
  Id total = -1, most = least;
  for (int64_t k = 0; k < blocks; ++k) {
    const int64_t from = s.extent * k / blocks, to = s.extent * (k + 1) / blocks;
    const Id part =
        b.add(ops::slice, {x, b.ints({from}), b.ints({to}), b.ints({1})}, {{"axes", Ints{s.axis}}});
    const Id now = b.add(ops::max, {most, b.add(ops::reduce_max, {part}, keep)});
    const Id own = b.add(ops::reduce_sum, {b.add(ops::exp, {b.add(ops::sub, {part, now})})}, keep);
    total = k == 0 ? own
                   : b.add(ops::add,
                           {b.add(ops::mul, {total, b.add(ops::exp, {b.add(ops::sub, {most, now})})}), own});
    most = now;
  }
  if (sum.attributes.get_or<int64_t>("keepdims", 1) != 0) return total;
  return b.add(ops::squeeze, {total}, {{"axes", Ints{s.axis}}});
}

// A term's exponential is that of an argument that is off by u|x − m| in all (the differences to the running
// maxima add up to x − m), each of the `blocks` exponentials errs by 1 ulp ≤ 2u, and each block multiplies
// and adds once; a percent is for products of errors. Results below 2^-126 err by 2^-149 instead.
Id bound(Builder& builder, const SumOfExponentials& s, int64_t blocks, int64_t roundings, const Node& sum,
         Id subtrahend, const Rewrite::Values& at) {
  BoundBuilder b(builder);
  const Id d = builder.add(ops::sub, {b.widened(at(s.x)), b.widened(at(subtrahend))});
  const Id e = builder.add(ops::exp, {d});
  const auto summed = [&](Id id) { return builder.add(ops::reduce_sum, {id}, sum.attributes); };
  const Id arguments = summed(builder.add(ops::mul, {e, builder.add(ops::abs, {d})}));
  const double each = 1.01 * 2 * kUnit * static_cast<double>(blocks + 1) + gamma_of(roundings);
  const Id tiny = b.number(static_cast<double>((blocks + 1) * s.extent) * 0x1p-148);
  return b.finish(
      b.plus(b.plus(b.times(arguments, 1.01 * 2 * kUnit), b.times(b.watched(summed(e)), each)), tiny));
}

Id rewritten(Rewrite& w, Id old) {
  const std::optional<SumOfExponentials> found = sum_of_exponentials(w.from, old);
  const int64_t blocks = found ? std::min(kMostBlocks, found->extent / kBlock) : 0;
  if (blocks < 2) return w.copy(old);
  const SumOfExponentials& s = *found;
  const Id now = running(w.b, w.moved(s.x), s, blocks, w.node(old));
  const int64_t longest = (s.extent + blocks - 1) / blocks, whole[] = {s.extent}, part[] = {longest},
                axis[] = {0};
  const int64_t roundings = sum_roundings(whole, axis) + sum_roundings(part, axis) + 2 * blocks;
  const Id subtrahend = w.from.node(s.difference).inputs[1];
  w.record_rounding(old, now, s.inside,
                    cat(blocks, " blocks under a running maximum: sum e^d (2u|d| + ", 2 * (blocks + 1),
                        "u + g", roundings, "), d = x - max x, gn = n u/(1 - n u), u = 2^-24"),
                    [&](Builder& b, const Rewrite::Values& at) {
                      return bound(b, s, blocks, roundings, w.from.node(old), subtrahend, at);
                    });
  return now;
}

}  // namespace

Module online_softmax(const Module& m) { return rewrite(m, "online-softmax", rewritten); }

}  // namespace tauto
