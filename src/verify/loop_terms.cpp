// A plain walk over statements and expressions. Values are remembered by node and by the values of the
// variables that the node depends on, unless it reads what the kernel writes.
#include "verify/loop_terms.h"

#include <algorithm>
#include <map>
#include <set>

#include "loops/reduction_order.h"
#include "support/error.h"
#include "verify/algebra.h"

namespace tauto::proof {
namespace {

using loops::Expr;
using loops::ExprNode;
using loops::Function;
using loops::Order;

class Evaluation {
 public:
  Evaluation(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes)
      : kernel_(k), sizes_(sizes) {
    CHECK(buffers.size() == k.buffers.size());
    for (size_t i = 0; i < buffers.size(); ++i) memory_[k.buffers[i].get()] = &buffers[i];
    find_written(k.body);
  }

  void run() { statement(kernel_.body); }

 private:
  int64_t number(const Dim& d) const {
    const auto v = evaluate(d, sizes_);
    CHECK(v.has_value(), "size ", text_of(d));
    return *v;
  }
  [[noreturn]] static void undecided(const char* what) { throw Undecided{what}; }

  // ---- what a node depends on ----
  struct Dependence {
    std::set<std::string> variables;
    bool changes = false;  // it reads a buffer that the kernel writes
  };
  void find_written(const loops::Stmt& s) {
    if (const auto* x = s->as<loops::Store>()) written_.insert(x->buffer.get());
    if (const auto* x = s->as<loops::For>()) find_written(x->body);
    if (const auto* x = s->as<loops::If>()) find_written(x->then);
    if (const auto* x = s->as<loops::Let>()) find_written(x->body);
    if (const auto* x = s->as<loops::Allocate>()) find_written(x->body);
    if (const auto* x = s->as<loops::Block>())
      for (const loops::Stmt& b : x->stmts) find_written(b);
  }
  const Dependence& dependence(const Expr& e) {
    if (const auto at = dependences_.find(e.get()); at != dependences_.end()) return at->second;
    Dependence d;
    each_child(e, [&](const Expr& x) {
      const Dependence& o = dependence(x);
      d.variables.insert(o.variables.begin(), o.variables.end());
      d.changes = d.changes || o.changes;
    });
    if (const auto* x = e.as<loops::Variable>()) d.variables.insert(x->name);
    if (const auto* x = e.as<loops::Load>()) d.changes = d.changes || written_.count(x->buffer.get()) != 0;
    if (const auto* x = e.as<loops::Reduce>())
      for (const loops::Axis& a : x->axes) d.variables.erase(a.variable);
    return dependences_[e.get()] = std::move(d);
  }

  // ---- expressions ----
  Term value(const Expr& e) {
    const Dependence& d = dependence(e);
    if (d.changes) return computed(e);
    std::pair<const ExprNode*, std::vector<uint32_t>> key{e.get(), {}};
    for (const std::string& v : d.variables) key.second.push_back(variables_.at(v).id);
    if (const auto at = memo_.find(key); at != memo_.end()) return at->second;
    const Term t = computed(e);
    memo_.emplace(std::move(key), t);
    return t;
  }

  int64_t index(const Expr& e) {
    const auto v = known(value(e));
    if (!v) undecided("an index that follows from elements");
    return *v;
  }

  Term computed(const Expr& e) {
    const ElementType t = e.type();
    if (const auto* x = e.as<loops::Literal>()) return literal(t, x->bits);
    if (const auto* x = e.as<loops::Variable>()) return variables_.at(x->name);
    if (const auto* x = e.as<loops::Size>()) return literal(i64, static_cast<uint64_t>(number(x->dim)));
    if (const auto* x = e.as<loops::Load>()) {
      std::optional<Term>& at = element(*x->buffer, x->index);
      if (!at) fail("kernel ", kernel_.name, ": an element of ", x->buffer->name, " was never written");
      return *at;
    }
    if (const auto* x = e.as<loops::Convert>()) return converted(value(x->from), t);
    if (const auto* x = e.as<loops::Bits>()) return same_bits(value(x->from), t);
    if (const auto* x = e.as<loops::Reduce>()) return reduced(*x, t);
    const auto* x = e.as<loops::Apply>();
    CHECK(x != nullptr);
    const Term a = value(x->arguments[0]);
    if (x->function == Function::Choose) {
      if (const auto c = known(a)) return value(x->arguments[*c != 0 ? 1 : 2]);
      return apply(Function::Choose, a, value(x->arguments[1]), value(x->arguments[2]));
    }
    if (t.is_bool() && known(a)) {  // conditions are lazy where it matters: a guard before a load
      if (x->function == Function::And && *known(a) == 0) return a;
      if (x->function == Function::Or && *known(a) != 0) return a;
    }
    const size_t n = x->arguments.size();
    return apply(x->function, a, n > 1 ? value(x->arguments[1]) : Term{},
                 n > 2 ? value(x->arguments[2]) : Term{});
  }

  std::optional<Term>& element(const loops::Buffer& b, const std::vector<Expr>& at) {
    std::vector<int64_t> i;
    for (size_t d = 0; d < at.size(); ++d) {
      i.push_back(index(at[d]));
      if (i[d] < 0 || i[d] >= number(b.dims[d]))
        fail("kernel ", kernel_.name, ": index ", i[d], " of dim ", d, " of ", b.name);
    }
    int64_t e = number(b.layout.offset);
    for (const loops::Layout::Part& p : b.layout.parts) {
      int64_t part = i[static_cast<size_t>(p.dim)] / p.divisor;
      if (p.modulus != 0) part %= p.modulus;
      e += part * number(p.stride);
    }
    std::vector<std::optional<Term>>& all = memory_.at(&b)->elements;
    CHECK(e >= 0 && e < static_cast<int64_t>(all.size()), "layout of ", b.name);
    return all[static_cast<size_t>(e)];
  }

  // ---- reductions: docs/semantics.md ----
  Term identity(Function f, ElementType t) const {
    if (f == Function::Mul) return t.is_float() ? term_number(t, 1) : literal(t, 1);
    if (f != Function::Max && f != Function::Min) return literal(t, 0);
    const double infinity = f == Function::Max ? -__builtin_inf() : __builtin_inf();
    if (t.is_float()) return term_number(t, infinity);
    return literal(t, f == Function::Max ? static_cast<uint64_t>(t.min_value()) : t.max_value());
  }

  template <class F>
  void each_term(const loops::Reduce& r, F f) {
    std::vector<int64_t> extents, at(r.axes.size(), 0);
    std::vector<std::optional<Term>> outer;
    for (const loops::Axis& a : r.axes) {
      extents.push_back(number(a.extent));
      if (extents.back() == 0) return;
      const auto v = variables_.find(a.variable);
      outer.push_back(v == variables_.end() ? std::nullopt : std::optional(v->second));
    }
    for (int64_t i = 0;; ++i) {
      for (size_t d = 0; d < at.size(); ++d)
        variables_[r.axes[d].variable] = literal(i64, static_cast<uint64_t>(at[d]));
      bool there = true;
      if (r.guard.defined()) there = index(r.guard) != 0;
      if (there) f(i);
      size_t d = at.size();
      while (d > 0 && ++at[d - 1] == extents[d - 1]) at[--d] = 0;
      if (d == 0) break;
    }
    for (size_t d = 0; d < at.size(); ++d)
      if (outer[d]) variables_[r.axes[d].variable] = *outer[d];
  }

  Term reduced(const loops::Reduce& r, ElementType t) {
    const Function f = r.function;
    const auto step = [&](Term acc) {
      const Term x = value(r.operands[0]);
      return f == Function::Fma ? apply(f, x, value(r.operands[1]), acc) : apply(f, acc, x);
    };
    const Term zero = identity(f, t);
    if (r.order == Order::Chain) {
      Term acc = zero;
      each_term(r, [&](int64_t) { acc = step(acc); });
      return acc;
    }
    if (r.order == Order::Blocks) {
      std::vector<int64_t> extents;
      for (const loops::Axis& a : r.axes) extents.push_back(number(a.extent));
      const BlockCut cut = block_cut(extents);
      Term sum = zero, acc = zero;
      int64_t block = 0;
      each_term(r, [&](int64_t i) {
        for (; block < i / (cut.steps * cut.inner); ++block) sum = apply(Function::Add, sum, acc), acc = zero;
        acc = step(acc);
      });
      return apply(Function::Add, sum, acc);
    }
    std::vector<Term> s(kPartialSums, zero), p(kPartialSums, zero);
    const auto end_piece = [&] {
      for (size_t k = 0; k < s.size(); ++k) s[k] = apply(f, s[k], p[k]), p[k] = zero;
    };
    int64_t piece = 0;
    each_term(r, [&](int64_t i) {
      for (; piece < i / kPieceTerms; ++piece) end_piece();
      Term& part = p[static_cast<size_t>(i % kPartialSums)];
      part = step(part);
    });
    end_piece();
    for (size_t half = kPartialSums / 2; half > 0; half /= 2)
      for (size_t k = 0; k < half; ++k) s[k] = apply(f, s[k], s[k + half]);
    return s[0];
  }

  // ---- statements ----
  void statement(const loops::Stmt& s) {
    if (const auto* x = s->as<loops::Store>()) {
      const Term v = value(x->value);
      element(*x->buffer, x->index) = v;
    } else if (const auto* f = s->as<loops::For>()) {
      const int64_t to = index(f->to);
      for (int64_t i = index(f->from); i < to; i += f->step) {
        variables_[f->variable] = literal(i64, static_cast<uint64_t>(i));
        statement(f->body);
      }
    } else if (const auto* b = s->as<loops::Block>()) {
      for (const loops::Stmt& inner : b->stmts) statement(inner);
    } else if (const auto* c = s->as<loops::If>()) {
      if (index(c->condition) != 0) statement(c->then);
    } else if (const auto* l = s->as<loops::Let>()) {
      variables_[l->variable] = value(l->value);
      statement(l->body);
    } else if (const auto* a = s->as<loops::Allocate>()) {
      SymbolicBuffer own{a->buffer->name, a->buffer->type, {}};
      own.elements.resize(static_cast<size_t>(number(a->buffer->layout.elements)));
      memory_[a->buffer.get()] = &own;
      statement(a->body);
      memory_.erase(a->buffer.get());
    }
  }

  const loops::Kernel& kernel_;
  const Env& sizes_;
  std::map<const loops::Buffer*, SymbolicBuffer*> memory_;
  std::set<const loops::Buffer*> written_;
  std::map<std::string, Term> variables_;
  std::map<const ExprNode*, Dependence> dependences_;
  std::map<std::pair<const ExprNode*, std::vector<uint32_t>>, Term> memo_;
};

}  // namespace

void evaluate_terms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes) {
  Evaluation(k, buffers, sizes).run();
}

}  // namespace tauto::proof
