// Loops of maps in pieces, cut where a condition on the loop's variable changes sides: padding, the parts of
// a concatenation. In each piece such conditions are decided, and what is not chosen is gone.
#include <algorithm>
#include <set>

#include "schedule/scheduler.h"

namespace tauto {

using loops::Axis;
using loops::Expr;
using loops::Function;
using loops::LoopKind;
using loops::Stmt;

namespace {

constexpr size_t kMostCuts = 4;
constexpr int64_t kMostPieces = 12;  // of a kernel: its code is there so many times

void comparisons_in(const Expr& e, std::vector<Expr>& found) {
  each_node(e, [&](const Expr& x) {
    const auto* a = x.as<loops::Apply>();
    if (a && (a->function == Function::Less || a->function == Function::LessEqual) &&
        a->arguments[0].type() == i64)
      found.push_back(x);
    return true;
  });
}

}  // namespace

std::vector<int64_t> Scheduler::cuts(const Axis& a) const {
  const auto extent = a.extent.as_literal();
  if (!extent || contraction_ || steps_) return {};
  std::vector<Expr> conditions;
  each_node(value_, [&](const Expr& e) {
    const auto* c = e.as<loops::Apply>();
    if (c && c->function == Function::Choose) comparisons_in(c->arguments[0], conditions);
    return true;
  });
  std::set<int64_t> found;
  const auto cut = [&](const Dim& at) {
    if (const auto v = at.as_literal(); v && *v > 0 && *v < *extent) found.insert(*v);
  };
  for (const Expr& condition : conditions) {
    const auto* c = condition.as<loops::Apply>();
    const auto low = affine_of(c->arguments[0], ranges_), high = affine_of(c->arguments[1], ranges_);
    if (!low || !high) continue;
    loops::Affine d = *high - *low;  // slope · a + rest >= 0
    if (c->function == Function::Less) d.constant -= 1;
    const auto slope = d.coefficient(a.variable).as_literal().value_or(0);
    d.terms.erase(a.variable);
    const auto rest = range_of(d, ranges_);
    if (slope == 0 || !rest || !rest->lo.is_literal() || !rest->hi.is_literal()) continue;
    for (const Dim& r : {rest->lo, rest->hi})
      cut(slope > 0 ? -floor_div(r, Dim(slope)) : floor_div(r, Dim(-slope)) + 1);
  }
  if (found.size() > kMostCuts || pieces_ * static_cast<int64_t>(found.size() + 1) > kMostPieces) return {};
  return {found.begin(), found.end()};
}

Stmt Scheduler::segments(const std::vector<const Axis*>& order, size_t i, const Tile& t, LoopKind kind,
                         std::vector<int64_t> cuts) {
  const Axis& a = *order[i];
  const int64_t extent = a.extent.literal();
  const Expr value = value_;
  const std::string whole = fresh(a.variable);  // of a parallel loop
  std::vector<Stmt> s;
  const int64_t pieces = pieces_;
  pieces_ *= static_cast<int64_t>(cuts.size() + 1);
  cuts.push_back(extent);
  int64_t from = 0;
  for (const int64_t to : cuts) {
    const loops::Range all = ranges_.at(a.variable);
    ranges_[a.variable] = {Dim(from), Dim(to - 1)};
    value_ = rewrite(value, [&](const Expr& e) -> Expr {
      const auto* c = e.as<loops::Apply>();
      if (!c || !e.type().is_bool() || c->function == Function::Choose) return {};
      const auto known = decide(e, ranges_);
      return known ? loops::truth(*known) : Expr();
    });
    const Stmt inside = nest(order, i + 1, t);
    ranges_[a.variable] = all;
    if (kind == LoopKind::Parallel) {
      Stmt piece = substitute(inside, a.variable, loops::variable(whole));
      if (from > 0) piece = loops::guard(less(Expr(from - 1), loops::variable(whole)), piece);
      if (to < extent) piece = loops::guard(less(loops::variable(whole), Expr(to)), piece);
      s.push_back(piece);
    } else {
      const std::string own = fresh(a.variable);
      s.push_back(
          loops::loop(kind, own, Expr(from), Expr(to), substitute(inside, a.variable, loops::variable(own))));
    }
    from = to;
  }
  value_ = value;
  pieces_ = pieces;
  return kind == LoopKind::Parallel
             ? loops::loop(kind, whole, Expr(int64_t{0}), Expr(extent), loops::block(s))
             : loops::block(s);
}

}  // namespace tauto
