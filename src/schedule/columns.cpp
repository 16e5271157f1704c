// Sums of columns: reductions along an axis that lies far apart, of many columns that lie side by side.
//
// The lanes are columns, and each of their 16 partial results (docs/semantics.md, "Reductions") is a chain of
// its own. One partial result after the other is computed for as many vectors of columns as there are
// registers: rows p, p + 16, p + 32 … are read in runs that long, which is what memory and its prefetchers
// like. They are folded as soon as both halves are there, so few of the 16 are alive at once:
//
//   fold(p, 1) = fold(p, 2) + fold(p + 1, 2) …   fold(p, 8) = partial p + partial p + 8
#include "loops/identity.h"
#include "schedule/scheduler.h"

#include "loops/reduction_order.h"

namespace tauto {

using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::LoopKind;
using loops::Order;
using loops::Reduce;
using loops::Scope;
using loops::Stmt;

namespace {

constexpr int64_t kUnrolled =
    48;  // terms written out in a loop: short loops end in a branch that is mistaken

}  // namespace

const Expr* column_reduction(const Nest& n, const std::string& lanes) {
  loops::Ranges ranges;
  for (const Axis& a : n.axes) ranges[a.variable] = loops::below(a.extent);
  const Expr* found = nullptr;
  int reductions = 0;
  each_node(n.store.value, [&](const Expr& e) {
    const auto* r = e.as<Reduce>();
    if (!r) return true;
    ++reductions;
    for (const Axis& a : r->axes) ranges[a.variable] = loops::below(a.extent);
    if (r->order == Order::Partials && r->axes.size() == 1 && !r->guard.defined() &&
        r->axes[0].extent.is_literal() && r->axes[0].extent.literal() > 0 && mentions(e, lanes))
      found = &e;
    return true;
  });
  if (!found || reductions != 1 || lanes.empty()) return nullptr;
  const bool apart = any_node(*found, [&](const Expr& e) {
    const auto* l = e.as<loops::Load>();
    if (!l || !mentions(e, lanes)) return false;
    const auto at = affine_of(l->index[0], ranges);
    return !at || at->coefficient(lanes) != Dim(1);
  });
  return apart ? nullptr : found;
}

// The reductions of a tile's columns, then the result's value of each.
Stmt Scheduler::columns(const Expr& reduction, const Tile& t, const Each& each) {
  const auto& r = *reduction.as<Reduce>();
  const ElementType type = reduction.type();
  const int64_t terms = r.axes[0].extent.literal(), partials = std::min(terms, kPartialSums);
  const Expr first = Expr(int64_t{0}), start = t.lane;
  const auto f = [&](const Expr& a, const Expr& b) { return apply(r.function, {a, b}); };
  std::vector<BufferPtr> registers;
  const auto tile_buffer = [&](const char* name) {
    registers.push_back(
        loops::make_buffer(fresh(name), type, {Dim(int64_t{t_.lanes} * t.vectors)}, Scope::Registers));
    return registers.back();
  };
  const auto put = [&](const BufferPtr& b, const std::function<Expr(const Expr& lane)>& value) {
    return each([&](const Expr&, const Expr& lane, const Expr&) {
      return loops::store(b, {lane - start}, value(lane));
    });
  };
  const auto at = [&](const BufferPtr& b, const Expr& lane) { return loops::load(b, {lane - start}); };
  const auto clear = [&](const BufferPtr& b) {
    return put(b, [&](const Expr&) { return loops::identity_of(r.function, type); });
  };
  // to = f(to, term i), `count` of them from `from` on, 16 apart.
  const auto chain = [&](const BufferPtr& to, const Expr& from, int64_t count, std::vector<Stmt>& s) {
    const auto term = [&](const Expr& i) {
      s.push_back(put(to, [&](const Expr& lane) {
        return f(at(to, lane), substitute(r.operands[0], r.axes[0].variable, i));
      }));
    };
    const int64_t together = std::max<int64_t>(kUnrolled / t.vectors, 1);
    const int64_t looped = count > together ? count / together * together : 0;
    if (looped) {
      std::vector<Stmt> all;
      std::swap(all, s);
      const std::string i = fresh("i");
      for (int64_t u = 0; u < together; ++u) term(from + loops::variable(i) + Expr(u * kPartialSums));
      std::swap(all, s);
      s.push_back(loops::loop(LoopKind::Serial, i, first, Expr(looped * kPartialSums), loops::block(all),
                              together * kPartialSums));
    }
    for (int64_t u = looped; u < count; ++u) term(from + Expr(u * kPartialSums));
  };
  const auto terms_of = [&](int64_t p, int64_t from, int64_t to) {  // of partial result p among these
    return std::max<int64_t>(0, (to - from - p + kPartialSums - 1) / kPartialSums);
  };
  const bool pieces = terms > kPieceTerms;
  const BufferPtr piece = pieces ? tile_buffer("t") : nullptr;
  const auto partial = [&](int64_t p, const BufferPtr& to, std::vector<Stmt>& s) {
    s.push_back(clear(to));
    if (!pieces) return chain(to, Expr(p), terms_of(p, 0, terms), s);
    const auto some = [&](const Expr& from, int64_t count, std::vector<Stmt>& body) {
      body.push_back(clear(piece));
      chain(piece, from + Expr(p), count, body);
      body.push_back(put(to, [&](const Expr& lane) { return f(at(to, lane), at(piece, lane)); }));
    };
    const int64_t whole = terms / kPieceTerms * kPieceTerms;
    std::vector<Stmt> body;
    const std::string q = fresh("piece");
    some(loops::variable(q), kPieceTerms / kPartialSums, body);
    s.push_back(loops::loop(LoopKind::Serial, q, first, Expr(whole), loops::block(body), kPieceTerms));
    if (const int64_t count = terms_of(p, whole, terms)) some(Expr(whole), count, s);
  };
  // What waits for the other half lies in scratch: of registers there are as many as chains.
  std::vector<Stmt> s;
  std::vector<BufferPtr> waiting;
  const std::function<BufferPtr(int64_t, int64_t, size_t)> fold = [&](int64_t p, int64_t half,
                                                                      size_t level) -> BufferPtr {
    if (half == kPartialSums) {
      const BufferPtr sum = tile_buffer("s");
      partial(p, sum, s);
      return sum;
    }
    const BufferPtr left = fold(p, half * 2, level + 1);
    if (p + half >= partials) return left;
    if (waiting.size() <= level) waiting.resize(level + 1);
    BufferPtr& kept = waiting[level];
    if (!kept) {
      kept = loops::make_buffer(fresh("half"), type, left->dims, Scope::Scratch);
      scratch_.push_back(kept);
    }
    s.push_back(put(kept, [&](const Expr& lane) { return at(left, lane); }));
    const BufferPtr right = fold(p + half, half * 2, level + 1);
    s.push_back(put(right, [&](const Expr& lane) { return f(at(kept, lane), at(right, lane)); }));
    return right;
  };
  const BufferPtr sum = fold(0, 1, 0);
  s.push_back(each([&](const Expr&, const Expr& lane, const Expr&) {
    return loops::store(n_.store.buffer, n_.store.index, replace(n_.store.value, reduction, at(sum, lane)));
  }));
  Stmt all = loops::block(s);
  for (const BufferPtr& b : registers) all = loops::allocate(b, all);
  return all;
}

}  // namespace tauto
