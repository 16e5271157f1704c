// Which contraction may be one, and its new indices.
#include "schedule/dots.h"

#include <algorithm>

#include "loops/affine.h"
#include "schedule/pairs.h"
#include "schedule/words.h"
#include "support/error.h"

namespace tauto {

using loops::Affine;
using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::Reduce;

namespace {

constexpr int64_t kTerms = kWordBytes;  // of a step
constexpr int64_t kShortRow = 64;       // bytes that are added up: of longer rows the lanes take neighbours

// The load behind a widening to i32.
const loops::Load* widened(const Expr& e, ElementType from) {
  const auto* c = e.as<loops::Convert>();
  const auto* l = c && e.type() == i32 && c->from.type() == from ? c->from.as<loops::Load>() : nullptr;
  return l;
}

// The one contraction, or the one sum of bytes: a contraction with 1.
const Expr* only_sum(const Expr& value) {
  const Expr* found = nullptr;
  int count = 0;
  each_node(value, [&](const Expr& e) {
    const auto* r = e.as<Reduce>();
    if (r && (r->order == loops::Order::Blocks || r->function == Function::Add)) found = &e, ++count;
    return true;
  });
  return count == 1 ? found : nullptr;
}

struct Interval {
  int64_t low, high;
};

// Of an i32 that is widened from a narrower one, a number, or a sum or difference of such.
std::optional<Interval> interval_of(const Expr& e) {
  const auto in = [](ElementType t) { return Interval{t.min_value(), static_cast<int64_t>(t.max_value())}; };
  if (e.type() != i32) return std::nullopt;
  if (const auto* l = e.as<loops::Literal>()) {
    const auto v = static_cast<int64_t>(static_cast<int32_t>(l->bits));
    return Interval{v, v};
  }
  if (const auto* c = e.as<loops::Convert>()) {
    const ElementType t = c->from.type();
    return t.is_integer() && t.bits <= 16 ? std::optional(in(t)) : std::nullopt;
  }
  const auto* a = e.as<loops::Apply>();
  if (!a || (a->function != Function::Add && a->function != Function::Sub)) return std::nullopt;
  const auto x = interval_of(a->arguments[0]), y = interval_of(a->arguments[1]);
  if (!x || !y) return std::nullopt;
  return a->function == Function::Add ? Interval{x->low + y->low, x->high + y->high}
                                      : Interval{x->low - y->high, x->high - y->low};
}

bool is_word(const std::optional<Interval>& i) { return i && i->low >= -32768 && i->high <= 32767; }

// A constant that no output axis tells apart is packed for itself: its terms in the order of `axes`.
std::optional<Packing> packed_alone(const Affine& at, const std::vector<Axis>& axes, size_t buffer,
                                    const Parts& parts, Expr& index) {
  Packing p;
  p.buffer = buffer;
  p.count = 1;
  p.stride = 1;
  p.parts = parts;
  const auto offset = at.constant.as_literal();
  if (!offset) return std::nullopt;
  p.offset = *offset;
  int64_t inner = 1;
  index = Expr(int64_t{0});
  for (size_t i = axes.size(); i-- > 0;) {
    const auto extent = axes[i].extent.as_literal(), stride = at.coefficient(axes[i].variable).as_literal();
    if (!extent || !stride) return std::nullopt;
    p.extents.insert(p.extents.begin(), *extent);
    p.strides.insert(p.strides.begin(), *stride);
    index = index + loops::variable(axes[i].variable) * Expr(inner);
    inner *= *extent;
  }
  return p;
}

}  // namespace

int reads(const Expr& value, const BufferPtr& b) {
  int count = 0;
  each_node(value, [&](const Expr& e) {
    const auto* l = e.as<loops::Load>();
    count += l && l->buffer == b;
    return true;
  });
  return count;
}

BufferPtr accessed_as(ElementType type, const BufferPtr& b, const Dim& elements) {
  loops::Buffer copy = *b;
  copy.type = type;
  copy.dims = {elements};
  copy.layout = loops::row_major(copy.dims);
  return std::make_shared<const loops::Buffer>(copy);
}

std::optional<Nest> with_dots(const Nest& n, const Target& t) {
  const Expr* sum = only_sum(n.store.value);
  if (sum && t.pair_dots && sum->as<Reduce>()->function == Function::FmaFlush) return with_pairs(n, *sum);
  if (!sum || sum->type() != i32) return std::nullopt;
  const Reduce& r = *sum->as<Reduce>();
  if (r.order == loops::Order::Blocks && r.function != Function::Fma) return std::nullopt;
  const loops::Load *x = nullptr, *w = nullptr;
  if (r.operands.size() == 1) x = widened(r.operands[0], u8);
  for (size_t i = 0; r.operands.size() == 2 && i < 2 && !x; ++i) {
    x = widened(r.operands[i], u8);
    for (const ElementType e : {i8, u4, u2})
      if (!w) w = widened(r.operands[1 - i], e);
    if (!w) x = nullptr;
  }
  const auto& buffers = n.kernel.buffers;
  const auto number = [&](const BufferPtr& b) {
    return static_cast<size_t>(std::find(buffers.begin(), buffers.end(), b) - buffers.begin());
  };
  const auto is_constant = [&](size_t i) { return i < n.constant.size() && n.constant[i]; };
  if (!x || reads(n.store.value, x->buffer) != 1 || is_constant(number(x->buffer))) return std::nullopt;
  if (w && (reads(n.store.value, w->buffer) != 1 || !is_constant(number(w->buffer)))) return std::nullopt;
  loops::Ranges ranges;
  for (const Axis& a : n.axes) ranges[a.variable] = loops::below(a.extent);
  for (const Axis& a : r.axes) ranges[a.variable] = loops::below(a.extent);
  const auto at_x = affine_of(x->index[0], ranges);
  const auto at_w = w ? affine_of(w->index[0], ranges) : std::optional(Affine());
  if (!at_x || !at_w || !is_whole_words(x->buffer->layout.elements)) return std::nullopt;

  const int64_t bits = w ? w->buffer->type.bits : 8, slices = 8 / bits;  // of each byte of an i32
  for (const Axis& k : r.axes) {
    const auto extent = k.extent.as_literal(), stride = at_w->coefficient(k.variable).as_literal();
    if (at_x->coefficient(k.variable) != Dim(1) || !extent || *extent % kTerms != 0) continue;
    if (r.guard.defined() && mentions(r.guard, k.variable)) continue;  // a step is taken whole
    if (w ? !stride || *stride == 0 : *extent > kShortRow) continue;
    std::optional<Affine> x4 = word_of(*at_x, k.variable);
    if (!x4) continue;
    // Words of two bytes are widened from bytes, in memory like any others.
    const bool narrow = t.byte_dots && slices > 1;
    if (narrow && *extent % (kTerms * slices) != 0) continue;
    const std::string q = k.variable + "_q", h = k.variable + "_h";
    x4->terms[q] = narrow ? slices : 1;
    if (narrow) x4->terms[h] = 1;
    std::vector<Axis> axes;
    for (const Axis& a : r.axes)
      if (a.variable != k.variable) axes.push_back(a);
    axes.push_back({q, Dim(*extent / kTerms / (narrow ? slices : 1))});
    if (!t.byte_dots) axes.push_back({h, 2});
    if (narrow) axes.push_back({h, slices});
    Nest d = n;
    const size_t x_number = number(x->buffer);
    d.kernel.buffers[x_number] =
        accessed_as(i32, x->buffer, exact_div(x->buffer->layout.elements, Dim(kTerms)));
    d.words.push_back(x_number);
    Expr a = loops::load(d.kernel.buffers[x_number], {expr_of(*x4)});
    if (!t.byte_dots) {
      const Expr shift = loops::convert(loops::variable(h) * Expr(int64_t{8}), i32);
      a = loops::apply(Function::BitAnd, {loops::apply(Function::ShiftRightLogical, {a, shift}),
                                          loops::literal(i32, 0x00ff00ff)});
    }
    Expr b = loops::literal(i32, t.byte_dots ? 0x01010101 : 0x00010001);
    if (w) {
      const size_t w_number = number(w->buffer);
      const Parts parts = narrow        ? Parts{kTerms * slices, *stride}
                          : t.byte_dots ? Parts{4, *stride}
                                        : Parts{2, 2 * *stride};
      Affine w4 = *at_w;
      w4.terms.erase(k.variable);
      w4.terms[q] = Dim(kTerms * (narrow ? slices : 1) * *stride);
      if (!t.byte_dots) w4.terms[h] = Dim(*stride);
      Expr index = expr_of(w4);
      Dim elements = w->buffer->layout.elements;
      if (std::none_of(n.axes.begin(), n.axes.end(),
                       [&](const Axis& o) { return at_w->coefficient(o.variable) != Dim(0); })) {
        const auto p = packed_alone(w4, axes, w_number, parts, index);
        if (!p) continue;
        d.packings.push_back(*p);
        elements = 1;
        for (const Axis& o : axes) elements *= o.extent;
      } else {
        d.parts[w_number] = parts;
      }
      d.kernel.buffers[w_number] = accessed_as(i32, w->buffer, elements);
      b = loops::load(d.kernel.buffers[w_number], {index});
      if (narrow) {
        const Expr shift = loops::convert(loops::variable(h) * Expr(bits), i32);
        b = loops::apply(Function::BitAnd, {loops::apply(Function::ShiftRightLogical, {b, shift}),
                                            loops::literal(i32, bits == 4 ? 0x0f0f0f0f : 0x03030303)});
      }
    }
    const Expr dot = loops::reduce(
        loops::Order::Blocks, t.byte_dots ? Function::DotBytes : Function::DotWords, axes, {a, b}, r.guard);
    const loops::ExprNode* old = sum->get();
    d.store.value = rewrite(n.store.value, [&](const Expr& e) { return e.get() == old ? dot : Expr(); });
    return d;
  }
  return std::nullopt;
}

std::optional<Nest> with_word_products(const Nest& n) {
  const Expr* sum = only_sum(n.store.value);
  const auto* r = sum ? sum->as<Reduce>() : nullptr;
  if (!r || sum->type() != i32 || r->order != loops::Order::Blocks || r->function != Function::Fma)
    return std::nullopt;
  std::vector<Expr> operands = r->operands;
  const auto a = interval_of(operands[0]), b = interval_of(operands[1]);
  if (!is_word(a) || !is_word(b)) return std::nullopt;
  if (a->low < 0 &&
      b->low < 0) {  // of one the upper halves have to be 0: of that which is loaded and no more
    const size_t loaded = operands[0].as<loops::Convert>() ? 0 : 1;
    operands[loaded] = loops::apply(Function::BitAnd, {operands[loaded], loops::literal(i32, 0xffff)});
  }
  const Expr dot = loops::reduce(loops::Order::Blocks, Function::DotWords, r->axes, operands, r->guard);
  const loops::ExprNode* old = sum->get();
  Nest d = n;
  d.store.value = rewrite(n.store.value, [&](const Expr& e) { return e.get() == old ? dot : Expr(); });
  return d;
}

Carried carry_out(const Nest& n, const Plan* plan, const Target& t) {
  const auto by = [&](const Nest& nest) -> Carried {
    const Plan p = plan ? *plan : default_plan(nest, t);
    return {p, schedule(nest, p, t)};
  };
  std::optional<Nest> other = with_dots(n, t);
  if (!other) other = with_word_stores(n);
  try {
    if (other) return by(*other);
  } catch (const NotScheduled&) {  // the constant of a product has no axis for the lanes
  }
  other = with_word_products(n);
  return by(other ? *other : n);
}

}  // namespace tauto
