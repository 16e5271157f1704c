// Walks. Expressions are graphs with shared nodes: each node is rebuilt once per walk, and what
// did not change keeps its identity.
#include <unordered_map>
#include <unordered_set>

#include "loops/loops.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

class Rewriter {
 public:
  using OnExpr = std::function<Expr(const Expr&)>;
  using OnStmt = std::function<Stmt(const Stmt&)>;
  Rewriter(const OnExpr& on_expr, const OnStmt& on_stmt) : on_expr_(on_expr), on_stmt_(on_stmt) {}

  Expr expr(const Expr& e) {
    if (!e.defined()) return e;
    if (const auto found = done_.find(e.get()); found != done_.end()) return found->second.second;
    const Expr with = children(e);
    const Expr changed = on_expr_ ? on_expr_(with) : Expr();
    const Expr result = changed.defined() ? changed : with;
    CHECK(result.type() == e.type(), "rewritten from ", e.type(), " to ", result.type());
    done_.emplace(e.get(), std::pair(e, result));
    return result;
  }

  Stmt stmt(const Stmt& s) {
    const Stmt with = std::visit([&](const auto& node) { return parts(s, node); }, s->node);
    const Stmt changed = on_stmt_ ? on_stmt_(with) : nullptr;
    return changed ? changed : with;
  }

 private:
  // Nothing if nothing changed.
  std::optional<std::vector<Expr>> all(const std::vector<Expr>& from) {
    std::vector<Expr> to;
    for (size_t i = 0; i < from.size(); ++i) {
      Expr now = expr(from[i]);
      if (to.empty() && now.get() != from[i].get()) to.assign(from.begin(), from.end());
      if (!to.empty()) to[i] = std::move(now);
    }
    return to.empty() ? std::nullopt : std::optional(std::move(to));
  }

  Expr children(const Expr& e) {
    if (const Load* l = e.as<Load>()) {
      auto index = all(l->index);
      return index ? load(l->buffer, std::move(*index)) : e;
    }
    if (const Apply* a = e.as<Apply>()) {
      auto arguments = all(a->arguments);
      return arguments ? apply(a->function, std::move(*arguments)) : e;
    }
    if (const Convert* c = e.as<Convert>()) {
      const Expr from = expr(c->from);
      return from.get() == c->from.get() ? e : convert(from, e.type());
    }
    if (const Bits* b = e.as<Bits>()) {
      const Expr from = expr(b->from);
      return from.get() == b->from.get() ? e : bits(from, e.type());
    }
    if (const Reduce* r = e.as<Reduce>()) {
      auto operands = all(r->operands);
      const Expr guard = expr(r->guard);
      if (!operands && guard.get() == r->guard.get()) return e;
      return reduce(r->order, r->function, r->axes, operands ? std::move(*operands) : r->operands, guard);
    }
    if (const Probe* p = e.as<Probe>()) {
      const Expr value = expr(p->value);
      auto index = all(p->index);
      if (!index && value.get() == p->value.get()) return e;
      return probe(value, p->buffer, index ? std::move(*index) : p->index);
    }
    return e;
  }

  Stmt parts(const Stmt& s, const Store& n) {
    auto index = all(n.index);
    const Expr value = expr(n.value);
    if (!index && value.get() == n.value.get()) return s;
    return store(n.buffer, index ? std::move(*index) : n.index, value);
  }
  Stmt parts(const Stmt& s, const For& n) {
    const Expr from = expr(n.from), to = expr(n.to);
    const Stmt body = stmt(n.body);
    const bool same = from.get() == n.from.get() && to.get() == n.to.get() && body == n.body;
    return same ? s : loop(n.kind, n.variable, from, to, body, n.step);
  }
  Stmt parts(const Stmt& s, const Block& n) {
    bool same = true;
    std::vector<Stmt> stmts;
    for (const Stmt& child : n.stmts) {
      stmts.push_back(stmt(child));
      same &= stmts.back() == child;
    }
    return same ? s : block(std::move(stmts));
  }
  Stmt parts(const Stmt& s, const If& n) {
    const Expr condition = expr(n.condition);
    const Stmt then = stmt(n.then);
    return condition.get() == n.condition.get() && then == n.then ? s : guard(condition, then);
  }
  Stmt parts(const Stmt& s, const Let& n) {
    const Expr value = expr(n.value);
    const Stmt body = stmt(n.body);
    return value.get() == n.value.get() && body == n.body ? s : let(n.variable, value, body);
  }
  Stmt parts(const Stmt& s, const Allocate& n) {
    const Stmt body = stmt(n.body);
    return body == n.body ? s : allocate(n.buffer, body);
  }

  const OnExpr& on_expr_;
  const OnStmt& on_stmt_;
  std::unordered_map<const ExprNode*, std::pair<Expr, Expr>> done_;  // the original is kept alive
};

std::function<Expr(const Expr&)> replacing(const std::string& variable, const Expr& value) {
  return [&variable, &value](const Expr& e) {
    const Variable* v = e.as<Variable>();
    return v && v->name == variable ? value : Expr();
  };
}

}  // namespace

Expr rewrite(const Expr& e, const std::function<Expr(const Expr&)>& f) {
  const std::function<Stmt(const Stmt&)> none;
  return Rewriter(f, none).expr(e);
}

Stmt rewrite(const Stmt& s, const std::function<Expr(const Expr&)>& on_expr,
             const std::function<Stmt(const Stmt&)>& on_stmt) {
  return Rewriter(on_expr, on_stmt).stmt(s);
}

Expr substitute(const Expr& e, const std::string& variable, const Expr& value) {
  return rewrite(e, replacing(variable, value));
}

Stmt substitute(const Stmt& s, const std::string& variable, const Expr& value) {
  return rewrite(s, replacing(variable, value), {});
}

void each_child(const Expr& e, const std::function<void(const Expr&)>& f) {
  if (const Load* l = e.as<Load>())
    for (const Expr& x : l->index) f(x);
  if (const Apply* a = e.as<Apply>())
    for (const Expr& x : a->arguments) f(x);
  if (const Convert* c = e.as<Convert>()) f(c->from);
  if (const Bits* b = e.as<Bits>()) f(b->from);
  if (const Reduce* r = e.as<Reduce>()) {
    for (const Expr& x : r->operands) f(x);
    if (r->guard.defined()) f(r->guard);
  }
  if (const Probe* p = e.as<Probe>()) {
    f(p->value);
    for (const Expr& x : p->index) f(x);
  }
}

void each_node(const Expr& e, const std::function<bool(const Expr&)>& f) {
  std::unordered_set<const ExprNode*> seen;
  const std::function<void(const Expr&)> walk = [&](const Expr& x) {
    if (seen.insert(x.get()).second && f(x)) each_child(x, walk);
  };
  if (e.defined()) walk(e);
}

void each_node(const Stmt& s, const std::function<void(const Expr&)>& on_expr,
               const std::function<void(const Stmt&)>& on_stmt) {
  rewrite(
      s,
      [&](const Expr& e) {
        on_expr(e);
        return Expr();
      },
      [&](const Stmt& x) {
        on_stmt(x);
        return Stmt();
      });
}

bool any_node(const Expr& e, const std::function<bool(const Expr&)>& f) {
  bool found = false;
  each_node(e, [&](const Expr& x) {
    found = found || f(x);
    return !found;
  });
  return found;
}

bool mentions(const Expr& e, const std::string& variable) {
  return any_node(e, [&](const Expr& x) {
    const Variable* v = x.as<Variable>();
    return v && v->name == variable;
  });
}

}  // namespace tauto::loops
