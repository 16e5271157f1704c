// A kernel as a string of numbers: every node once, children by their numbers.
#include "loops/structure.h"

#include <unordered_map>

#include "support/error.h"

namespace tauto::loops {
namespace {

class Writer {
 public:
  std::string kernel(const Kernel& k) {
    number(static_cast<int64_t>(k.buffers.size()));
    for (const BufferPtr& b : k.buffers) buffer(b);
    for (const std::string& s : k.symbols) text(s);
    stmt(k.body);
    return std::move(out_);
  }

 private:
  void number(int64_t v) { out_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void text(const std::string& s) {
    number(static_cast<int64_t>(s.size()));
    out_ += s;
  }
  void type(ElementType t) { number(static_cast<int64_t>(t.kind) * 256 + t.bits); }
  void dim(const Dim& d) {
    number(d.is_literal());
    if (d.is_literal())
      number(d.literal());
    else
      text(text_of(d));
  }

  // Writes all of it where it is first met, then its number.
  void buffer(const BufferPtr& b) {
    const auto [at, fresh] = buffers_.emplace(b.get(), buffers_.size());
    number(static_cast<int64_t>(at->second));
    if (!fresh) return;
    type(b->type);
    number(static_cast<int64_t>(b->scope) * 2 + b->finite);
    number(static_cast<int64_t>(b->dims.size()));
    for (const Dim& d : b->dims) dim(d);
    number(static_cast<int64_t>(b->layout.parts.size()));
    for (const Layout::Part& p : b->layout.parts) {
      number(p.dim);
      number(p.divisor);
      number(p.modulus);
      dim(p.stride);
    }
    dim(b->layout.offset);
    dim(b->layout.elements);
  }

  void expr(const Expr& e) {
    const auto [at, fresh] = exprs_.emplace(e.get(), exprs_.size());
    number(static_cast<int64_t>(at->second));
    if (!fresh) return;
    number(static_cast<int64_t>(e->node.index()));
    type(e.type());
    if (const auto* l = e.as<Literal>()) number(static_cast<int64_t>(l->bits));
    if (const auto* v = e.as<Variable>()) text(v->name);
    if (const auto* s = e.as<Size>()) dim(s->dim);
    if (const auto* l = e.as<Load>()) buffer(l->buffer);
    if (const auto* p = e.as<Probe>()) buffer(p->buffer);
    if (const auto* a = e.as<Apply>()) number(static_cast<int64_t>(a->function));
    if (const auto* r = e.as<Reduce>()) {
      number(static_cast<int64_t>(r->order) * 256 + static_cast<int64_t>(r->function));
      number(static_cast<int64_t>(r->axes.size()) * 2 + r->guard.defined());
      for (const Axis& a : r->axes) {
        text(a.variable);
        dim(a.extent);
      }
    }
    each_child(e, [&](const Expr& child) { expr(child); });
  }

  void stmt(const Stmt& s) {
    number(static_cast<int64_t>(s->node.index()));
    std::visit([&](const auto& node) { write(node); }, s->node);
  }
  void write(const Store& s) {
    buffer(s.buffer);
    for (const Expr& e : s.index) expr(e);
    expr(s.value);
  }
  void write(const For& f) {
    number(static_cast<int64_t>(f.kind));
    text(f.variable);
    expr(f.from);
    expr(f.to);
    number(f.step);
    stmt(f.body);
  }
  void write(const Block& b) {
    number(static_cast<int64_t>(b.stmts.size()));
    for (const Stmt& s : b.stmts) stmt(s);
  }
  void write(const If& i) {
    expr(i.condition);
    stmt(i.then);
  }
  void write(const Let& l) {
    text(l.variable);
    expr(l.value);
    stmt(l.body);
  }
  void write(const Allocate& a) {
    buffer(a.buffer);
    stmt(a.body);
  }

  std::string out_;
  std::unordered_map<const Buffer*, size_t> buffers_;
  std::unordered_map<const ExprNode*, size_t> exprs_;
};

}  // namespace

std::string structure_of(const Kernel& k) { return Writer().kernel(k); }

}  // namespace tauto::loops
