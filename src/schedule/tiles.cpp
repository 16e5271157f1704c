// Loops over the tiles of an axis. Padding is a condition of a contraction that fails only near the ends of
// an axis: tiles that lie inside get a loop of their own, in which it need not be asked.
#include <algorithm>

#include "schedule/scheduler.h"
#include "support/error.h"

namespace tauto {

using loops::Axis;
using loops::Expr;
using loops::Function;
using loops::LoopKind;
using loops::Range;
using loops::Stmt;

std::optional<Range> Scheduler::inside(const Axis& a) const {
  if (!contraction_) return {};
  std::optional<Range> in;
  const std::function<void(const Expr&)> visit = [&](const Expr& e) {
    const auto* c = e.as<loops::Apply>();
    if (c && c->function == Function::And) {
      for (const Expr& x : c->arguments) visit(x);
      return;
    }
    if (!c || (c->function != Function::Less && c->function != Function::LessEqual)) return;
    const auto low = affine_of(c->arguments[0], ranges_), high = affine_of(c->arguments[1], ranges_);
    if (!low || !high) return;
    loops::Affine d = *high - *low;  // slope · a + rest >= 0
    if (c->function == Function::Less) d.constant -= 1;
    const auto slope = d.coefficient(a.variable).as_literal().value_or(0);
    d.terms.erase(a.variable);
    const auto rest = range_of(d, ranges_);
    if (slope == 0 || !rest) return;
    if (slope > 0 && !rest->lo.is_literal()) return;
    if (!in) in = Range{0, a.extent - 1};
    if (slope > 0)
      in->lo = std::max(in->lo.literal(), -floor_div(rest->lo, Dim(slope)).literal());
    else
      in->hi = min(in->hi, floor_div(rest->lo, Dim(-slope)));
  };
  if (const Expr& guard = contraction_->as<loops::Reduce>()->guard; guard.defined()) visit(guard);
  return in;
}

// The tiles in 0..whole: before, inside, after.
std::vector<Scheduler::Span> Scheduler::spans(const Axis& a, const Dim& whole, int64_t size) const {
  const Dim last = whole - Dim(size);
  const auto in = inside(a);
  if (!in) return {{0, whole, {0, last}}};
  const Dim first = min(ceil_div(in->lo, Dim(size)) * Dim(size), whole);
  const Dim end = max(first, floor_div(in->hi + Dim(1), Dim(size)) * Dim(size));
  return {{0, first, {0, first.is_literal() ? first - Dim(size) : last}},
          {first, end, {in->lo, in->hi + Dim(1 - size)}},
          {end, whole, {0, last}}};
}

Stmt Scheduler::walk(const Axis& a, LoopKind kind, const std::vector<Span>& spans, const Dim& to,
                     int64_t size, const std::function<Stmt(const Expr&)>& body,
                     const std::function<Stmt(const Expr&)>& rest) {
  std::vector<Stmt> s;
  const std::string v = fresh(a.variable);
  const Expr start = loops::variable(v);
  for (const Span& each : spans) {
    const auto length = (each.to - each.from).as_literal();
    if (length && *length <= 0) continue;
    if (kind == LoopKind::Parallel) {
      ranges_[v] = each.starts;
      Stmt tile = body(start);
      if (each.from != Dim(0)) tile = loops::guard(less(loops::size(each.from - Dim(1)), start), tile);
      if (each.to != to) tile = loops::guard(less(start, loops::size(each.to)), tile);
      s.push_back(tile);
    } else if (length && *length <= size && each.from.is_literal()) {
      s.push_back(body(loops::size(each.from)));
    } else {
      const std::string t = fresh(a.variable);
      ranges_[t] = each.starts;
      s.push_back(
          loops::loop(kind, t, loops::size(each.from), loops::size(each.to), body(loops::variable(t)), size));
    }
  }
  const Dim whole = spans.back().to;
  if (whole == to)
    return kind == LoopKind::Parallel
               ? loops::loop(kind, v, Expr(int64_t{0}), loops::size(to), loops::block(s), size)
               : loops::block(s);
  if (kind != LoopKind::Parallel) {
    s.push_back(rest(loops::size(whole)));
    return loops::block(s);
  }
  ranges_.erase(v);
  s.push_back(loops::guard(less(loops::size(whole - 1), start),
                           rest(whole.is_literal() ? loops::size(whole) : start)));
  return loops::loop(kind, v, Expr(int64_t{0}), loops::size(to), loops::block(s), size);
}

Stmt Scheduler::tiles(const Axis& a, int64_t size, LoopKind kind,
                      const std::function<Stmt(const Expr&, int64_t)>& body) {
  const Dim n = a.extent, whole = floor_div(n, Dim(size)) * Dim(size);
  const auto full = [&](const Expr& start) { return body(start, size); };
  const auto singly = [&](const Expr& start) {
    const std::string w = fresh(a.variable);
    return loops::loop(LoopKind::Serial, w, start, loops::size(n), body(loops::variable(w), 1));
  };
  const auto smaller = [&](const Expr& start) { return body(start, n.literal() % size); };
  if (n.is_literal()) return walk(a, kind, spans(a, whole, size), n, size, full, smaller);
  if (size == 1 || kind == LoopKind::Parallel)
    return walk(a, kind, spans(a, whole, size), n, size, full, singly);
  // The last tile ends with the axis: it computes some outputs again, to the same bits.
  const Dim last = n - Dim(size);
  std::vector<Span> all{{0, last, {0, last - Dim(1)}}};
  if (const auto in = inside(a)) {
    const Dim first = ceil_div(in->lo, Dim(size)) * Dim(size), stop = in->hi + Dim(2 - size);
    const Dim end = first + max(Dim(0), ceil_div(stop - first, Dim(size))) * Dim(size);
    all = {{0, first == Dim(size) ? first : min(first, last), {0, first - Dim(size)}},
           {first, stop, {first, stop - Dim(1)}}};
    if (const auto left = (last - stop).as_literal(); !left || *left > 0)
      all.push_back({end, last, {first, last - Dim(1)}});
  }
  const Stmt tiled =
      loops::block({walk(a, kind, all, all.back().to, size, full, {}), full(loops::size(last))});
  return loops::block({loops::guard(less(Expr(size - 1), loops::size(n)), tiled),
                       loops::guard(less(loops::size(n), Expr(size)), singly(Expr(int64_t{0})))});
}

Stmt Scheduler::lane_tiles(const Axis& a, LoopKind kind, const std::function<Stmt(Expr, int, Expr)>& body) {
  const int64_t w = t_.lanes, tile = w * p_.vectors;
  const Dim n = a.extent, whole = floor_div(n, Dim(tile)) * Dim(tile);
  const Expr end = loops::size(n);
  const auto full = [&](const Expr& start) { return body(start, p_.vectors, {}); };
  const auto rest = [&](const Expr&) -> Stmt {  // the vectors from `whole` on
    if (const auto literal = n.as_literal()) {
      const int64_t left = *literal - whole.literal();
      const int count = static_cast<int>((left + w - 1) / w);
      return body(loops::size(whole), count, left % w ? end : Expr());
    }
    const std::string u = fresh(a.variable);
    return loops::loop(LoopKind::Serial, u, loops::size(whole), end, body(loops::variable(u), 1, end), w);
  };
  return walk(a, kind, spans(a, whole, tile), n, tile, full, rest);
}

}  // namespace tauto
