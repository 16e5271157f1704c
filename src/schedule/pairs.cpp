// Which contraction may be one of pairs, and its new indices.
#include "schedule/pairs.h"

#include <algorithm>

#include "loops/affine.h"
#include "schedule/dots.h"
#include "support/error.h"

namespace tauto {

using loops::Affine;
using loops::Axis;
using loops::BufferPtr;
using loops::Expr;

namespace {

// The load behind a bf16 that is widened to f32.
const loops::Load* widened(const Expr& e) {
  const auto* c = e.as<loops::Convert>();
  return c && e.type() == f32 && c->from.type() == bf16 ? c->from.as<loops::Load>() : nullptr;
}

// An index without what is not affine in it, such as the quotients of a transposed convolution, where that does not
// depend on `axis`: variables stand for it.
class Opaque {
 public:
  std::optional<Affine> affine(const Expr& index, const std::string& axis, const loops::Ranges& ranges) {
    return affine_of(rewrite(index,
                             [&](const Expr& e) {
                               const auto* a = e.as<loops::Apply>();
                               if (!a || a->function != loops::Function::FloorDiv || mentions(e, axis) ||
                                   affine_of(e, ranges))
                                 return Expr();
                               hidden_.push_back(e);
                               return loops::variable(name(hidden_.size() - 1));
                             }),
                     ranges);
  }
  Expr index(const Affine& a) const {
    Expr e = expr_of(a);
    for (size_t i = hidden_.size(); i-- > 0;) e = substitute(e, name(i), hidden_[i]);
    return e;
  }

 private:
  static std::string name(size_t i) { return cat("hidden ", i); }
  std::vector<Expr> hidden_;
};

bool is_even(const Dim& d) { return mod(d, Dim(2)) == Dim(0); }

// Half an index, all of whose parts are even.
std::optional<Affine> half(Affine a) {
  for (auto& [v, c] : a.terms) {
    if (!is_even(c)) return std::nullopt;
    c = exact_div(c, Dim(2));
  }
  if (!is_even(a.constant)) return std::nullopt;
  a.constant = exact_div(a.constant, Dim(2));
  return a;
}

}  // namespace

std::optional<Nest> with_pairs(const Nest& n, const Expr& sum) {
  const auto& r = *sum.as<loops::Reduce>();
  const Axis& pair = r.axes.back();
  if (r.axes.size() < 2 || pair.extent != Dim(2) || (r.guard.defined() && mentions(r.guard, pair.variable)))
    return std::nullopt;

  const auto number = [&](const loops::Load* l) {
    const auto& buffers = n.kernel.buffers;
    return static_cast<size_t>(std::find(buffers.begin(), buffers.end(), l->buffer) - buffers.begin());
  };
  const auto is_constant = [&](const loops::Load* l) {
    return number(l) < n.constant.size() && n.constant[number(l)];
  };
  const loops::Load *x = widened(r.operands[0]), *w = widened(r.operands[1]);
  if (!x || !w || is_constant(x) == is_constant(w)) return std::nullopt;
  if (is_constant(x)) std::swap(x, w);
  if (reads(n.store.value, x->buffer) != 1 || reads(n.store.value, w->buffer) != 1) return std::nullopt;

  loops::Ranges ranges;
  for (const std::vector<Axis>* axes : {&n.axes, &r.axes})
    for (const Axis& a : *axes) ranges[a.variable] = loops::below(a.extent);
  Opaque quotients;
  auto at_x = quotients.affine(x->index[0], pair.variable, ranges), at_w = affine_of(w->index[0], ranges);
  if (!at_x || !at_w || at_x->coefficient(pair.variable) != Dim(-1)) return std::nullopt;
  const auto step = at_w->coefficient(pair.variable).as_literal();
  const bool differs = std::any_of(n.axes.begin(), n.axes.end(),
                                   [&](const Axis& o) { return at_w->coefficient(o.variable) != Dim(0); });
  if (!step || *step == 0 || !differs) return std::nullopt;
  for (Affine* a : {&*at_x, &*at_w}) {  // of the first neighbour
    a->constant += a->coefficient(pair.variable);
    a->terms.erase(pair.variable);
  }
  const Dim &of_x = x->buffer->layout.elements, &of_w = w->buffer->layout.elements;
  const std::optional<Affine> word = half(*at_x);
  if (!word || !is_even(of_x)) return std::nullopt;

  Nest d = n;
  const BufferPtr x2 = d.kernel.buffers[number(x)] = accessed_as(f32, x->buffer, exact_div(of_x, Dim(2)));
  const BufferPtr w2 = d.kernel.buffers[number(w)] = accessed_as(f32, w->buffer, of_w);
  d.words.push_back(number(x));
  d.parts[number(w)] = Parts{2, -*step};
  const Expr dot =
      loops::reduce(loops::Order::Blocks, loops::Function::DotPairs, {r.axes.begin(), r.axes.end() - 1},
                    {loops::load(x2, {quotients.index(*word)}), loops::load(w2, {expr_of(*at_w)})}, r.guard);
  d.store.value = rewrite(n.store.value, [&](const Expr& e) { return e.get() == sum.get() ? dot : Expr(); });
  return d;
}

}  // namespace tauto
