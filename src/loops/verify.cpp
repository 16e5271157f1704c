// What the constructors cannot see, because it depends on what stands around a node: names, scopes, symbols.
#include <map>
#include <set>
#include <unordered_map>

#include "loops/loops.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

// What an expression needs from its surroundings.
struct Needs {
  std::map<std::string, ElementType> variables;  // free in it
  std::set<std::string> bound;                   // by its reductions
  std::set<BufferPtr> buffers;
  std::set<std::string> symbols;

  void add(const Needs& o) {
    variables.insert(o.variables.begin(), o.variables.end());
    bound.insert(o.bound.begin(), o.bound.end());
    buffers.insert(o.buffers.begin(), o.buffers.end());
    symbols.insert(o.symbols.begin(), o.symbols.end());
  }
  void add(const Dim& d) {
    std::vector<std::string> names;
    symbols_of(d, names);
    symbols.insert(names.begin(), names.end());
  }
};

struct Broken {
  std::string rule;
};
template <class... A>
[[noreturn]] void broken(const A&... a) {
  throw Broken{cat(a...)};
}

class Verifier {
 public:
  explicit Verifier(const Kernel& k) : symbols_(k.symbols.begin(), k.symbols.end()) {
    if (symbols_.size() != k.symbols.size()) broken("a symbol is listed twice");
    for (const BufferPtr& b : k.buffers) {
      if (b->scope != Scope::Argument) broken("argument ", b->name, " is of another scope");
      declare(b);
    }
    if (!k.body) broken("no statement");
    stmt(k.body);
  }

 private:
  void symbols(const std::set<std::string>& names) {
    for (const std::string& n : names)
      if (!symbols_.count(n)) broken("symbol ", n, " is not listed by the kernel");
  }

  void declare(const BufferPtr& b) {
    if (!names_.insert(b->name).second) broken("two buffers named ", b->name);
    Needs sizes;
    for (const Dim& d : b->dims) {
      sizes.add(d);
      if (b->scope == Scope::Registers && !d.is_literal())
        broken("registers ", b->name, " with the extent ", d);
    }
    for (const Layout::Part& p : b->layout.parts) {
      if (p.dim < 0 || p.dim >= static_cast<int>(b->dims.size()) || p.divisor < 1 || p.modulus < 0)
        broken("layout of ", b->name);
      sizes.add(p.stride);
    }
    sizes.add(b->layout.offset);
    sizes.add(b->layout.elements);
    symbols(sizes.symbols);
    buffers_.insert(b);
  }

  void buffer(const BufferPtr& b) {
    if (!buffers_.count(b)) broken("buffer ", b->name, " is not in scope");
  }

  void bind(const std::string& name, ElementType type) {
    if (!variables_.emplace(name, type).second) broken("variable ", name, " is bound twice");
  }

  void expr(const Expr& e) {
    const Needs& n = needs(e);
    for (const auto& [name, type] : n.variables) {
      const auto found = variables_.find(name);
      if (found == variables_.end()) broken("variable ", name, " is not bound");
      if (found->second != type) broken("variable ", name, " is ", found->second, ", used as ", type);
    }
    for (const std::string& name : n.bound)
      if (variables_.count(name)) broken("variable ", name, " is bound twice");
    for (const BufferPtr& b : n.buffers) buffer(b);
    symbols(n.symbols);
  }

  const Needs& needs(const Expr& e) {
    if (const auto found = needs_.find(e.get()); found != needs_.end()) return found->second;
    Needs n;
    if (const Variable* v = e.as<Variable>()) n.variables.emplace(v->name, e.type());
    if (const Size* s = e.as<Size>()) n.add(s->dim);
    if (const Convert* c = e.as<Convert>()) n = needs(c->from);
    if (const Bits* b = e.as<Bits>()) n = needs(b->from);
    if (const Apply* a = e.as<Apply>())
      for (const Expr& x : a->arguments) n.add(needs(x));
    if (const Load* l = e.as<Load>()) {
      for (const Expr& x : l->index) n.add(needs(x));
      n.buffers.insert(l->buffer);
    }
    if (const Probe* p = e.as<Probe>()) {
      if (p->buffer->finite) broken("store into the constant ", p->buffer->name);
      n = needs(p->value);
      for (const Expr& x : p->index) n.add(needs(x));
      n.buffers.insert(p->buffer);
    }
    if (const Reduce* r = e.as<Reduce>()) reduction(*r, n);
    keep_.push_back(e);
    return needs_.emplace(e.get(), std::move(n)).first->second;
  }

  void reduction(const Reduce& r, Needs& n) {
    for (const Expr& x : r.operands) n.add(needs(x));
    if (r.guard.defined()) n.add(needs(r.guard));
    for (const Axis& a : r.axes) {
      n.add(a.extent);
      if (!n.bound.insert(a.variable).second) broken("variable ", a.variable, " is bound twice");
      const auto used = n.variables.find(a.variable);
      if (used == n.variables.end()) continue;
      if (used->second != i64) broken("variable ", a.variable, " is i64, used as ", used->second);
      n.variables.erase(used);
    }
  }

  void stmt(const Stmt& s) {
    std::visit([&](const auto& node) { check(node); }, s->node);
  }

  void check(const Store& s) {
    buffer(s.buffer);
    if (s.buffer->finite) broken("store into the constant ", s.buffer->name);
    for (const Expr& e : s.index) expr(e);
    expr(s.value);
  }
  void check(const For& f) {
    expr(f.from);
    expr(f.to);
    if (f.kind == LoopKind::Unrolled && (!literal_index(f.from) || !literal_index(f.to)))
      broken("unrolled loop ", f.variable, " without literal bounds");
    if (f.kind == LoopKind::Parallel && inside_ != 0)
      broken("parallel loop ", f.variable, " inside another loop");
    if (f.kind == LoopKind::Lanes && lanes_) broken("lanes ", f.variable, " inside lanes");
    const bool lanes = lanes_;
    lanes_ |= f.kind == LoopKind::Lanes;
    inside_ += f.kind != LoopKind::Parallel;  // parallel loops may nest
    bind(f.variable, i64);
    stmt(f.body);
    variables_.erase(f.variable);
    inside_ -= f.kind != LoopKind::Parallel;
    lanes_ = lanes;
  }
  void check(const Block& b) {
    for (const Stmt& s : b.stmts) stmt(s);
  }
  void check(const If& i) {
    expr(i.condition);
    stmt(i.then);
  }
  void check(const Let& l) {
    expr(l.value);
    bind(l.variable, l.value.type());
    stmt(l.body);
    variables_.erase(l.variable);
  }
  void check(const Allocate& a) {
    declare(a.buffer);
    stmt(a.body);
    buffers_.erase(a.buffer);
    names_.erase(a.buffer->name);
  }

  std::set<std::string> symbols_, names_;
  std::set<BufferPtr> buffers_;
  std::map<std::string, ElementType> variables_;
  std::unordered_map<const ExprNode*, Needs> needs_;
  std::vector<Expr> keep_;
  int inside_ = 0;
  bool lanes_ = false;
};

}  // namespace

std::string verify(const Kernel& k) {
  try {
    Verifier v(k);
    return "";
  } catch (const Broken& b) {
    return b.rule;
  }
}

}  // namespace tauto::loops
