// Unrolling an outer loop and joining the loops inside it, see abreast.h.
#include "schedule/abreast.h"

#include <map>

namespace tauto {

using loops::BufferPtr;
using loops::Expr;
using loops::Stmt;

namespace {

using Fresh = std::function<std::string(const std::string&)>;

class Abreast {
 public:
  struct Iteration {
    std::map<std::string, Expr> variables;
    std::map<BufferPtr, BufferPtr> buffers;
  };
  Abreast(std::vector<Iteration> all, const Fresh& fresh) : all_(std::move(all)), fresh_(fresh) {}

  Stmt run(const Stmt& s) {
    return std::visit([&](const auto& n) { return parts(s, n); }, s->node);
  }

 private:
  Expr of(const Iteration& i, const Expr& e) const {
    return rewrite(e, [&](const Expr& x) { return replaced(i, x); });
  }
  Stmt of(const Iteration& i, const Stmt& s) const {
    return rewrite(
        s, [&](const Expr& x) { return replaced(i, x); },
        [&](const Stmt& x) -> Stmt {
          const auto* store = x->as<loops::Store>();
          if (!store) return nullptr;
          const auto at = i.buffers.find(store->buffer);
          return at == i.buffers.end() ? nullptr : loops::store(at->second, store->index, store->value);
        });
  }
  static Expr replaced(const Iteration& i, const Expr& x) {
    if (const auto* v = x.as<loops::Variable>()) {
      const auto at = i.variables.find(v->name);
      return at == i.variables.end() ? Expr() : at->second;
    }
    const auto* l = x.as<loops::Load>();
    if (!l) return {};
    const auto at = i.buffers.find(l->buffer);
    return at == i.buffers.end() ? Expr() : loops::load(at->second, l->index);
  }
  bool is_shared(const Expr& e) const {
    return !any_node(e, [&](const Expr& x) {
      const auto* l = x.as<loops::Load>();
      const auto* v = x.as<loops::Variable>();
      return (l && all_[1].buffers.count(l->buffer)) || (v && all_[1].variables.count(v->name));
    });
  }
  Stmt apart(const Stmt& s) {
    std::vector<Stmt> each;
    for (const Iteration& i : all_) each.push_back(of(i, s));
    return loops::block(each);
  }

  // Does one iteration take several instructions from what the one before left in registers?
  static bool is_slow_chain(const Stmt& s) {
    bool found = false;
    each_node(
        s, [](const Expr&) {},
        [&](const Stmt& x) {
          const auto* store = x->as<loops::Store>();
          if (!store || store->buffer->scope != loops::Scope::Registers) return;
          const auto* a = store->value.as<loops::Apply>();
          found =
              found || (a && (a->function == loops::Function::Max || a->function == loops::Function::Min));
        });
    return found;
  }

  Stmt parts(const Stmt& s, const loops::Store&) { return apart(s); }
  Stmt parts(const Stmt&, const loops::Block& n) {
    std::vector<Stmt> each;
    for (const Stmt& x : n.stmts) each.push_back(run(x));
    return loops::block(each);
  }
  Stmt parts(const Stmt& s, const loops::For& n) {
    if (n.kind == loops::LoopKind::Serial && !is_slow_chain(n.body)) return apart(s);
    if (!is_shared(n.from) || !is_shared(n.to)) return apart(s);
    return loops::loop(n.kind, n.variable, n.from, n.to, run(n.body), n.step);
  }
  Stmt parts(const Stmt& s, const loops::If& n) {
    return is_shared(n.condition) ? loops::guard(n.condition, run(n.then)) : apart(s);
  }
  Stmt parts(const Stmt&, const loops::Let& n) {
    if (is_shared(n.value)) return loops::let(n.variable, n.value, run(n.body));
    std::vector<std::pair<std::string, Expr>> values;
    for (Iteration& i : all_) {
      const std::string name = &i == all_.data() ? n.variable : fresh_(n.variable);
      values.emplace_back(name, of(i, n.value));
      i.variables[n.variable] = loops::variable(name, n.value.type());
    }
    Stmt body = run(n.body);
    for (auto v = values.rbegin(); v != values.rend(); ++v) body = loops::let(v->first, v->second, body);
    for (Iteration& i : all_) i.variables.erase(n.variable);
    return body;
  }
  Stmt parts(const Stmt&, const loops::Allocate& n) {
    std::vector<BufferPtr> copies;
    for (Iteration& i : all_) {
      copies.push_back(&i == all_.data() ? n.buffer : copy_of(*n.buffer, fresh_));
      i.buffers[n.buffer] = copies.back();
    }
    Stmt body = run(n.body);
    for (auto b = copies.rbegin(); b != copies.rend(); ++b) body = loops::allocate(*b, body);
    for (Iteration& i : all_) i.buffers.erase(n.buffer);
    return body;
  }

  std::vector<Iteration> all_;
  const Fresh& fresh_;
};

}  // namespace

BufferPtr copy_of(const loops::Buffer& b, const Fresh& fresh) {
  loops::Buffer copy = b;
  copy.name = fresh(b.name);
  return std::make_shared<const loops::Buffer>(copy);
}

Stmt abreast(const Stmt& s, const std::string& variable, const Expr& start, int64_t count,
             const std::vector<std::vector<BufferPtr>>& own, const Fresh& fresh, int64_t step) {
  if (count == 1) return substitute(s, variable, start);
  std::vector<Abreast::Iteration> all(static_cast<size_t>(count));
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].variables[variable] = start + Expr(step * static_cast<int64_t>(i));
    for (const std::vector<BufferPtr>& copies : own) all[i].buffers[copies[0]] = copies[i];
  }
  return Abreast(std::move(all), fresh).run(s);
}

}  // namespace tauto
