// Counting the work of a kernel, see profile.h.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "compile/bands.h"
#include "compile/profile.h"

namespace tauto {
namespace {

using loops::Expr;

class Counting {
 public:
  explicit Counting(const Env& env) : env_(env) {}

  Work run(const loops::Kernel& k) {
    walk(*k.body);
    Work w;
    w.flops = flops_;
    for (const auto& [buffer, touched] : touched_) {
      const double all = value(buffer->layout.elements);
      w.bytes += std::min(all, touched) * static_cast<double>(buffer->type.bytes());
    }
    return std::isfinite(w.flops) && std::isfinite(w.bytes) ? w : Work();
  }

 private:
  using Variables = std::set<std::string>;

  // Not a number where a size is not known.
  double value(const Dim& d) const {
    const auto v = evaluate(d, env_);
    return v ? static_cast<double>(*v) : std::nan("");
  }

  double times(const Variables& variables) const {
    double n = 1;
    for (const std::string& v : variables)
      if (const auto at = extents_.find(v); at != extents_.end()) n *= at->second;
    return n;
  }

  void walk(const loops::StmtNode& s) {
    if (const auto* f = s.as<loops::For>()) {
      const auto literal = literal_index(f->to);
      const auto* size = f->to.as<loops::Size>();
      extents_[f->variable] = literal ? static_cast<double>(*literal)
                              : size  ? value(size->dim)
                                      : std::nan("");
      walk(*f->body);
    } else if (const auto* b = s.as<loops::Block>()) {
      for (const loops::Stmt& x : b->stmts) walk(*x);
    } else if (const auto* store = s.as<loops::Store>()) {
      count(store->value);
      Variables at;
      for (const Expr& i : store->index) merge(at, count(i));
      touched_[store->buffer.get()] += times(at);
    }
  }

  static void merge(Variables& into, const Variables& from) { into.insert(from.begin(), from.end()); }

  // The loop variables that the value depends on: it is computed once for each of their values.
  const Variables& count(const Expr& e) {
    static const Variables none;
    if (!e.defined()) return none;
    const auto at = known_.find(e.get());
    if (at != known_.end()) return at->second;
    Variables v;
    if (const auto* x = e.as<loops::Variable>()) {
      v.insert(x->name);
    } else if (const auto* l = e.as<loops::Load>()) {
      for (const Expr& i : l->index) merge(v, count(i));
      touched_[l->buffer.get()] += times(v);
    } else if (const auto* a = e.as<loops::Apply>()) {
      bool of_index = true;
      for (const Expr& x : a->arguments) {
        merge(v, count(x));
        of_index &= is_index(x);
      }
      if (!of_index) flops_ += times(v) * (loops::is_product(a->function) ? 2 : 1);
    } else if (const auto* c = e.as<loops::Convert>()) {
      v = count(c->from);
      if (!is_index(c->from)) flops_ += times(v);
    } else if (const auto* b = e.as<loops::Bits>()) {
      v = count(b->from);
    } else if (const auto* p = e.as<loops::Probe>()) {
      v = count(p->value);
    } else if (const auto* r = e.as<loops::Reduce>()) {
      for (const loops::Axis& axis : r->axes) extents_[axis.variable] = value(axis.extent);
      for (const Expr& x : r->operands) merge(v, count(x));
      merge(v, count(r->guard));
      for (const loops::Axis& axis : r->axes) v.insert(axis.variable);
      flops_ += times(v) * (loops::is_product(r->function) ? 2 : 1);
      for (const loops::Axis& axis : r->axes) v.erase(axis.variable);
    }
    return known_[e.get()] = std::move(v);
  }

  // Where elements lie and which of them are there is no work: made of variables, sizes and literals.
  bool is_index(const Expr& e) {
    const auto at = index_.find(e.get());
    if (at != index_.end()) return at->second;
    bool r = false;
    if (e.as<loops::Variable>() || e.as<loops::Size>() || e.as<loops::Literal>()) {
      r = e.type() == i64 || e.type().is_bool();
    } else if (const auto* a = e.as<loops::Apply>()) {
      r = true;
      for (const Expr& x : a->arguments) r = r && is_index(x);
    } else if (const auto* c = e.as<loops::Convert>()) {
      r = is_index(c->from);
    }
    return index_[e.get()] = r;
  }

  const Env& env_;
  double flops_ = 0;
  std::map<std::string, double> extents_;
  std::map<const loops::Buffer*, double> touched_;  // elements that are asked for
  std::map<const loops::ExprNode*, Variables> known_;
  std::map<const loops::ExprNode*, bool> index_;
};

}  // namespace

Work work_of(const Group& g, const Env& env) {
  if (g.kind != Group::Kind::Kernel) return {};
  return Counting(env).run(whole_kernel(g));
}

}  // namespace tauto
