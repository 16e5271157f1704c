// Chains, partial results and blocks as loops, see spell_out.h.
#include "schedule/spell_out.h"

#include <map>
#include <set>

#include "loops/identity.h"
#include "schedule/abreast.h"
#include "support/error.h"

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

constexpr int64_t kUnrolled = 4;  // steps of a chain, so that loops take fewer instructions than additions
constexpr int64_t kAbreast = 4;   // pieces of 256 terms side by side
constexpr int kFewNodes = 24;     // of an expression that is written out so often

Stmt serial(const std::string& v, Expr from, Expr to, Stmt body, int64_t step = 1) {
  return loops::loop(LoopKind::Serial, v, std::move(from), std::move(to), std::move(body), step);
}
Stmt unrolled(const std::string& v, int64_t from, int64_t to, Stmt body) {
  return loops::loop(LoopKind::Unrolled, v, Expr(from), Expr(to), std::move(body));
}

}  // namespace

Expr SpellOut::all(const Expr& e) { return walk(e, ""); }
Expr SpellOut::without(const Expr& e, const std::string& variable) { return walk(e, variable); }

Stmt SpellOut::allocated(Stmt s) const {
  for (auto b = allocations_.rbegin(); b != allocations_.rend(); ++b) s = loops::allocate(*b, s);
  return s;
}

// From the outside in: what is inside a reduction belongs into its loops.
Expr SpellOut::walk(const Expr& e, const std::string& skip) {
  std::map<const loops::ExprNode*, Expr> done;
  std::function<Expr(const Expr&)> go = [&](const Expr& x) -> Expr {
    if (const auto at = done.find(x.get()); at != done.end()) return at->second;
    Expr r = x;
    const auto each = [&](const std::vector<Expr>& from) {
      std::vector<Expr> to;
      for (const Expr& y : from) to.push_back(go(y));
      return to;
    };
    if (const auto* reduction = x.as<Reduce>()) {
      if (!mentions(x, skip)) r = spell(*reduction, x.type());
    } else if (const auto* l = x.as<loops::Load>()) {
      r = loops::load(l->buffer, each(l->index));
    } else if (const auto* a = x.as<loops::Apply>()) {
      r = loops::apply(a->function, each(a->arguments));
    } else if (const auto* c = x.as<loops::Convert>()) {
      r = convert(go(c->from), x.type());
    } else if (const auto* b = x.as<loops::Bits>()) {
      r = bits(go(b->from), x.type());
    } else if (const auto* p = x.as<loops::Probe>()) {
      const Expr value = go(p->value);
      r = loops::probe(value, p->buffer, each(p->index));
    }
    done[x.get()] = r;
    return r;
  };
  return go(e);
}

BufferPtr SpellOut::buffer(const std::string& stem, ElementType type, int64_t count, Scope scope) {
  const BufferPtr b = loops::make_buffer(fresh_(stem), type, {Dim(count)}, scope);
  (scope == Scope::Scratch ? scratch_ : allocations_).push_back(b);
  return b;
}

bool SpellOut::lies_over_lanes(const Expr& e, const std::string& variable) const {
  return lies_side_by_side(e, variable) &&
         !any_node(e, [&](const Expr& x) { return x.as<Reduce>() && mentions(x, variable); });
}

Expr SpellOut::spell(const Reduce& r, ElementType type) {
  if (guard_.defined()) {
    Reduce guarded = r;
    guarded.guard = r.guard.defined() ? both(guard_, r.guard) : guard_;
    SpellOut inside(ranges_, target_, fresh_, scratch_, lanes_);
    const Expr e = inside.spell(guarded, type);
    statements.insert(statements.end(), inside.statements.begin(), inside.statements.end());
    allocations_.insert(allocations_.end(), inside.allocations_.begin(), inside.allocations_.end());
    return e;
  }
  switch (r.order) {
    case Order::Chain:
      return chain(r, type);
    case Order::Partials:
      if (lanes_.empty() && r.axes.size() == 1 && !r.guard.defined() &&
          lies_over_lanes(r.operands[0], r.axes[0].variable) &&
          !(r.axes[0].extent.is_literal() && r.axes[0].extent.literal() < 8))
        return across(r, type);
      if (has_partials_in_lanes(r)) return partials_in_lanes(r, type);
      return partials(r, type);
    case Order::Blocks:
      return blocks(r, type);
  }
  throw NotScheduled{"a reduction in no known order"};
}

Stmt SpellOut::accumulate(const Reduce& r, const BufferPtr& to, const Expr& at) {
  const bool per_lane = r.guard.defined() && mentions(r.guard, lanes_);
  SpellOut inner(ranges_, target_, fresh_, scratch_, lanes_, per_lane ? r.guard : Expr());
  const Expr old = loops::load(to, {at});
  std::vector<Expr> arguments;
  for (const Expr& x : r.operands) arguments.push_back(inner.all(x));
  arguments.insert(is_product(r.function) ? arguments.end() : arguments.begin(), old);
  Expr next = apply(r.function, arguments);
  if (per_lane) next = select(r.guard, next, old);
  std::vector<Stmt> body = inner.statements;
  body.push_back(loops::store(to, {at}, next));
  const Stmt s = inner.allocated(loops::block(body));
  return r.guard.defined() && !per_lane ? loops::guard(r.guard, s) : s;
}

int64_t block_steps(const std::vector<Axis>& axes, loops::Function f) {
  std::vector<int64_t> extents;
  for (const Axis& a : axes) {
    const bool outermost = extents.empty();
    if (!outermost && !a.extent.is_literal())
      throw NotScheduled{"a window whose size is known only at run time"};
    extents.push_back(a.extent.is_literal() ? a.extent.literal() : kBlockTerms);
  }
  if (f == loops::Function::DotPairs) extents.push_back(2);
  const BlockCut cut = block_cut(extents);
  if (!axes[0].extent.is_literal() && cut.inner > kBlockTerms)
    throw NotScheduled{"blocks of an outermost axis that may have one step"};
  return cut.steps;
}

// A contraction without a tile of its own: one chain per block, one element at a time.
Expr SpellOut::blocks(const Reduce& r, ElementType type) {
  std::vector<Axis> axes;
  for (const Axis& a : r.axes)
    if (a.extent != Dim(1)) axes.push_back(a);
  const int64_t steps = axes.empty() ? 1 : block_steps(axes, r.function);
  const BufferPtr part = buffer("part", type, 1, Scope::Registers),
                  sum = buffer("sum", type, 1, Scope::Registers);
  const Expr zero = loops::number(type, 0), first = Expr(int64_t{0});
  Stmt s = accumulate(r, part, first);
  for (const Axis& x : r.axes)
    if (x.extent == Dim(1)) s = substitute(s, x.variable, first);
  for (size_t i = axes.size(); i-- > 1;) s = serial(axes[i].variable, first, loops::size(axes[i].extent), s);
  const Stmt clear = loops::store(part, {first}, zero);
  const Stmt add = loops::store(sum, {first}, loops::load(sum, {first}) + loops::load(part, {first}));
  statements.push_back(loops::store(sum, {first}, zero));
  if (axes.empty()) {
    statements.push_back(loops::block({clear, s, add}));
  } else {
    const std::string kb = fresh_("kb");
    const Expr from = loops::variable(kb), end = loops::size(axes[0].extent);
    const Expr to = apply(Function::Min, {from + Expr(steps), end});
    statements.push_back(
        serial(kb, first, end, loops::block({clear, serial(axes[0].variable, from, to, s), add}), steps));
  }
  return loops::load(sum, {first});
}

// acc = f(acc, term), one after the other.
Expr SpellOut::chain(const Reduce& r, ElementType type) {
  const BufferPtr acc = buffer("acc", type, 1, Scope::Registers);
  const Expr first = Expr(int64_t{0});
  Stmt s = accumulate(r, acc, first);
  const bool simple = s->as<loops::Store>() || s->as<loops::If>();
  int64_t terms = 1;
  for (auto a = r.axes.rbegin(); a != r.axes.rend(); ++a) {
    const auto n = a->extent.as_literal();
    const bool unroll = n && *n * terms <= 16 && simple;
    if (n) terms *= *n;
    s = loops::loop(unroll ? LoopKind::Unrolled : LoopKind::Serial, a->variable, first,
                    loops::size(a->extent), s);
    if (!unroll) terms = 1 << 20;
  }
  statements.push_back(loops::store(acc, {first}, loops::identity_of(r.function, type)));
  statements.push_back(s);
  return loops::load(acc, {first});
}

// One accumulator per partial result.
Expr SpellOut::partials(const Reduce& r, ElementType type) {
  Dim n = 1;
  for (const Axis& a : r.axes) n = n * a.extent;
  const Expr id = loops::identity_of(r.function, type);
  const auto f = [&](const Expr& a, const Expr& b) { return apply(r.function, {a, b}); };
  // The statement t[p] = f(t[p], term i).
  const auto term = [&](const BufferPtr& t, const Expr& p, const Expr& i) -> Stmt {
    Stmt s = accumulate(r, t, p);
    Expr rest = i;
    for (size_t k = r.axes.size(); k-- > 0;) {
      const Axis& a = r.axes[k];
      const Expr index = k == 0 ? rest : floor_mod(rest, loops::size(a.extent));
      s = substitute(s, a.variable, index);
      if (k) rest = floor_div(rest, loops::size(a.extent));
    }
    return s;
  };
  const auto each = [&](int64_t count, const std::function<Stmt(const Expr&)>& body) {
    const std::string p = fresh_("p");
    return unrolled(p, 0, count, body(loops::variable(p)));
  };
  const auto clear = [&](const BufferPtr& b, int64_t count) {
    return each(count, [&](const Expr& p) { return loops::store(b, {p}, id); });
  };
  const auto fold = [&](const BufferPtr& b, int64_t count) {
    for (int64_t half = kPartialSums / 2; half > 0; half /= 2)
      for (int64_t p = 0; p < half && p + half < count; ++p)
        statements.push_back(
            loops::store(b, {Expr(p)}, f(loops::load(b, {Expr(p)}), loops::load(b, {Expr(p + half)}))));
    return loops::load(b, {Expr(int64_t{0})});
  };
  const auto literal = n.as_literal();
  const int64_t count = literal ? std::min(*literal, kPartialSums) : kPartialSums;
  if (literal && *literal == 0) return id;
  const BufferPtr t = buffer("t", type, count, Scope::Registers);
  const auto piece = [&](const Expr& from, int64_t terms) {  // a literal number of them
    std::vector<Stmt> s{clear(t, count)};
    const int64_t whole = terms / kPartialSums * kPartialSums;
    if (whole) {
      const std::string i = fresh_("i");
      s.push_back(
          serial(i, from, from + Expr(whole),
                 each(kPartialSums, [&](const Expr& p) { return term(t, p, loops::variable(i) + p); }),
                 kPartialSums));
    }
    if (terms > whole)
      s.push_back(each(terms - whole, [&](const Expr& p) { return term(t, p, from + Expr(whole) + p); }));
    return loops::block(s);
  };
  if (literal && *literal <= kPieceTerms) {
    statements.push_back(piece(Expr(int64_t{0}), *literal));
    return fold(t, count);
  }
  const BufferPtr s = buffer("s", type, count, Scope::Registers);
  const auto collect = [&] {
    return each(count, [&](const Expr& p) {
      return loops::store(s, {p}, f(loops::load(s, {p}), loops::load(t, {p})));
    });
  };
  statements.push_back(clear(s, count));
  const std::string from = fresh_("piece");
  const Expr start = loops::variable(from);
  if (literal) {
    const int64_t whole = *literal / kPieceTerms * kPieceTerms;
    statements.push_back(serial(from, Expr(int64_t{0}), Expr(whole),
                                loops::block({piece(start, kPieceTerms), collect()}), kPieceTerms));
    if (*literal > whole) {
      statements.push_back(piece(Expr(whole), *literal - whole));
      const int64_t last = std::min(*literal - whole, kPartialSums);
      statements.push_back(each(last, [&](const Expr& p) {
        return loops::store(s, {p}, f(loops::load(s, {p}), loops::load(t, {p})));
      }));
    }
    return fold(s, count);
  }
  const Expr end = apply(Function::Min, {start + Expr(kPieceTerms), loops::size(n)});
  const Expr whole = start + floor_div(end - start, Expr(kPartialSums)) * Expr(kPartialSums);
  const std::string i = fresh_("i"), w = fresh_("whole"), e = fresh_("end");
  const Expr we = loops::variable(w), ee = loops::variable(e);
  const Stmt body = loops::block(
      {clear(t, count),
       serial(i, start, we,
              each(kPartialSums, [&](const Expr& p) { return term(t, p, loops::variable(i) + p); }),
              kPartialSums),
       each(kPartialSums, [&](const Expr& p) { return loops::guard(less(we + p, ee), term(t, p, we + p)); }),
       collect()});
  statements.push_back(serial(from, Expr(int64_t{0}), loops::size(n),
                              loops::let(e, end, loops::let(w, whole, body)), kPieceTerms));
  return fold(s, count);
}

// body(l, p) for lanes l = from … from + count, p = l - from.
Stmt SpellOut::over_lanes(const Expr& from, int64_t count, const Expr& end,
                          const std::function<Stmt(const Expr&, const Expr&)>& body) {
  const int64_t w = std::min<int64_t>(target_.lanes, kPartialSums);
  std::vector<Stmt> s;
  for (int64_t u = 0; u < count; u += w) {
    const std::string l = fresh_("l");
    const Expr first = from + Expr(u);
    Expr last = from + Expr(std::min(u + w, count));
    if (end.defined()) last = apply(Function::Min, {last, end});
    s.push_back(
        loops::loop(LoopKind::Lanes, l, first, last, body(loops::variable(l), loops::variable(l) - from)));
  }
  return loops::block(s);
}

// In registers; the last sum goes through memory, into all lanes.
Expr SpellOut::fold_lanes(Function f, const BufferPtr& b) {
  const BufferPtr memory = buffer("m", b->type, 1, Scope::Scratch);
  const Expr first = Expr(int64_t{0});
  BufferPtr from = b;
  for (int64_t half = kPartialSums / 2; half > 0; half /= 2) {
    const BufferPtr to = buffer("h", b->type, half, Scope::Registers);
    statements.push_back(over_lanes(first, half, {}, [&](const Expr&, const Expr& p) {
      return loops::store(to, {p}, apply(f, {loops::load(from, {p}), loops::load(from, {p + Expr(half)})}));
    }));
    from = to;
  }
  statements.push_back(loops::store(memory, {first}, loops::load(from, {first})));
  return loops::load(memory, {first});
}

// The memory is used again by the next reduction.
Expr SpellOut::kept(Expr e) {
  const BufferPtr b = buffer("r", e.type(), 1, Scope::Registers);
  statements.push_back(loops::store(b, {Expr(int64_t{0})}, std::move(e)));
  return loops::load(b, {Expr(int64_t{0})});
}

// Do elements that differ by one in `variable` lie side by side, wherever they are read?
bool SpellOut::lies_side_by_side(const Expr& e, const std::string& variable) const {
  return !any_node(e, [&](const Expr& x) {
    const auto* l = x.as<loops::Load>();
    if (!l || !mentions(x, variable)) return false;
    const auto a = l->index.size() == 1 ? affine_of(l->index[0], ranges_) : std::nullopt;
    return !a || a->coefficient(variable) != Dim(1);
  });
}

bool SpellOut::has_partials_in_lanes(const Reduce& r) const {
  if (!lanes_.empty() || r.guard.defined() || r.axes.size() > 2) return false;
  Dim n = 1;
  for (const Axis& a : r.axes) n = n * a.extent;
  const auto terms = n.as_literal(), last = r.axes.back().extent.as_literal();
  return terms && last && *last == std::min<int64_t>(target_.lanes, kPartialSums) &&
         *terms % kPartialSums == 0 &&
         any_node(r.operands[0], [](const Expr& e) { return e.as<Reduce>() != nullptr; }) &&
         mentions(r.operands[0], r.axes.back().variable) &&
         lies_side_by_side(r.operands[0], r.axes.back().variable);
}

// The 16 partial results in lanes, of terms that are reductions themselves: of channels that lie side by side
// in blocks, 16 or 8 at a time.
Expr SpellOut::partials_in_lanes(const Reduce& r, ElementType type) {
  const Axis& last = r.axes.back();
  const int64_t w = last.extent.literal();
  int64_t n = w;
  if (r.axes.size() == 2) n *= r.axes[0].extent.literal();
  const Expr zero = Expr(int64_t{0}), id = loops::identity_of(r.function, type);
  const auto f = [&](const Expr& a, const Expr& b) { return apply(r.function, {a, b}); };
  const auto clear = [&](const BufferPtr& b) {
    return over_lanes(zero, kPartialSums, {},
                      [&](const Expr&, const Expr& p) { return loops::store(b, {p}, id); });
  };
  const BufferPtr t = buffer("t", type, kPartialSums, Scope::Registers);
  const auto terms = [&](const Expr& from, int64_t count) {  // from is a multiple of 16
    const std::string i = fresh_("i");
    std::vector<Stmt> s;
    for (int64_t u = 0; u < kPartialSums; u += w) {
      const std::string l = fresh_("l");
      Expr term = substitute(r.operands[0], last.variable, loops::variable(l));
      if (r.axes.size() == 2)
        term = substitute(term, r.axes[0].variable, floor_div(loops::variable(i) + Expr(u), Expr(w)));
      SpellOut inside(ranges_, target_, fresh_, scratch_, l);
      const Expr value = inside.all(term);
      const Expr at = loops::variable(l) + Expr(u);
      std::vector<Stmt> body = inside.statements;
      body.push_back(loops::store(t, {at}, f(loops::load(t, {at}), value)));
      s.push_back(loops::loop(LoopKind::Lanes, l, zero, Expr(w), inside.allocated(loops::block(body))));
    }
    return serial(i, from, from + Expr(count), loops::block(s), kPartialSums);
  };
  if (n <= kPieceTerms) {
    statements.push_back(clear(t));
    statements.push_back(terms(zero, n));
    return kept(fold_lanes(r.function, t));
  }
  const BufferPtr s = buffer("s", type, kPartialSums, Scope::Registers);
  const auto collect = [&] {
    return over_lanes(zero, kPartialSums, {}, [&](const Expr&, const Expr& p) {
      return loops::store(s, {p}, f(loops::load(s, {p}), loops::load(t, {p})));
    });
  };
  statements.push_back(clear(s));
  for (int64_t from = 0; from < n; from += kPieceTerms) {
    statements.push_back(clear(t));
    statements.push_back(terms(Expr(from), std::min(kPieceTerms, n - from)));
    statements.push_back(collect());
  }
  return kept(fold_lanes(r.function, s));
}

// The 16 partial results side by side in lanes.
Expr SpellOut::across(const Reduce& r, ElementType type) {
  const Expr& operand = r.operands[0];
  const Axis& axis = r.axes[0];
  const Dim n = axis.extent;
  const Expr id = loops::identity_of(r.function, type);
  const auto f = [&](const Expr& a, const Expr& b) { return apply(r.function, {a, b}); };
  const auto lanes = [&](const Expr& from, int64_t count, const Expr& end,
                         const std::function<Stmt(const Expr&, const Expr&)>& body) {
    return over_lanes(from, count, end, body);
  };
  const BufferPtr t = buffer("t", type, kPartialSums, Scope::Registers);
  SpellOut before(ranges_, target_, fresh_, scratch_);  // reductions inside that the lanes share
  const Expr shared = before.without(operand, axis.variable);
  const auto term = [&](const Expr& l, const Expr& p) {
    return loops::store(t, {p}, f(loops::load(t, {p}), substitute(shared, axis.variable, l)));
  };
  statements.insert(statements.end(), before.statements.begin(), before.statements.end());
  allocations_.insert(allocations_.end(), before.allocations_.begin(), before.allocations_.end());
  const auto clear = [&](const BufferPtr& b) {
    return lanes(Expr(int64_t{0}), kPartialSums, {},
                 [&](const Expr&, const Expr& p) { return loops::store(b, {p}, id); });
  };
  int nodes = 0;
  each_node(shared, [&](const Expr&) { return ++nodes; });
  const int64_t unroll = nodes <= kFewNodes ? kUnrolled : 1;
  const auto piece = [&](const Expr& from, const Expr& end, std::optional<int64_t> terms) {
    std::vector<Stmt> s{clear(t)}, body;
    const std::string i = fresh_("i");
    if (terms) {
      const int64_t whole = *terms / kPartialSums * kPartialSums, step = kPartialSums * unroll;
      const auto some = [&](const Expr& first, int64_t last) {
        for (int64_t u = 0; u < last; u += kPartialSums)
          s.push_back(lanes(first + Expr(u), kPartialSums, {}, term));
      };
      const int64_t looped = whole / step * step;
      if (looped) {
        std::swap(s, body);
        some(from + loops::variable(i), step);
        std::swap(s, body);
        s.push_back(serial(i, Expr(int64_t{0}), Expr(looped), loops::block(body), step));
      }
      some(from + Expr(looped), whole - looped);
      if (*terms > whole) s.push_back(lanes(from + Expr(whole), *terms - whole, {}, term));
    } else {
      const std::string v = fresh_("whole");
      const Expr whole = loops::variable(v);
      s.push_back(loops::let(
          v, from + floor_div(end - from, Expr(kPartialSums)) * Expr(kPartialSums),
          loops::block(
              {serial(i, from, whole, lanes(loops::variable(i), kPartialSums, {}, term), kPartialSums),
               lanes(whole, kPartialSums, end, term)})));
    }
    return loops::block(s);
  };
  const auto literal = n.as_literal();
  if (literal && *literal <= kPieceTerms) {
    statements.push_back(piece(Expr(int64_t{0}), {}, *literal));
    return kept(fold_lanes(r.function, t));
  }
  const BufferPtr s = buffer("s", type, kPartialSums, Scope::Registers);
  const auto collect = [&](const BufferPtr& from) {
    return lanes(Expr(int64_t{0}), kPartialSums, {}, [&](const Expr&, const Expr& p) {
      return loops::store(s, {p}, f(loops::load(s, {p}), loops::load(from, {p})));
    });
  };
  statements.push_back(clear(s));
  const std::string from = fresh_("piece");
  const Expr start = loops::variable(from);
  if (literal) {
    // Pieces are chains that do not depend on each other: where these are slow several abreast, then
    // collected in their order.
    const bool slow = r.function == Function::Max || r.function == Function::Min;
    const int64_t pieces = *literal / kPieceTerms, together = slow && pieces >= kAbreast ? kAbreast : 1;
    const int64_t whole = pieces / together * together * kPieceTerms;
    std::vector<std::vector<BufferPtr>> own{{t}};
    for (int64_t i = 1; i < together; ++i)
      own[0].push_back(buffer("t", type, kPartialSums, Scope::Registers));
    std::vector<Stmt> some{
        abreast(piece(start, {}, kPieceTerms), from, start, together, own, fresh_, kPieceTerms)};
    for (const BufferPtr& each : own[0]) some.push_back(collect(each));
    statements.push_back(
        serial(from, Expr(int64_t{0}), Expr(whole), loops::block(some), together * kPieceTerms));
    for (int64_t at = whole; at < *literal; at += kPieceTerms) {
      statements.push_back(piece(Expr(at), {}, std::min(kPieceTerms, *literal - at)));
      statements.push_back(collect(t));
    }
  } else {
    const std::string e = fresh_("end");
    const Expr end = loops::variable(e);
    statements.push_back(
        serial(from, Expr(int64_t{0}), loops::size(n),
               loops::let(e, apply(Function::Min, {start + Expr(kPieceTerms), loops::size(n)}),
                          loops::block({piece(start, end, std::nullopt), collect(t)})),
               kPieceTerms));
  }
  return kept(fold_lanes(r.function, s));
}

}  // namespace tauto
