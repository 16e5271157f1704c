// Which weights, and their sums.
#include "passes/narrow_weights.h"

#include <algorithm>

#include "ops/ops.h"
#include "passes/known_constant.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr int64_t kLeastBytes = 1 << 19;  // below, the second level of the cache holds them as they are
constexpr int64_t kMostRows = 4;

bool is_plain(const AxisIndex& x, int axis) {
  return x.terms.size() == 1 && x.terms[0].axis == axis && x.terms[0].coefficient == Dim(1) &&
         x.offset == Dim(0) && x.divisor == 1;
}

Id narrowed(Rewrite& w, Id old, size_t data) {
  const Node& n = w.node(old);
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  const Node &x = node(n.inputs[data]), &weights = node(n.inputs[1 - data]);
  if (!(x.type.element == u8) || !(weights.type.element == i8)) return -1;
  if (!x.op->is(kElementwise) && x.op != &ops::parameter && x.op != &ops::pad) return -1;  // lies in memory
  const Access& a = n.attributes.get<Access>("access");
  const std::vector<AxisIndex>&of_x = a.operands[data], &of_w = a.operands[1 - data];
  // x: [outer axes …, k], w: k and the last output axis.
  const int k = a.outputs, last = a.outputs - 1;
  if (static_cast<int>(a.axes.size()) != a.outputs + 1 || a.outputs < 1 ||
      static_cast<int>(of_x.size()) != a.outputs || of_w.size() != 2)
    return -1;
  int64_t rows = 1;
  for (int d = 0; d < a.outputs; ++d) {
    if (!is_plain(of_x[static_cast<size_t>(d)], d == last ? k : d)) return -1;
    const auto extent = a.extents[static_cast<size_t>(d)].as_literal();
    if (!extent) return -1;
    if (d != last) rows *= *extent;
  }
  const size_t k_dim = is_plain(of_w[0], k) ? 0 : 1;
  if (!is_plain(of_w[k_dim], k) || !is_plain(of_w[1 - k_dim], last) || rows > kMostRows) return -1;
  const std::optional<Tensor> known = known_constant(node, n.inputs[1 - data]);
  const auto terms = a.extents[static_cast<size_t>(k)].as_literal();
  if (!known || !terms || known->count() < kLeastBytes) return -1;
  const auto values = known->values<int8_t>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const int reach = *most - *least;
  const ElementType type = reach <= 3 && *terms % 16 == 0 ? u2 : u4;
  if (reach > 15 || *terms % 8 != 0) return -1;
  Tensor v(type, known->shape());
  std::transform(values.begin(), values.end(), v.data<uint8_t>(),
                 [m = *least](int8_t e) { return static_cast<uint8_t>(e - m); });
  Builder& b = w.b;
  const Id moved = w.moved(n.inputs[data]), narrow = b.constant(v);
  Id r = b.add(ops::contract, data == 0 ? std::vector<Id>{moved, narrow} : std::vector<Id>{narrow, moved},
               n.attributes);
  if (*least != 0) {
    const Id sum = b.add(ops::reduce_sum, {b.add(ops::cast, {moved}, {{"to", i32}})},
                         {{"axes", Ints{int64_t{last}}}, {"keepdims", int64_t{1}}});
    r = b.add(ops::add, {r, b.add(ops::mul, {sum, b.scalar<int32_t>(*least)})});
  }
  if (!(b.type(r) == n.type)) return -1;
  w.record(old, r);
  return r;
}

}  // namespace

Module narrow_weights(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes)
      any |= n.op == &ops::contract && n.type.element == i32 && n.attributes.find("to");
  if (!any) return m;
  return rewrite(m, "narrow_weights", [](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (n.op == &ops::contract && n.type.element == i32 && n.attributes.find("to"))
      for (const size_t data : {size_t{0}, size_t{1}})
        if (const Id now = narrowed(w, old, data); now >= 0) return now;
    return w.copy(old);
  });
}

}  // namespace tauto
