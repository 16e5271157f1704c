// Bottom-up, one pass: children first, then whatever applies at the node until nothing does. Nodes are
// interned, so that the same expression is the same node and `x - x` is seen by identity.
//
// Variables are unique among those in scope, not in the whole kernel; the ranges met so far are kept for all
// of it, and what was remembered is forgotten where a name comes back with another range.
#include "loops/simplify.h"

#include <cmath>
#include <limits>
#include <unordered_map>

#include "loops/arithmetic.h"
#include "loops/identity.h"
#include "loops/rules.h"
#include "loops/values.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

constexpr int64_t kMaxIndexWeight = 400;  // index expressions are walked as trees
constexpr int kMaxRewrites = 64;  // at one node; rules make expressions smaller or simpler, this is a net

// Every value of `from` is one of `to`.
bool holds(ElementType to, ElementType from) {
  if (from.is_bool()) return !to.is_bool();
  if (to.is_bool()) return false;
  const auto digits = [](ElementType t) { return t == f64 ? 53 : t == f32 ? 24 : t == f16 ? 11 : 8; };
  if (from.is_float()) {
    if (!to.is_float()) return false;
    return to == f64 || to == from || (to == f32 && from.bits == 16);
  }
  const int bits = from.bits - from.is_signed();
  if (to.is_float()) return bits <= digits(to);
  if (from.is_signed() && !to.is_signed()) return false;
  return bits <= to.bits - to.is_signed();
}

// convert<to>(convert<by>(x)) is convert<to>(x).
bool may_skip(ElementType to, ElementType by, ElementType x) {
  if (!holds(by, x)) return false;
  // Integers wrap, floats saturate: not the same way down.
  return x.is_float() || !by.is_float() || to.is_float() || to.is_bool() || to == x || holds(to, x);
}

template <Function F>
Expr fold(ElementType type, const uint64_t* x) {
  if constexpr (F == Function::Choose)
    return {};
  else
    return visit_type(type, [&](auto t) -> Expr {
      using T = decltype(t);
      if constexpr (is_defined(F, kElementOf<T>)) {
        const auto v = value<F, T>(as<T>(x[0]), as<T>(x[1]), as<T>(x[2]));
        if (is_nan(v)) return number(type, std::numeric_limits<double>::quiet_NaN());
        return literal(gives_bool(F) ? boolean : type, bits_of(v));
      }
      return {};
    });
}

// A function of literals.
Expr fold(const Apply& a) {
  uint64_t x[3] = {};
  for (size_t i = 0; i < a.arguments.size(); ++i) {
    const Literal* l = a.arguments[i].as<Literal>();
    if (!l) return {};
    x[i] = l->bits;
  }
  if (a.function == Function::FloorDiv && static_cast<int64_t>(x[1]) <= 0) return {};
  switch (a.function) {
#define TAUTO_X(name, text, arity) \
  case Function::name:             \
    return fold<Function::name>(a.arguments[0].type(), x);
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
  }
  return {};
}

class Simplifier {
 public:
  explicit Simplifier(const Ranges& ranges) : ranges_(ranges) {}

  Expr expr(const Expr& e) {
    if (const auto found = done_.find(e.get()); found != done_.end()) return found->second.second;
    Expr now = intern(std::visit([&](const auto& node) { return children(e, node); }, e->node));
    if (const auto found = done_.find(now.get()); found != done_.end()) {
      now = found->second.second;
    } else {
      const Expr first = now;
      done_.emplace(first.get(), std::pair(first, first));  // should a rule lead back here
      for (int i = 0; i < kMaxRewrites; ++i) {
        const Expr next = step(now);
        if (!next.defined() || next.get() == now.get()) break;
        now = next;
      }
      done_.insert_or_assign(first.get(), std::pair(first, now));
      done_.emplace(now.get(), std::pair(now, now));
    }
    done_.insert_or_assign(e.get(), std::pair(e, now));
    return now;
  }

  Stmt stmt(const Stmt& s) {
    return std::visit([&](const auto& node) { return simple(node); }, s->node);
  }

 private:
  // ---- nodes ----------------------------------------------------------------------------------------------

  // One node for equal ones. Children are interned already, so they are keys by address.
  Expr intern(const Expr& e) {
    std::string key = cat(e->node.index(), " ", e.type());
    const auto child = [&](const Expr& c) { key += cat(" ", reinterpret_cast<uint64_t>(c.get())); };
    if (const Literal* l = e.as<Literal>()) key += cat(" ", l->bits);
    if (const Variable* v = e.as<Variable>()) key += " " + v->name;
    if (const Size* s = e.as<Size>()) key += cat(" ", s->dim);
    if (const Convert* c = e.as<Convert>()) child(c->from);
    if (const Bits* b = e.as<Bits>()) child(b->from);
    if (const Apply* a = e.as<Apply>()) {
      key += cat(" ", static_cast<int>(a->function));
      for (const Expr& x : a->arguments) child(x);
    }
    if (const Load* l = e.as<Load>()) {
      key += cat(" ", reinterpret_cast<uint64_t>(l->buffer.get()));
      for (const Expr& x : l->index) child(x);
    }
    if (const Probe* p = e.as<Probe>()) {
      key += cat(" ", reinterpret_cast<uint64_t>(p->buffer.get()));
      child(p->value);
      for (const Expr& x : p->index) child(x);
    }
    if (const Reduce* r = e.as<Reduce>()) {
      key += cat(" ", static_cast<int>(r->order), " ", static_cast<int>(r->function));
      for (const Axis& a : r->axes) key += cat(" ", a.variable, " < ", a.extent);
      for (const Expr& x : r->operands) child(x);
      if (r->guard.defined()) child(r->guard);
    }
    return nodes_.emplace(std::move(key), e).first->second;
  }

  // Nodes of the tree that a simple e unfolds to.
  int64_t weight(const Expr& e) {
    const Apply* a = e.as<Apply>();
    if (!a) return 1;
    const auto [at, fresh] = weights_.emplace(e.get(), std::pair(e, 1));
    if (!fresh) return at->second.second;
    int64_t w = 1;
    for (const Expr& x : a->arguments) w = std::min<int64_t>(w + weight(x), 1 << 30);
    return weights_.at(e.get()).second = w;
  }

  std::vector<Expr> all(const std::vector<Expr>& from) {
    std::vector<Expr> to;
    for (const Expr& e : from) to.push_back(expr(e));
    return to;
  }

  Expr children(const Expr& e, const Literal&) { return e; }
  Expr children(const Expr& e, const Size&) { return e; }
  Expr children(const Expr& e, const Variable&) { return e; }
  Expr children(const Expr&, const Load& l) { return load(l.buffer, all(l.index)); }
  Expr children(const Expr&, const Apply& a) { return apply(a.function, all(a.arguments)); }
  Expr children(const Expr& e, const Convert& c) { return convert(expr(c.from), e.type()); }
  Expr children(const Expr& e, const Bits& b) { return bits(expr(b.from), e.type()); }
  Expr children(const Expr&, const Reduce& r) {
    for (const Axis& a : r.axes) bind(a.variable, below(a.extent));
    return reduce(r.order, r.function, r.axes, all(r.operands), r.guard.defined() ? expr(r.guard) : Expr());
  }

  Expr children(const Expr&, const Probe& p) { return probe(expr(p.value), p.buffer, all(p.index)); }

  // A simpler expression in place of e, whose children are simple, or nothing.
  Expr step(const Expr& e) {
    Expr next;
    if (const Apply* a = e.as<Apply>()) {
      if (a->arguments[0].type() == i64 && weight(e) > kMaxIndexWeight) return {};
      next = fold(*a);
      if (!next.defined()) next = apply_rules(e, ranges_);
      if (!next.defined()) next = decided(e, *a);
      if (!next.defined()) next = affine(e);
    }
    if (const Convert* c = e.as<Convert>()) next = conversion(e.type(), *c);
    if (const Bits* b = e.as<Bits>())
      if (const Bits* inner = b->from.as<Bits>()) next = bits(inner->from, e.type());
    if (const Reduce* r = e.as<Reduce>()) next = reduction(*r);
    return next.defined() && next.get() != e.get() ? expr(next) : Expr();
  }

  Expr decided(const Expr& e, const Apply& a) {
    if (!e.type().is_bool() || a.arguments[0].type() != i64) return {};
    const std::optional<bool> known = decide(e, ranges_);
    return known ? truth(*known) : Expr();
  }

  // Where all ranges are known nothing wraps.
  Expr affine(const Expr& e) {
    if (e.type() != i64 || !range_of(e, ranges_)) return {};
    const std::optional<Affine> a = affine_of(e, ranges_);
    if (!a) return {};
    const Expr canonical = expr_of(*a);
    return weight(canonical) <= weight(e) ? canonical : Expr();
  }

  Expr conversion(ElementType to, const Convert& c) {
    if (const Literal* l = c.from.as<Literal>()) return literal(to, converted(l->bits, c.from.type(), to));
    const Convert* inner = c.from.as<Convert>();
    if (!inner || !may_skip(to, c.from.type(), inner->from.type())) return {};
    return convert(inner->from, to);
  }

  // Axes of one value are no axes; without a term it is the identity, of one term that term.
  Expr reduction(const Reduce& r) {
    const ElementType type = r.operands[0].type();
    const Expr identity = identity_of(r.function, type);
    std::vector<Axis> axes;
    std::vector<Expr> operands = r.operands;
    Expr guard = r.guard;
    for (const Axis& a : r.axes) {
      if (a.extent == Dim(0)) return identity;
      if (a.extent != Dim(1)) {
        axes.push_back(a);
        continue;
      }
      for (Expr& x : operands) x = substitute(x, a.variable, 0);
      if (guard.defined()) guard = substitute(guard, a.variable, 0);
    }
    if (guard.defined() && guard.as<Literal>()) return identity;  // false: true is left out when it is made
    if (!axes.empty())
      return axes.size() == r.axes.size() ? Expr() : reduce(r.order, r.function, axes, operands, guard);
    Expr term =
        is_product(r.function) ? apply(r.function, {operands[0], operands[1], identity}) : operands[0];
    if (r.function == Function::Add || r.order == Order::Blocks)
      term = apply(Function::Add, {number(type, 0), term});
    return guard.defined() ? select(guard, term, identity) : term;
  }

  // ---- ranges ---------------------------------------------------------------------------------------------

  void bind(const std::string& variable, const std::optional<Range>& range) {
    const auto found = ranges_.find(variable);
    if (found == ranges_.end() ? !range : range == found->second) return;
    if (found != ranges_.end()) done_.clear();  // what was found without a range stays true
    ranges_.erase(variable);
    if (range) ranges_.emplace(variable, *range);
  }

  // ---- statements -----------------------------------------------------------------------------------------

  static bool is_empty(const Stmt& s) {
    const Block* b = s->as<Block>();
    return b && b->stmts.empty();
  }

  Stmt simple(const Store& s) { return store(s.buffer, all(s.index), expr(s.value)); }
  Stmt simple(const Block& b) {
    std::vector<Stmt> stmts;
    for (const Stmt& s : b.stmts) stmts.push_back(stmt(s));
    return block(std::move(stmts));
  }
  Stmt simple(const If& i) {
    const Expr condition = expr(i.condition);
    if (const Literal* l = condition.as<Literal>(); l && !l->bits) return block({});
    const Stmt then = stmt(i.then);
    return is_empty(then) ? then : guard(condition, then);
  }
  Stmt simple(const Allocate& a) {
    const Stmt body = stmt(a.body);
    return is_empty(body) ? body : allocate(a.buffer, body);
  }

  Stmt simple(const Let& l) {
    const Expr value = expr(l.value);
    if (value.as<Literal>() || value.as<Size>() || value.as<Variable>())
      return stmt(substitute(l.body, l.variable, value));
    bind(l.variable, value.type() == i64 ? range_of(value, ranges_) : std::nullopt);
    const Stmt body = stmt(l.body);
    return is_empty(body) || !mentions(body, l.variable) ? body : let(l.variable, value, body);
  }
  static bool mentions(const Stmt& s, const std::string& variable) {
    bool found = false;
    each_node(
        s,
        [&](const Expr& e) {
          const Variable* v = e.as<Variable>();
          found |= v && v->name == variable;
        },
        [](const Stmt&) {});
    return found;
  }

  Stmt simple(const For& f) {
    const Expr from = expr(f.from), to = expr(f.to);
    const std::optional<Range> first = range_of(from, ranges_), end = range_of(to, ranges_);
    if (decide(apply(Function::LessEqual, {to, from}), ranges_) == true) return block({});
    const bool once = decide(apply(Function::LessEqual, {to, from + Expr(f.step)}), ranges_) == true &&
                      decide(less(from, to), ranges_) == true;
    if (once && f.kind != LoopKind::Parallel) return stmt(substitute(f.body, f.variable, from));
    bind(f.variable, first && end ? std::optional(Range{first->lo, end->hi - 1}) : std::nullopt);
    const Stmt body = stmt(f.body);
    return is_empty(body) ? body : loop(f.kind, f.variable, from, to, body, f.step);
  }

  Ranges ranges_;
  std::unordered_map<const ExprNode*, std::pair<Expr, Expr>> done_;  // keys are kept alive
  std::unordered_map<const ExprNode*, std::pair<Expr, int64_t>> weights_;
  std::unordered_map<std::string, Expr> nodes_;
};

}  // namespace

Expr simplify(const Expr& e, const Ranges& ranges) { return Simplifier(ranges).expr(e); }
Stmt simplify(const Stmt& s, const Ranges& ranges) { return Simplifier(ranges).stmt(s); }
Kernel simplify(Kernel k) {
  k.body = simplify(k.body);
  return k;
}

}  // namespace tauto::loops
