// Faults of lowering and schedule: tensor expressions and scheduled loops, rewritten at one place.
#include "compile/fault_sites.h"
#include "support/error.h"

namespace tauto::faults {

using loops::Apply;
using loops::Axis;
using loops::Expr;
using loops::For;
using loops::Function;
using loops::Load;
using loops::Reduce;
using loops::Stmt;
using loops::Store;

namespace {

// Walks `body`; f gives what stands for an expression or statement if it is a place, else nothing.
Made<Stmt> at_place(const Stmt& body, size_t at,
                    const std::function<Expr(const Expr&, std::string&)>& of_expr,
                    const std::function<Stmt(const Stmt&, std::string&)>& of_stmt) {
  Made<Stmt> r;
  const auto take = [&](const auto& from, const auto& f) -> std::decay_t<decltype(from)> {
    if (!f) return {};
    std::string what;
    auto to = f(from, what);
    const bool is_place = static_cast<bool>(to.get());
    if (!is_place || r.places++ != at) return {};
    r.what = what;
    return to;
  };
  const Stmt s = rewrite(
      body, [&](const Expr& e) { return take(e, of_expr); }, [&](const Stmt& x) { return take(x, of_stmt); });
  if (at < r.places) r.made = s;
  return r;
}

std::string text(const auto& x) { return loops::text_of(x).substr(0, 120); }

bool is_epilogue(Function f) {
  return f == Function::Add || f == Function::Sub || f == Function::Mul || f == Function::Max ||
         f == Function::Min || f == Function::Greater2 || f == Function::Lesser2;
}

bool is_small(const Expr& e) { return e.as<Load>() || e.as<loops::Literal>() || e.as<loops::Convert>(); }

Expr negated(const Expr& e) {
  const auto* l = e.as<loops::Literal>();
  if (!l || !e.type().is_float() || l->bits == 0) return {};
  return loops::literal(e.type(), l->bits ^ (uint64_t{1} << (e.type().bits - 1)));
}

// The condition on indices, one short at an end; nothing if there is none.
Expr narrowed(const Expr& condition, std::string& what) {
  const auto* a = condition.as<Apply>();
  if (!a || a->arguments.size() != 2) return {};
  const Expr &x = a->arguments[0], &y = a->arguments[1];
  if (a->function == Function::And) {
    if (const Expr r = narrowed(y, what); r.defined()) return both(x, r);
    const Expr l = narrowed(x, what);
    return l.defined() ? both(l, y) : Expr();
  }
  if (!(x.type() == i64)) return {};
  what = cat(text(condition), ", one short");
  if (a->function == Function::Less) return less(x, y - Expr(1));
  return a->function == Function::LessEqual ? less(x, y) : Expr();
}

Expr in_expr(FaultKind kind, const Expr& e, const std::set<const loops::Buffer*>& constants,
             std::string& what) {
  const auto* a = e.as<Apply>();
  const std::vector<Expr>* x = a ? &a->arguments : nullptr;
  const auto is = [&](Function f) { return a && a->function == f; };
  switch (kind) {
    case FaultKind::SkippedBias: {
      if (!is(Function::Add) || !e.type().is_float()) return {};
      for (const size_t i : {size_t{1}, size_t{0}}) {
        const auto* l = (*x)[i].as<Load>();
        if (!l || !constants.count(l->buffer.get())) continue;
        what = cat("no ", text((*x)[i]), " is added");
        return (*x)[1 - i];
      }
      return {};
    }
    case FaultKind::LostTerm: {
      const auto* r = e.as<Reduce>();
      if (!r) return {};
      std::vector<Axis> axes = r->axes;
      for (Axis& axis : axes) {  // the outermost that can spare one
        if (!axis.extent.is_literal() || axis.extent.literal() < 2) continue;
        axis.extent = axis.extent - 1;
        what = cat("a reduction over ", axis.variable, " < ", axis.extent, ", one term short");
        return loops::reduce(r->order, r->function, axes, r->operands, r->guard);
      }
      return {};
    }
    case FaultKind::WrongOrder: {
      if (!a || x->size() != 2 || !e.type().is_float() || !is_epilogue(a->function)) return {};
      const auto* inner = (*x)[0].as<Apply>();
      if (!inner || inner->arguments.size() != 2 || !is_epilogue(inner->function) ||
          inner->function == a->function || !is_small((*x)[1]) || !is_small(inner->arguments[1]))
        return {};
      what = cat(loops::text_of(a->function), " before ", loops::text_of(inner->function));
      return apply(inner->function,
                   {apply(a->function, {inner->arguments[0], (*x)[1]}), inner->arguments[1]});
    }
    case FaultKind::WrongStride: {
      const auto* l = e.as<Load>();
      if (!l) return {};
      for (size_t d = 0; d < l->index.size(); ++d) {
        if (literal_index(l->index[d]) || l->buffer->dims[d] == Dim(1)) continue;
        std::vector<Expr> index = l->index;
        index[d] = Expr(int64_t{0});
        what = cat(text(e), " with index ", d, " left out");
        return loops::load(l->buffer, index);
      }
      return {};
    }
    case FaultKind::WrongPad: {
      if (const auto* r = e.as<Reduce>()) {
        const Expr guard = r->guard.defined() ? narrowed(r->guard, what) : Expr();
        return guard.defined() ? loops::reduce(r->order, r->function, r->axes, r->operands, guard) : Expr();
      }
      if (!is(Function::Choose) || !(*x)[2].as<loops::Literal>()) return {};
      const Expr c = narrowed((*x)[0], what);
      return c.defined() ? select(c, (*x)[1], (*x)[2]) : Expr();
    }
    case FaultKind::WrongRounding:
      if (!is(Function::RoundEven)) return {};
      what = "floor instead of round_even";
      return apply(Function::Floor, {(*x)[0]});
    case FaultKind::SwappedOperands:
      if (!(is(Function::Sub) || is(Function::Div)) || !e.type().is_float()) return {};
      what = text(e);
      return apply(a->function, {(*x)[1], (*x)[0]});
    case FaultKind::WrongSign: {
      const Expr n = negated(e);
      if (n.defined()) what = cat("-(", text(e), ")");
      return n;
    }
    default:
      return {};
  }
}

// Does the statement add to what it stores?
bool accumulates(const Stmt& s) {
  bool found = false;
  each_node(
      s, [](const Expr&) {},
      [&](const Stmt& x) {
        const auto* st = x->as<Store>();
        found = found ||
                (st && st->buffer->scope != loops::Scope::Argument && any_node(st->value, [&](const Expr& e) {
                   const auto* l = e.as<Load>();
                   return l && l->buffer == st->buffer;
                 }));
      });
  return found;
}

Stmt in_stmt(FaultKind kind, const Stmt& s, std::string& what) {
  if (kind == FaultKind::LostBlock) {
    const auto* st = s->as<Store>();
    const auto* sum = st ? st->value.as<Apply>() : nullptr;
    if (!sum || sum->function != Function::Add || st->buffer->scope == loops::Scope::Argument) return {};
    const auto *to = sum->arguments[0].as<Load>(), *part = sum->arguments[1].as<Load>();
    if (!to || !part || to->buffer != st->buffer || part->buffer->scope == loops::Scope::Argument) return {};
    what = text(s);
    return loops::block({});
  }
  const auto* f = s->as<For>();
  if (!f || f->kind != loops::LoopKind::Serial || !accumulates(f->body)) return {};
  const auto from = literal_index(f->from), to = literal_index(f->to);
  const auto range = [&](const Expr& begin, const Expr& end) {
    return loops::loop(f->kind, f->variable, begin, end, f->body, f->step);
  };
  const int64_t trips = from && to ? (*to - *from + f->step - 1) / f->step : 0;
  if (kind == FaultKind::LostTail) {
    if (trips == 1) return {};
    what = cat("for ", f->variable, " in ", text(f->from), " .. ", text(f->to), ", one trip short");
    return range(f->from, trips ? Expr(*from + (trips - 1) * f->step) : f->to - Expr(f->step));
  }
  if (trips < 2) return {};
  const int64_t lost = trips / 2;
  what = cat("for ", f->variable, " in ", *from, " .. ", *to, ", without trip ", lost);
  return loops::block(
      {range(f->from, Expr(*from + lost * f->step)), range(Expr(*from + (lost + 1) * f->step), f->to)});
}

}  // namespace

Made<Stmt> in_expression(FaultKind kind, const Stmt& body, const std::set<const loops::Buffer*>& constants,
                         size_t at) {
  return at_place(body, at,
                  [&](const Expr& e, std::string& what) { return in_expr(kind, e, constants, what); }, {});
}

Made<Stmt> in_loops(FaultKind kind, const Stmt& body, size_t at) {
  return at_place(body, at, {}, [&](const Stmt& s, std::string& what) { return in_stmt(kind, s, what); });
}

}  // namespace tauto::faults
