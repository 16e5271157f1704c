// Which products are of signs, and their words.
#include "passes/bits.h"

#include <algorithm>

#include "ops/ops.h"
#include "passes/known_constant.h"
#include "passes/rewrite.h"

namespace tauto {
namespace {

constexpr int64_t kWord = 32;
constexpr int64_t kLeastTerms = 128, kLeastNeurons = 32;  // below, dot products of bytes are as fast

bool is_plain(const AxisIndex& x, int axis) {
  return x.terms.size() == 1 && x.terms[0].axis == axis && x.terms[0].coefficient == Dim(1) &&
         x.offset == Dim(0) && x.divisor == 1;
}

// Signs of a condition: 1 where it holds and −1 elsewhere, or the other way round.
struct Signs {
  Id condition = -1;
  bool positive = true;
  std::set<Id> inside;
};

std::optional<Signs> signs_of(const NodeOf& node, Id id) {
  Signs r;
  while (node(id).op == &ops::cast && node(id).type.element.is_integer() &&
         node(node(id).inputs[0]).type.element.is_integer()) {
    if (node(id).type.element.bits < 8 || !node(id).type.element.is_signed()) return std::nullopt;
    r.inside.insert(id);
    id = node(id).inputs[0];
  }
  const Node& n = node(id);
  if (n.op != &ops::where || !(node(n.inputs[0]).type.dims == n.type.dims)) return std::nullopt;
  r.inside.insert(id);
  const auto value = [&](size_t i) -> int64_t {
    const auto t = known_constant(node, n.inputs[i], &r.inside);
    return t && t->count() == 1 ? t->as_ints()[0] : 0;
  };
  const int64_t a = value(1), b = value(2);
  if (std::abs(a) != 1 || b != -a) return std::nullopt;
  r.condition = n.inputs[0];
  r.positive = a == 1;
  return r;
}

// How many signs an i32 holds and how many words there are: a divisor of the number of terms if a large one is, so
// that nothing has to be filled up. Bit i of word j is term i·words + j: words that lie side by side are made of terms
// that do.
struct Words {
  int64_t bits = kWord, count = 0;
  explicit Words(int64_t terms) {
    for (int64_t b = kWord; b > kWord - 8; --b)
      if (terms % b == 0) {
        bits = b, count = terms / b;
        return;
      }
    count = (terms + kWord - 1) / kWord;
  }
};

// w[k, n] or w[n, k] (`term`, `neuron`: their strides) as words [j, n]; `positive`: which sign is a set bit.
std::optional<Tensor> words_of(const Tensor& w, int64_t terms, int64_t neurons, int64_t term, int64_t neuron,
                               bool positive) {
  const std::vector<int64_t> v = w.as_ints();
  const Words words(terms);
  Tensor r(i32, {words.count, neurons});
  std::fill_n(r.data<int32_t>(), r.count(), 0);
  for (int64_t k = 0; k < terms; ++k)
    for (int64_t n = 0; n < neurons; ++n) {
      const int64_t e = v[static_cast<size_t>(k * term + n * neuron)];
      if (e != 1 && e != -1) return std::nullopt;
      if ((e == 1) == positive)
        r.data<int32_t>()[k % words.count * neurons + n] |=
            static_cast<int32_t>(uint32_t{1} << (k / words.count));
    }
  return r;
}

// Of truth values [..., K]: i32 [..., J].
Id packed(Builder& b, Id c, int64_t terms) {
  Dims dims = b.type(c).dims;
  const Words words(terms);
  if (words.bits * words.count != terms) {
    Ints pads(2 * dims.size(), 0);
    pads.back() = words.bits * words.count - terms;
    c = b.add(ops::pad, {c, b.ints(pads), b.scalar<bool>(false)}, {{"mode", std::string("constant")}});
  }
  dims.back() = Dim(words.bits);
  dims.push_back(Dim(words.count));
  c = b.add(ops::reshape, {c, b.dims(dims)});
  Tensor places(i32, {words.bits, 1});
  for (int64_t i = 0; i < words.bits; ++i) places.data<int32_t>()[i] = static_cast<int32_t>(i);
  const Id each = b.add(ops::shift_left, {b.add(ops::cast, {c}, {{"to", i32}}), b.constant(places)});
  return b.add(ops::reduce_sum, {each},
               {{"axes", Ints{static_cast<int64_t>(dims.size()) - 2}}, {"keepdims", int64_t{0}}});
}

Id of_bits(Rewrite& w, Id old, size_t data) {
  const Node& n = w.node(old);
  const NodeOf node = [&](Id i) -> const Node& { return w.from.node(i); };
  const Access& a = n.attributes.get<Access>("access");
  const std::vector<AxisIndex>&of_x = a.operands[data], &of_w = a.operands[1 - data];
  // x: [outer axes …, k], w: k and the last output axis; that last.
  const int k = a.outputs, last = a.outputs - 1;
  if (static_cast<int>(a.axes.size()) != a.outputs + 1 || a.outputs < 1 ||
      static_cast<int>(of_x.size()) != a.outputs || of_w.size() != 2)
    return -1;
  for (int d = 0; d < a.outputs; ++d)
    if (!is_plain(of_x[static_cast<size_t>(d)], d == last ? k : d)) return -1;
  const bool first = is_plain(of_w[0], k);
  if (!is_plain(of_w[first ? 0 : 1], k) || !is_plain(of_w[first ? 1 : 0], last)) return -1;
  const auto terms = a.extents[static_cast<size_t>(k)].as_literal(),
             neurons = a.extents[static_cast<size_t>(last)].as_literal();
  if (!terms || !neurons || *terms < kLeastTerms || *neurons < kLeastNeurons) return -1;
  std::optional<Signs> x = signs_of(node, n.inputs[data]);
  if (!x) return -1;
  const std::optional<Tensor> weights = known_constant(node, n.inputs[1 - data], &x->inside);
  const std::optional<Tensor> words =
      weights ? words_of(*weights, *terms, *neurons, first ? *neurons : 1, first ? 1 : *terms, x->positive)
              : std::nullopt;
  if (!words) return -1;
  Builder& b = w.b;
  const Id x_words = packed(b, w.moved(x->condition), *terms), w_words = b.constant(*words);
  Access access = a;
  access.extents[static_cast<size_t>(k)] = Dim(words->dim(0));
  std::vector<AxisIndex>& map = access.operands[1 - data];
  if (!first) std::swap(map[0], map[1]);
  const Id count =
      b.add(ops::contract, data == 0 ? std::vector<Id>{x_words, w_words} : std::vector<Id>{w_words, x_words},
            {{"access", access}, {"bits", int64_t{1}}});
  const Id r = b.add(
      ops::sub, {b.number(static_cast<double>(*terms), i32), b.add(ops::mul, {count, b.scalar<int32_t>(2)})});
  if (!(b.type(r) == n.type)) return -1;
  w.record(old, {r}, x->inside);
  return r;
}

}  // namespace

Module bits(const Module& m) {
  bool any = false;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes) any |= n.op == &ops::contract && n.type.element == i32;
  if (!any) return m;
  return rewrite(m, "bits", [](Rewrite& w, Id old) {
    const Node& n = w.node(old);
    if (n.op == &ops::contract && n.type.element == i32)
      for (const size_t data : {size_t{0}, size_t{1}})
        if (const Id now = of_bits(w, old, data); now >= 0) return now;
    return w.copy(old);
  });
}

}  // namespace tauto
